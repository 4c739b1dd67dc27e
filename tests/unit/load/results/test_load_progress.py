"""The line that shows the progress of a run."""

import io

import gevent
import pytest

from durable_harness.load.results import progress
from durable_harness.load.results.progress import CLEAR_LINE, Progress
from tallies import record, run_of


class Stream(io.StringIO):
    """A stream that is a terminal, or none."""

    def __init__(self, *, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.fixture
def shown(monkeypatch):
    """Return shown(is_terminal): what two looks at a run write, and the close after them."""

    def run(*, is_terminal):
        stream, looks = Stream(is_terminal=is_terminal), []

        def sleep(interval_s):
            if len(looks) == 2:
                gevent.getcurrent().kill()
            looks.append(interval_s)

        monkeypatch.setattr(progress.gevent, "sleep", sleep)
        made = Progress(lambda: run_of(record()), 60.0, stream)
        made._greenlet.join()
        made.close()
        return stream.getvalue(), looks

    return run


def test_a_log_gets_a_line_now_and_then(shown):
    """Where no terminal is each line stays, without codes or a bar."""
    text, looks = shown(is_terminal=False)
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text
    assert "▕" not in text
    assert "completed 1" in text
    assert set(looks) == {progress.PLAIN_INTERVAL_S}


def test_a_terminal_has_one_line(shown):
    """The line is written over the one before, and is empty in the end."""
    text, looks = shown(is_terminal=True)
    assert "\n" not in text
    assert text.count(CLEAR_LINE) == 3
    assert text.endswith(CLEAR_LINE)
    assert "▕" in text
    assert set(looks) == {progress.TERMINAL_INTERVAL_S}
