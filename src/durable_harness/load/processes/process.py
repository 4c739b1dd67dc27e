"""What every process of a run does, in any role: begin a run, wind it up, end it once.

Locust fires the events of a run from whichever greenlet happens to end it, several of them at once if the run's time is
up while Ctrl-C is pressed, and kills such greenlets when it quits. So winding up and ending have greenlets of
their own, which Locust does not know, and the events only wait for them.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import gevent
from gevent.event import Event
from locust import log
from locust.env import Environment

from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.http import log_crash
from durable_harness.load.lifecycle.listeners import guard_greenlets, guard_listeners
from durable_harness.load.lifecycle.locust_signals import Signals
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.platforms.clocks import monotonic

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 5.0
"""How long Locust may take to see that a run has begun, before which it would not stop it."""
STOP_TIMEOUT_S = 15.0
"""How long Locust may take to stop its users once a run is wound up."""
POLL_S = 0.05
NOT_STARTED = ("ready", "stopped")
"""STATE_INIT and STATE_STOPPED of `locust.runners`."""
GUARDED_EVENTS = ("test_start", "test_stopping", "test_stop", "quitting", "quit")


class RunPhase(Enum):
    """Where a process is in its run."""

    IDLE = "idle"
    RUNNING = "running"
    WINDING_UP = "winding up"


class Interruption(NamedTuple):
    """A signal that came before the run had its verdict."""

    at: float
    """When it came, in seconds of `time.monotonic()`."""
    phase: RunPhase
    """IDLE if the run was over already, and was being judged."""


class LocustProcess(ABC):
    """Listens to Locust's events and takes each step of a run once, however often its event is fired."""

    signals: Signals
    loaded_scenarios: Callable[[], Iterable[str]]
    """Names the scenarios that Locust has loaded, those that take no part in the run too."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.run: LoadRun | None = None
        self.rehearsed: LoadOptions | None = None
        """The options of the operation before the load, while that is under way."""
        self.tried: set[str] = set()
        """The ids of such operations, which do not belong to the run."""
        self.phase = RunPhase.IDLE
        self.interruption: Interruption | None = None
        self.is_leaving = False
        """Whether the process ends by our doing: no run begins any longer."""
        self._is_quitting = self._has_quit = False
        self._has_begun, self._wound_up, self._ended = Event(), Event(), Event()
        for step in (self._has_begun, self._wound_up, self._ended):
            step.set()
        events = environment.events
        events.test_start.add_listener(lambda **_: self.start_test())
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        events.quit.add_listener(self._on_quit)
        for name in GUARDED_EVENTS:
            guard_listeners(getattr(events, name), partial(self._on_exit, f"A listener of {name}"))
        guard_greenlets(partial(self._on_exit, "A task or another greenlet"), lambda: self._has_quit)

    @abstractmethod
    def set_up(self) -> None:
        """Prepare before any load; raise HarnessError to refuse the run."""

    @abstractmethod
    def begin(self, options: LoadOptions) -> None:
        """A run begins."""

    @abstractmethod
    def wind_up(self) -> None:
        """Start no more operations, and wait until those in flight have ended or their time is over."""

    @abstractmethod
    def give_up(self) -> None:
        """Make a wind_up that another greenlet waits in return at once."""

    @abstractmethod
    def end(self) -> None:
        """The run is over: report its figures."""

    @abstractmethod
    def tear_down(self) -> None:
        """The process is about to exit. Can be called twice."""

    @abstractmethod
    def read_options(self) -> LoadOptions:
        """Return the options of the run that begins."""

    @abstractmethod
    def hurry(self) -> None:
        """Cut short what `end` waits for."""

    def interrupt(self) -> None:
        """Remember that a signal asks the process to end; the first one of a run counts."""
        if self.interruption is None and not self._ended.is_set():
            self.interruption = Interruption(monotonic(), self.phase)

    def take_signal(self) -> None:
        """End the process because of a signal: the run first, and sooner with every further signal."""
        self.interrupt()
        if self.phase is RunPhase.WINDING_UP:
            self.give_up()
        elif self.phase is RunPhase.IDLE and not self._ended.is_set():
            self.hurry()
        self.leave()

    def leave(self) -> None:
        """End the run, then Locust, in the way in which Locust ends at the end of its run time."""
        if self.is_leaving or self._is_quitting:
            return
        self.is_leaving = True
        self._finish()
        if not self._is_quitting:
            self.environment.runner.quit()
            if self.environment.web_ui is not None:
                self.environment.web_ui.stop()

    def stop_runner(self) -> None:
        """End the test that is running."""
        self.environment.runner.stop()

    def start_test(self) -> None:
        """Begin a run.

        Does nothing if it has begun: a listener that is added while Locust fires an event is called in some of its
        versions and not in others.
        """
        if self.phase is RunPhase.RUNNING:
            return
        self._ended.wait()
        if self.is_leaving:
            # It ends Locust's greenlet that would start users next, without a complaint.
            raise gevent.GreenletExit
        options = self.read_options()
        for step in (self._has_begun, self._wound_up, self._ended):
            step.clear()
        self.interruption = None
        self.phase = RunPhase.RUNNING
        try:
            self.begin(options)
        finally:
            self._has_begun.set()

    def _on_test_stopping(self, **_: object) -> None:
        self._has_begun.wait()
        if self.phase is RunPhase.RUNNING:
            self.phase = RunPhase.WINDING_UP
            gevent.spawn(self._take, self.wind_up, self._wound_up)
        self._wound_up.wait()

    def _on_test_stop(self, **_: object) -> None:
        self._wound_up.wait()
        if self.phase is RunPhase.WINDING_UP:
            self.phase = RunPhase.IDLE
            gevent.spawn(self._take, self.end, self._ended)
        self._ended.wait()

    def _on_quitting(self, **_: object) -> None:
        """Locust quits: make sure that the run is over."""
        # Locust's handler of SIGTERM gets here in the same moment in which ours is to be called.
        gevent.sleep(0)
        if self._is_quitting:
            # Two greenlets shut Locust down. The first one will exit, and this one with it.
            Event().wait()
        self._is_quitting = True
        if self.phase is RunPhase.RUNNING:
            # Whatever else ends a run stops it before Locust quits.
            self.interrupt()
        try:
            self._finish()
        finally:
            self.tear_down()

    def _on_quit(self, **_: object) -> None:
        """Locust exits with a code that nothing may change any longer."""
        self._has_quit = True
        self.signals.ignore()

    def _on_exit(self, who: str, code: Any) -> None:
        """Take note of a call of `sys.exit`: the process ends, but in order."""
        logger.warning("%s called sys.exit(%r): Locust ends after the report of the run", who, code)
        status = code if isinstance(code, int) else int(code is not None)
        if not self.environment.process_exit_code:
            self.environment.process_exit_code = status or None
        gevent.spawn(self.leave)

    def _finish(self) -> None:
        """End the run, in any state that Locust has for it, and return once it is over."""
        if self.phase is RunPhase.RUNNING:
            self._await_start()
            if self.phase is RunPhase.RUNNING:
                self.stop_runner()
            self._on_test_stopping()
        elif self.phase is RunPhase.WINDING_UP:
            self._wound_up.wait()
            # Whoever stops the run lets Locust stop its users in between.
            self._ended.wait(timeout=STOP_TIMEOUT_S)
        self._on_test_stop()

    def _await_start(self) -> None:
        """Wait until Locust knows that a test is running: it does not stop one whose start it still announces."""
        self._has_begun.wait()
        latest = monotonic() + START_TIMEOUT_S
        while self.environment.runner.state in NOT_STARTED and monotonic() < latest:
            gevent.sleep(POLL_S)

    def _take(self, step: Callable[[], None], taken: Event) -> None:
        """Take a step of the run; a bug in it must not keep the process from ending."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - what a scenario or a listener raises
            log_crash(f"A run cannot {step.__name__.replace('_', ' ')}", error)
            log.unhandled_greenlet_exception = True
        finally:
            taken.set()
