"""One greenlet that serves all sockets and timers of the load generator: thousands of operations, one place to wait.

Everything it calls must return soon: while it runs, nothing else is sent or read. It is a greenlet and no callback of
gevent's hub, so that code of users that does block, such as an output check, delays the others but works.
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
"""Sockets, and timers, that are served in one turn; the rest waits for the next one. More would delay the timers of a
turn with many answers, and fewer would cost more turns, each with a system call or two."""

SLACK_S = 0.001
"""The longest that timers which need not be exact wait for each other: waking the process costs more than a poll."""

Entry = tuple[float, int, "Timer", object]
Timer = Callable[[float, Any], None]  # type: ignore[explicit-any] # each takes an argument of its own type
"""Called with the moment at which it was due, and its argument."""


OnCrash = Callable[[str, Exception], None]


def log_crash(what: str, error: Exception) -> None:
    """Log an unexpected exception."""
    logger.error(what, exc_info=error)


class Handler(Protocol):
    """Handles what a socket is ready for."""

    def read_ready(self) -> None:
        """Read what has arrived and record the time.

        Do nothing else: the other ready sockets are read, and timed, only after this returns. It must not raise.
        """

    def process(self) -> None:
        """Act on what was read, or send what could not be sent before."""


class Reactor:
    """Calls handlers when their sockets are ready and timers when they are due, until it is closed."""

    def __init__(self, readiness: Readiness | None = None, on_crash: OnCrash = log_crash) -> None:
        """Start it. `on_crash` is called for an unexpected exception, with what failed and the exception."""
        self._readiness = readiness or best_readiness()
        self._on_crash = on_crash
        self._handlers: dict[int, Handler] = {}
        self._timers: list[Entry] = []
        self._loose_timers: list[Entry] = []
        self._numbers = itertools.count()
        self._armed: float | None = None
        self._is_open = True
        self._is_in_turn = False
        self._greenlet: gevent.Greenlet = gevent.spawn(self._run)

    def call_at(self, moment: float, timer: Timer, argument: object = None) -> None:
        """Schedule `timer(moment, argument)` for `moment` (`time.monotonic()` seconds) or as soon as possible after it.

        Timers cannot be cancelled.
        """
        heappush(self._timers, (moment, next(self._numbers), timer, argument))
        # In a turn the clock is set once, at its end: a turn adds many timers, and setting it is a system call.
        if not self._is_in_turn:
            self._arm()

    def call_at_or_soon_after(self, moment: float, timer: Timer, argument: object = None) -> None:
        """Schedule `timer(moment, argument)` for `moment` or up to `SLACK_S` later, together with others like it."""
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
        """Stop. All sockets must have been removed."""
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
        """Read all sockets that are ready before any response is processed, so that none is timed late."""
        handlers = self._handlers
        ready = []
        for fd, _ in self._readiness.ready(BATCH):
            handler = handlers.get(fd)
            if handler is not None:
                ready.append(handler)
                # Unguarded on purpose: it only reads, and has its own `except` for what a socket can raise.
                handler.read_ready()
        for handler in ready:
            try:
                handler.process()
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
