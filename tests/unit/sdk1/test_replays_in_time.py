"""Replays that are interrupted, or take too long: what ends them, and with which exit code."""

import os
import signal
from pathlib import Path

import pytest

from durable_harness.errors import INTERRUPTED, DifferentHistoryError, UsageError
from durable_harness.replay import in_time
from durable_harness.replay.in_time import TimeUp, Watch, replay_in_time
from durable_harness.replay.replay_results import DIFFERENT, OK, FileResult, history_files
from durable_harness.sigterm import TERMINATED, Terminated

FILE = Path("history.json")


@pytest.fixture
def left(monkeypatch):
    """The exit codes with which the process was left, which it is not here."""
    codes = []

    def leave(code):
        codes.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    return codes


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [(signal.SIGINT, KeyboardInterrupt, INTERRUPTED), (signal.SIGTERM, Terminated, TERMINATED)],
)
def test_the_second_signal_is_final(left, capsys, number, error, code):
    """The first signal is raised in the code, which may swallow it; the second ends the process."""
    watch = Watch()
    with pytest.raises(error):
        watch._on_signal(number, None)
    with pytest.raises(SystemExit):
        watch._on_signal(number, None)
    assert left == [code]
    assert capsys.readouterr().err == "interrupted\n"


def test_code_that_swallows_its_end_is_left(left, capsys):
    """Code whose time is up is interrupted a few times; then the process ends with where the code was first."""
    watch = Watch()
    for _ in range(in_time.MOST_ALARMS - 1):
        with pytest.raises(TimeUp):
            watch._on_alarm(None)
    with pytest.raises(SystemExit):
        watch._on_alarm(None)
    assert left == [DifferentHistoryError.exit_code]
    assert "not to be stopped" in capsys.readouterr().err


def test_an_interruption_is_raised_after_its_block():
    """An interruption that the code swallowed is raised at the end, and the handlers are those of before."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), Watch() as watch, pytest.raises(Terminated):
        watch._on_signal(signal.SIGTERM, None)
    assert signal.getsignal(signal.SIGTERM) is before


def replayed(monkeypatch, end, watch=None):
    """Replay a file whose code ends like this."""

    def replay(_files, _app):
        return [end(watch or Watch())] if end else []

    monkeypatch.setattr(in_time, "replay_files", replay)
    return replay_in_time(FILE, None, watch or Watch(), 60)


def test_a_replay_in_time_has_its_result(monkeypatch):
    """A replay that was neither interrupted nor late is what it came to."""
    result = FileResult(str(FILE), OK, "o", 3)
    assert replayed(monkeypatch, lambda _watch: result) is result


def test_a_replay_that_is_late_is_different(monkeypatch):
    """A history once ended, so a replay that does not is different, and the reason has the line of the code."""
    watch = Watch()

    def run_late(_watch):
        watch.late_at = "app.py:7"
        raise TimeUp

    found = replayed(monkeypatch, run_late, watch)
    assert (found.result, found.reason) == (DIFFERENT, "was not over after 60 s; the code was at app.py:7")


def test_a_late_replay_that_ended_keeps_its_size(monkeypatch):
    """Code that swallowed its end is late too, and what is known of its history is shown."""
    watch = Watch()

    def swallow(_watch):
        watch.late_at = "app.py:7"
        return FileResult(str(FILE), OK, "o", 3)

    found = replayed(monkeypatch, swallow, watch)
    assert (found.result, found.orchestrator, found.events) == (DIFFERENT, "o", 3)


def test_an_interrupted_replay_has_no_result(monkeypatch):
    """What looks like the failure of the code was the interruption."""
    watch = Watch()

    def interrupt(_watch):
        watch.interrupt = KeyboardInterrupt()
        return FileResult(str(FILE), DIFFERENT, "o", 3)

    with pytest.raises(KeyboardInterrupt):
        replayed(monkeypatch, interrupt, watch)


def test_a_folder_without_histories_is_an_error(tmp_path):
    """A folder stands for the files below it: one at least must be there."""
    with pytest.raises(UsageError, match=r"There is no \*\.json in the folder"):
        history_files([tmp_path])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.json").touch()
    assert history_files([tmp_path, FILE]) == [tmp_path / "deep" / "a.json", FILE]
