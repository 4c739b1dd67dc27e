"""Serving an app whose files change: when its host is started again, and when the command ends."""

import logging
from pathlib import Path

import pytest

from durable_harness.errors import AppLoadError, PortInUseError
from durable_harness.stack.reloading import loop
from durable_harness.stack.reloading.loop import ReloadOptions, _Reloading


class Host:
    """A host whose process is ready, or has ended, as a test decides for each look at the files."""

    def __init__(self, looks, has_spare_port=False):
        self.looks, self.has_spare_port = list(looks), has_spare_port
        self.events = []
        self.now = None

    def watch(self, *_):
        """Yield what has changed at each look."""
        for changed, now in self.looks:
            self.now = now
            yield changed

    def start(self):
        self.events.append("start")

    def stop(self):
        self.events.append("stop")

    def is_ready(self):
        return self.now == "ready"

    def take_facts(self):
        self.events.append("facts")
        return {}

    def exit_code(self):
        return self.now if isinstance(self.now, int) else None

    def give_up_dashboard_port(self):
        return self.has_spare_port


@pytest.fixture
def serve(monkeypatch):
    """Serves by what is seen at each look; returns the exit code, what was done with the host, and the lines."""

    def serve(*looks, **host):
        lines = []
        played = Host(looks, **host)
        monkeypatch.setattr(loop, "changed_files", played.watch)
        monkeypatch.setattr(loop, "announce", lambda text, _format, level: lines.append((level, text)))
        reloading = _Reloading(ReloadOptions([], Path("app")), played)
        try:
            code = reloading.run()
        except AssertionError:  # the looks are used up
            code = None
        return code, played.events, lines

    return serve


def test_a_change_starts_the_app_again(serve):
    """The files that have changed are named, the first of them."""
    _, events, lines = serve(
        ([], "ready"), (["a.py"], "ready"), ([f"{n}.py" for n in range(loop.MOST_NAMES + 2)], None)
    )
    assert events == ["start", "facts", "stop", "start", "stop", "start"]
    assert lines[0] == (logging.INFO, "a.py changed: the app starts again.")
    assert "2 more changed" in lines[1][1]


def test_a_host_that_cannot_start_ends_the_command(serve):
    """What no change of a file would mend ends the command with the host's exit code."""
    assert serve(([], None), ([], 2))[0] == 2


def test_an_app_that_does_not_load_waits_for_a_change(serve):
    """A mistake in a file is reported once, and the next change starts the app again."""
    code = AppLoadError.exit_code
    ended, events, lines = serve(([], code), ([], code), (["a.py"], code))
    assert (ended, events) == (None, ["start", "stop", "start"])
    assert lines[0] == (logging.WARNING, "The app does not load. It starts again when a file changes.")
    assert len(lines) == 2


def test_a_host_that_ended_later_waits_for_a_change(serve):
    """A host that has served and ends by itself is reported with its exit code, and does not end the command."""
    ended, events, lines = serve(([], "ready"), ([], 1))
    assert (ended, events) == (None, ["start", "facts"])
    assert "has ended, with exit code 1" in lines[0][1]


@pytest.mark.parametrize(("has_spare_port", "starts"), [(True, 2), (False, 1)])
def test_a_port_that_was_taken_meanwhile_is_given_up(serve, has_spare_port, starts):
    """The dashboard takes another port if it had one by default; one that was asked for is waited for."""
    _, events, lines = serve(([], "ready"), ([], PortInUseError.exit_code), has_spare_port=has_spare_port)
    assert events.count("start") == starts
    assert bool(lines) is not has_spare_port
