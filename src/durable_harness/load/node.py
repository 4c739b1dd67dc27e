"""What every Locust process does for the harness, whatever its role: begin a run, wind it up, end it once."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, NamedTuple

from gevent.event import Event

from durable_harness.load.options import LoadOptions
from durable_harness.load.run import Run

LAST_WORDS_TIMEOUT_S = 15.0


class Phase(Enum):
    """Where a process is in its run."""

    IDLE = "idle"
    RUNNING = "running"
    WINDING_UP = "winding up"


class Interruption(NamedTuple):
    """A signal that came before the run had its verdict."""

    at: float
    """When it came, in seconds of `time.monotonic()`."""
    phase: Phase
    """IDLE if the run was over already, and was being judged."""


class Node(ABC):
    """Listens to Locust's events and leads them into the steps of a run.

    Locust may fire the end of a run more than once (its time is up, somebody presses stop, Ctrl-C), from different
    greenlets; every step is taken once.
    """

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self.run: Run | None = None
        self.phase = Phase.IDLE
        self.interruption: Interruption | None = None
        self._ended = Event()
        self._ended.set()
        events = environment.events
        events.test_start.add_listener(lambda **_: self.start_test())
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)

    @abstractmethod
    def set_up(self) -> None:
        """Get ready before any load; raise HarnessError to refuse."""

    @abstractmethod
    def begin(self, options: LoadOptions) -> None:
        """A run begins."""

    @abstractmethod
    def wind_up(self) -> None:
        """Let nothing start any longer, and wait until what is in flight has ended or its time is over."""

    @abstractmethod
    def give_up(self) -> None:
        """Make a wind_up that another greenlet waits in return at once."""

    @abstractmethod
    def end(self) -> None:
        """The run is over: tell its figures."""

    @abstractmethod
    def tear_down(self) -> None:
        """The process is about to exit."""

    @abstractmethod
    def read_options(self) -> LoadOptions:
        """Return the options of the run that begins."""

    def interrupt(self) -> None:
        """Remember that a signal asks the process to end; the first one of a run counts."""
        if self.interruption is None and not self._ended.is_set():
            self.interruption = Interruption(time.monotonic(), self.phase)

    def stop_runner(self) -> None:
        """End the test that is running."""
        self.environment.runner.stop()

    def start_test(self) -> None:
        """Begin a run.

        Does nothing if it has begun: a listener that is added while Locust fires an event is called in some of its
        versions and not in others.
        """
        if self.phase is Phase.RUNNING:
            return
        options = self.read_options()
        self._ended.clear()
        self.interruption = None
        self.phase = Phase.RUNNING
        self.begin(options)

    def _on_test_stopping(self, **_: Any) -> None:
        if self.phase is not Phase.IDLE:
            self.phase = Phase.WINDING_UP
            self.wind_up()

    def _on_test_stop(self, **_: Any) -> None:
        if self.phase is Phase.WINDING_UP:
            self.phase = Phase.IDLE
            try:
                self.end()
            finally:
                self._ended.set()

    def _on_quitting(self, **_: Any) -> None:
        """Locust quits, on Ctrl-C in the midst of a run, or of its winding up in another greenlet."""
        try:
            if self.phase is Phase.RUNNING:
                # Whatever else ends a run stops it before Locust quits.
                self.interrupt()
                self.stop_runner()
            elif self.phase is Phase.WINDING_UP:
                self.give_up()
                self._ended.wait(timeout=LAST_WORDS_TIMEOUT_S)
            else:
                # Another greenlet may be about its last words: the run was ended from two sides.
                self._ended.wait()
        finally:
            self.tear_down()
