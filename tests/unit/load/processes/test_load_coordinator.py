"""What a coordinator does beside the run: signals before it, its end, what no page shows, and its last words."""

from importlib import import_module
from types import SimpleNamespace

import pytest

from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, UsageError
from durable_harness.gate.writing import WrittenReports


@pytest.fixture
def module(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.processes.coordinator")


@pytest.fixture
def coordinator(module, monkeypatch):
    """Return a process without a run, headless; what it does is in `coordinator.acts`."""
    single = import_module("durable_harness.load.processes.single").SingleProcess
    made = object.__new__(single)
    made.acts = []
    parsed = SimpleNamespace(
        headless=True, autostart=False, function_key=None, headers="", csv_prefix=None, run_time=None
    )
    runner = SimpleNamespace(stop=lambda: made.acts.append("stop"), quit=lambda: made.acts.append("quit"))
    made.environment = SimpleNamespace(
        parsed_options=parsed, runner=runner, host="http://user:word@mine.example", user_classes=[]
    )
    made.run_id, made.run, made.target = "", None, None
    made.phase, made.is_leaving = module.RunPhase.IDLE, False
    made._verdict, made._has_late_signal, made._last_words = None, False, ""
    made.signals = SimpleNamespace(ignore=lambda: made.acts.append("ignore"))
    monkeypatch.setattr(module, "end_forked_workers", lambda: made.acts.append("workers"))
    monkeypatch.setattr(made, "tear_down", lambda: made.acts.append("tear down"))
    monkeypatch.setattr(module, "raise_in_main", lambda error: made.acts.append(error.code))
    monkeypatch.setattr(module.JudgingProcess, "take_signal", lambda _self: made.acts.append("signal"), raising=False)
    return made


def test_a_signal_before_the_run_ends_the_process(coordinator, capsys):
    """Nothing was measured: it says so once, ends its workers and closes what it has opened."""
    coordinator.take_signal()
    coordinator.take_signal()
    assert coordinator.acts == ["workers", "tear down", "ignore", INTERRUPTED]
    assert capsys.readouterr().err == f"locust: {NOTHING_MEASURED}\n"


def test_a_signal_in_a_run_is_the_runs(coordinator, capsys):
    """A process that waits for its page, and one that has a run, take it in order."""
    coordinator.run_id = "run"
    coordinator.take_signal()
    coordinator.run_id, coordinator.environment.parsed_options.headless = "", False
    coordinator.take_signal()
    assert coordinator.acts == ["signal", "signal"]
    assert capsys.readouterr().err == ""


def test_a_signal_after_the_verdict_is_too_late(coordinator, module, capsys):
    """It is acknowledged once; on a page runs can follow, so nothing is."""
    coordinator.run_id, coordinator._verdict = "run", "PASSED"
    coordinator.environment.parsed_options.headless = False
    coordinator.take_signal()
    assert capsys.readouterr().err == ""
    coordinator.environment.parsed_options.headless = True
    coordinator.take_signal()
    coordinator.take_signal()
    assert capsys.readouterr().err == f"locust: {module.TOO_LATE}\n"


@pytest.mark.parametrize(("headless", "act"), [(True, "quit"), (False, "stop")])
def test_what_ends_a_run_early_ends_a_headless_locust(coordinator, headless, act):
    """With a page Locust stays, for the next run."""
    coordinator.environment.parsed_options.headless = headless
    coordinator._stop()
    assert coordinator.acts == [act]


def test_no_page_shows_a_secret(coordinator, module):
    """The key, the headers, the token of the run, and user name and password of the host are known to the guard."""
    parsed = coordinator.environment.parsed_options
    parsed.function_key, parsed.headers = "key", "a: one\nb: two"
    assert {"key", "a: one", "b: two", module.JOINING.token, "user:word"} == set(coordinator._secrets())
    coordinator.home = module.Home("http://other:secret@mine.example")
    assert "other:secret" in set(coordinator._secrets())


@pytest.mark.parametrize("has_log", [True, False])
def test_the_log_of_the_stack_is_named(coordinator, tmp_path, has_log):
    """That is where the cause of a failure is found; a host elsewhere has no log here."""
    log = tmp_path / "host.log"
    coordinator.target = SimpleNamespace(log_path=log) if has_log else None
    assert coordinator._with_log(WrittenReports((), ())).paths == ((log,) if has_log else ())


def test_a_second_run_waits_for_the_first(coordinator, module, monkeypatch):
    """The form may not start a run against another host while one is in progress, and none at a host without a key."""
    monkeypatch.setattr(module.LoadOptions, "read", lambda _parsed: SimpleNamespace(function_key=None))
    coordinator.environment.host = "http://mine.example"
    coordinator.home = module.Home("http://mine.example")
    for phase in (module.RunPhase.IDLE, module.RunPhase.RUNNING):
        coordinator.phase = phase
        assert coordinator._check_run(SimpleNamespace(host="http://mine.example"), []) is None
    with pytest.raises(UsageError, match=r"A run against http://mine\.example is still running"):
        coordinator._check_run(SimpleNamespace(host="http://other.example"), [])


def test_last_words_are_plain_where_they_must_be(coordinator, monkeypatch, module):
    """A terminal whose encoding lacks a character gets a plain one; words are printed once."""
    shown = []
    monkeypatch.setattr(module, "show", shown.append)
    monkeypatch.setattr(module, "sys", SimpleNamespace(stdout=SimpleNamespace(encoding="ascii", flush=lambda: None)))
    coordinator._last_words = "─ done"
    coordinator._say_last_words()
    coordinator._say_last_words()
    assert shown == ["- done", ""]


def test_a_process_without_a_run_has_no_figures(coordinator):
    """Winding up and giving up do nothing, and the tally is empty."""
    coordinator.wind_up()
    coordinator.give_up()
    assert coordinator.total().scenarios == {}
