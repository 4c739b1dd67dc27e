"""`durable-harness init`: what it writes for which starters, and what it says next."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from durable_harness.cli import main
from durable_harness.errors import UsageError
from durable_harness.experiments import kit, tryouts
from durable_harness.experiments.tryouts import NAMED, Tried, Tryout
from durable_harness.load.preflight import App, Starter

READY = Starter("/api/begin", "begin")
NEEDY = Starter("/api/{kind}/begin", "needy", ("kind",))


@pytest.fixture
def init(monkeypatch, tmp_path, capsys):
    """Return init(*tried, app, words, written, left): the code and the output of the command."""
    (tmp_path / "function_app.py").write_text("")

    def run(*tried, app=None, words=(), written=("loadtests/begin.py",), left=()):
        app = App(tuple(one.starter for one in tried), ()) if app is None else app
        monkeypatch.setattr(
            tryouts, "try_starters", lambda _folder, named: asked.append(named) or Tryout(app, [*tried])
        )
        paths = [tmp_path / path for path in written]
        monkeypatch.setattr(
            kit,
            "write_kit",
            lambda _folder, starters: kits.append(starters) or SimpleNamespace(written=paths, left=left),
        )
        code = main(["init", str(tmp_path), *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    asked, kits = [], []
    run.asked, run.kits = asked, kits
    return run


def test_an_app_without_starters_gets_nothing(init):
    """The message has what the app has instead, and how to name a start."""
    code, text = init(app=App((), ("GET /api/orders",)))
    assert code == UsageError.exit_code
    assert "nothing was written:" in text
    assert "GET /api/orders" in text
    assert "--start-path" in text
    assert init.kits == []


@pytest.mark.parametrize("has_needy", [True, False])
def test_a_path_that_the_app_lacks_gets_nothing(init, has_needy):
    """A named path that is no route is refused; a starter that needs input is explained."""
    wrong = Tried(Starter("/api/none", NAMED), works=False, why="HTTP 404", is_route=False)
    app = App((NEEDY if has_needy else READY,), ())
    code, text = init(wrong, app=app, words=("--start-path", "/api/none", "--start-method", "put"))
    assert code == UsageError.exit_code
    assert "nothing was written: HTTP 404" in text
    assert ("Fill in {kind}" in text) is has_needy
    assert init.asked[0] == Starter("/api/none", NAMED, method="PUT")


def test_what_was_written_is_named(init, tmp_path):
    """Files that were there already stay, and the next commands are named, from the folder of the app."""
    code, text = init(Tried(READY, works=True), left=("gates.toml is there",))
    assert code == 0
    assert "begin.py" in text
    assert "left as it is: gates.toml is there" in text
    assert "next: cd " in text
    assert "durable-harness load" in text
    assert init.asked == [None]


def test_in_the_folder_of_the_app_there_is_no_cd(init, tmp_path, monkeypatch):
    """The next command is the load test itself."""
    monkeypatch.chdir(tmp_path)
    assert "next: durable-harness load" in init(Tried(READY, works=True))[1]
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("works", "written", "is_marked"), [(False, ("loadtests/begin.py",), True), (False, ("gates.toml",), False)]
)
def test_what_needs_input_is_marked(init, works, written, is_marked):
    """If no starter works the files that are run are to be completed first; without such a file there is no mark."""
    _, text = init(Tried(READY, works=works, why="HTTP 400"), written=written)
    assert ("remove the marks" in text) is is_marked


def test_a_function_that_starts_nothing_is_left_out(init):
    """No scenario is written for it."""
    init(Tried(READY, works=True), Tried(NEEDY, works=False, is_starter=False))
    assert [[one.starter for one in starters] for starters in init.kits] == [[READY]]
