"""The evidence file of `ab` and `capacity`: what is in it, and how the command ends with it."""

import argparse
import json
import sys
import zipfile

import pytest

from durable_harness.cli.experiment_evidence import RECORDS, gathering
from durable_harness.errors import InvalidRunError, ReportError
from durable_harness.operations import OperationRecord, OperationState


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Return options(**changes): those of an experiment with an evidence file."""
    monkeypatch.setattr(sys, "argv", ["durable-harness", "ab"])
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "reports").mkdir()

    def make(**changes):
        values = {
            "evidence": tmp_path / "evidence.zip",
            "report_dir": tmp_path / "reports",
            "headers": "",
            "service": None,
            "payload": "",
            "run": print,
        }
        return argparse.Namespace(**{**values, **changes})

    return make


def completed():
    """Return the record of an operation that has ended."""
    record = OperationRecord(token="t", intended=1.0, epoch_offset_s=1000.0, sent=1.0, accepted=1.1, ended=2.0)
    record.state = OperationState.COMPLETED
    return record


def content(path):
    """Return the texts of a file's parts by their names, without the folder that all are in."""
    with zipfile.ZipFile(path) as file:
        return {name.partition("/")[2] or name: file.read(name) for name in file.namelist()}


def names_in(path):
    """Return the names of all parts of a file, joined."""
    with zipfile.ZipFile(path) as file:
        return " ".join(file.namelist())


def test_without_a_file_nothing_is_gathered(options, tmp_path, capsys):
    """The code stays as it is, and the experiment keeps no records."""
    with gathering(options(evidence=None), tmp_path, ["ab.json"]) as gathered:
        assert list(gathered.options) == ["log_dir"]
        assert gathered.finish(1, "slower") == 1
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "evidence.zip").exists()


def test_the_file_has_all_that_is_there(options, tmp_path, capsys):
    """Reports, records, logs, gates, the service and the app are in the file, whose path is printed."""
    for name in ("gates.toml", "service.toml"):
        (tmp_path / name).write_text("# empty\n")
    given = options(gates=str(tmp_path / "gates.toml"), service=tmp_path / "service.toml")
    with gathering(given, tmp_path, ["ab.json", "missing.json"]) as gathered:
        gathered.options["keep"]("base 1", [completed()])
        (given.report_dir / "ab.json").write_text("{}")
        (gathered.options["log_dir"] / "base.log").write_text("began\n")
        assert gathered.finish(0, "not slower") == 0
    names = names_in(given.evidence)
    for name in ("ab.json", RECORDS, "logs/base.log", "gates.toml", "service.toml", "host.json", "settings.json"):
        assert name in names
    assert "missing.json" not in names
    assert capsys.readouterr().out == f"Evidence: {given.evidence}\n"


def test_what_is_missing_is_left_out(options, tmp_path):
    """Without records, gates and a service none of them is in the file; of a host elsewhere there is no app."""
    given = options(host="http://127.0.0.1:1", gates=str(tmp_path / "none.toml"), service=tmp_path / "none.toml")
    with gathering(given, tmp_path, ["ab.json"]) as gathered:
        assert gathered.finish(3, "nothing") == 3
    names = names_in(given.evidence)
    assert not any(name in names for name in ("ab.json", RECORDS, "gates.toml", "service.toml", "host.json"))
    settings = next(text for name, text in content(given.evidence).items() if name.endswith("settings.json"))
    assert "run" not in json.loads(settings)["options"]


@pytest.mark.parametrize(
    ("error", "words"),
    [(InvalidRunError("too late"), b"by an error: too late"), (KeyboardInterrupt(), b"interrupted before anything")],
)
def test_an_error_is_in_the_file_too(options, tmp_path, error, words):
    """What ended the experiment is passed on, and the file says so."""
    given = options()
    with pytest.raises(type(error)), gathering(given, tmp_path, []):
        raise error
    assert any(words in text for text in content(given.evidence).values())


@pytest.mark.parametrize(("code", "expected"), [(0, ReportError.exit_code), (1, 1)])
def test_a_file_that_cannot_be_written(options, tmp_path, capsys, code, expected):
    """The reason is printed; it changes the code of a command that would have ended well, and no other."""
    given = options()
    with gathering(given, tmp_path, []) as gathered:
        given.evidence.mkdir()
        assert gathered.finish(code, "slower") == expected
    assert "Evidence:" not in capsys.readouterr().out
