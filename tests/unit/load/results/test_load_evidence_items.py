"""What the evidence file of a run has in it, and the values of options as a document can hold them."""

from types import SimpleNamespace

import pytest

from durable_harness.gate.writing import WrittenReports
from durable_harness.load.results.run_evidence import RunFacts, _items, _plain


@pytest.fixture
def options(tmp_path):
    """Return the options of a run as far as evidence needs them."""
    (tmp_path / "host.json").write_text("{}")
    return SimpleNamespace(report_dir=tmp_path / "reports", app_dir=tmp_path, gates_file=None, service_file=None)


def names(options, log_path=None, **facts):
    """Return the names of all parts."""
    run = RunFacts(SimpleNamespace(), [], **{"served_here": False, "has_begun": False, **facts})
    return [item.name for item in _items(WrittenReports((), ()), options, log_path, run)]


def test_a_run_without_load_has_no_records(options, tmp_path):
    """Records that are there are of an earlier run; the app is in the file if it is served here."""
    found = names(options)
    assert "operations" in found
    assert not any("host.json" in name for name in found)
    assert any("host.json" in name for name in names(options, served_here=True))


def test_files_that_are_there_are_in_it(options, tmp_path):
    """Records, the log of the host, gates and the service; a path that leads to no file is left out."""
    folder = options.report_dir / "operations"
    folder.mkdir(parents=True)
    for path in (folder / "local.parquet", tmp_path / "gates.toml", tmp_path / "host.log"):
        path.write_text("")
    options.gates_file, options.service_file = tmp_path / "gates.toml", tmp_path / "none.toml"
    found = names(options, tmp_path / "host.log", has_begun=True)
    assert {"operations/local.parquet", "host.log", "gates.toml"} <= set(found)
    assert "service.toml" not in found
    assert "host.log" not in names(options, tmp_path / "none.log", has_begun=True)


def test_options_are_plain_values(tmp_path):
    """Functions are left out, and what no document can hold is text."""
    parsed = SimpleNamespace(users=3, host=None, report_dir=tmp_path, run=print, name="a")
    assert _plain(parsed) == {"host": None, "name": "a", "report_dir": str(tmp_path), "users": 3}


def test_empty_secrets_are_none(options):
    """An empty text would be found, and hidden, everywhere."""
    assert RunFacts(SimpleNamespace(), ["", "key", None], served_here=True, has_begun=True).secrets == ("key",)
