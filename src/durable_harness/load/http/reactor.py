"""One greenlet that serves all sockets and timers of the load generator: thousands of operations, one place to wait.

Everything it calls must return soon: while it runs, nothing else is sent or read. It is a greenlet and no callback of
gevent's hub, so that code of users that does block, say an output check, delays the others but works.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol

import gevent

from durable_harness.load.http.readiness import READ, WRITE, Readiness, best_readiness
from durable_harness.platforms.clocks import monotonic

logger = logging.getLogger(__name__)

BATCH = 64
"""Sockets, and timers, that are served in one turn. What is ready beyond that waits for the next one."""

SLACK_S = 0.001
"""What timers that need not be exact wait for each other, at most: a wake of the process costs more than a poll."""

Entry = tuple[float, int, "Timer", Any]
Timer = Callable[[float, Any], None]
"""Called with the moment it was due and the argument that it was given."""


OnCrash = Callable[[str, Exception], None]


def log_crash(what: str, error: Exception) -> None:
    """Log an exception that nobody expected."""
    logger.error(what, exc_info=error)


class Handler(Protocol):
    """Owner of a socket."""

    def receive(self) -> None:
        """Take from the socket what has come, note the moment, do nothing else: the others' moments wait for it."""

    def serve(self) -> None:
        """Go on with what was received, or with what could not be sent."""


class Reactor:
    """Calls handlers when their sockets are ready and timers when they are due, until it is closed."""

    def __init__(self, readiness: Readiness | None = None, on_crash: OnCrash = log_crash) -> None:
        """Make it run. `on_crash` is called, with what failed and why, for an exception that nobody expected."""
        self._readiness = readiness or best_readiness()
        self._on_crash = on_crash
        self._handlers: dict[int, Handler] = {}
        self._timers: list[Entry] = []
        self._loose_timers: list[Entry] = []
        self._numbers = itertools.count()
        self._armed: float | None = None
        self._is_open = True
        self._is_in_turn = False
        self._greenlet: Any = gevent.spawn(self._run)

    def call_at(self, moment: float, timer: Timer, argument: Any = None) -> None:
        """Call `timer(moment, argument)` at the moment or as soon as possible afterwards. It cannot be taken back."""
        heappush(self._timers, (moment, next(self._numbers), timer, argument))
        if not self._is_in_turn:
            self._arm()

    def call_about(self, moment: float, timer: Timer, argument: Any = None) -> None:
        """Call `timer(moment, argument)` at the moment, or up to `SLACK_S` later together with others of its kind."""
        heappush(self._loose_timers, (moment, next(self._numbers), timer, argument))
        if not self._is_in_turn:
            self._arm()

    def add(self, fd: int, handler: Handler, *, writing: bool = False) -> None:
        self._handlers[fd] = handler
        self._readiness.add(fd, WRITE if writing else READ)

    def change(self, fd: int, *, writing: bool) -> None:
        self._readiness.change(fd, READ | WRITE if writing else READ)

    def remove(self, fd: int) -> None:
        del self._handlers[fd]
        self._readiness.remove(fd)

    def close(self) -> None:
        """Serve nothing any longer. Sockets must have been removed."""
        if self._is_open:
            self._is_open = False
            self._timers.clear()
            self._loose_timers.clear()
            self._greenlet.kill()
            self._readiness.close()

    def _run(self) -> None:
        while self._is_open:
            self._readiness.wait()
            self._is_in_turn = True
            self._turn()
            self._is_in_turn = False
            self._arm()

    def _turn(self) -> None:
        """Read all that is ready before any of it is looked at: an answer's moment must not wait for the others."""
        handlers = self._handlers
        ready = []
        for fd, _ in self._readiness.ready(BATCH):
            handler = handlers.get(fd)
            if handler is not None:
                ready.append(handler)
                handler.receive()
        for handler in ready:
            try:
                handler.serve()
            except Exception as error:  # noqa: BLE001 - one connection must not end the others
                self._on_crash("A connection of the load generator failed", error)
        self._call_due()

    def _call_due(self) -> None:
        now = monotonic()
        self._call_until(now, self._timers)
        if gathering_ends(self._loose_timers) <= now:
            self._call_until(now, self._loose_timers)

    def _call_until(self, now: float, timers: list[Entry]) -> None:
        """Call what is due, up to a batch."""
        for _ in range(BATCH):
            if not timers or timers[0][0] > now:
                return
            due, _number, timer, argument = heappop(timers)
            try:
                timer(due, argument)
            except Exception as error:  # noqa: BLE001 - one timer must not end the others
                self._on_crash("A timer of the load generator failed", error)

    def _arm(self) -> None:
        if not self._is_open:
            return
        exact = self._timers[0][0] if self._timers else math.inf
        first = min(exact, gathering_ends(self._loose_timers))
        due = None if first == math.inf else first
        if due != self._armed or (due is not None and due <= monotonic()):
            self._armed = due
            self._readiness.arm(due)


def gathering_ends(timers: list[Entry]) -> float:
    """Return when to call the first of a heap of loose timers: exactly, unless the next one is due so soon after it."""
    if not timers:
        return math.inf
    first = timers[0][0]
    # The second of a heap is one of the next two.
    second = min((entry[0] for entry in timers[1:3]), default=math.inf)
    return first + SLACK_S if second - first < SLACK_S else first
