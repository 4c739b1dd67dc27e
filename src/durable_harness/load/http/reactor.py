"""One greenlet that serves all sockets and timers of the load generator: thousands of operations, one place to wait.

Everything it calls must return soon: while it runs, nothing else is sent or read. It is a greenlet and no callback of
gevent's hub, so that code of users that does block, say an output check, delays the others but works.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from heapq import heappop, heappush
from time import monotonic
from typing import Any, Protocol

import gevent

from durable_harness.load.http.readiness import READ, WRITE, Readiness, best_readiness

logger = logging.getLogger(__name__)

BATCH = 64
"""Sockets, and timers, that are served in one turn. What is ready beyond that waits for the next one."""

Timer = Callable[[float, Any], None]
"""Called with the moment it was due and the argument that it was given."""


class Handler(Protocol):
    """Owner of a socket."""

    def receive(self) -> None:
        """Take from the socket what has come, note the moment, do nothing else: the others' moments wait for it."""

    def serve(self) -> None:
        """Go on with what was received, or with what could not be sent."""


class Reactor:
    """Calls handlers when their sockets are ready and timers when they are due, until it is closed."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        self._readiness = readiness or best_readiness()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timer, Any]] = []
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
            except Exception:
                logger.exception("A connection of the load generator failed")
        self._call_due()

    def _call_due(self) -> None:
        timers = self._timers
        now = monotonic()
        for _ in range(BATCH):
            if not timers or timers[0][0] > now:
                return
            due, _number, timer, argument = heappop(timers)
            try:
                timer(due, argument)
            except Exception:
                logger.exception("A timer of the load generator failed")

    def _arm(self) -> None:
        if not self._is_open:
            return
        due = self._timers[0][0] if self._timers else None
        if due != self._armed or (due is not None and due <= monotonic()):
            self._armed = due
            self._readiness.arm(due)
