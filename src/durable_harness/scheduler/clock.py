"""The clock that every due time of a scheduler hangs on: timers, retries, delayed signals, scheduled starts."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

NANOSECONDS = 1_000_000_000


class Clock(Protocol):
    """Tells the time and calls back when a due time comes, in the order of due times."""

    def now_ns(self) -> int:
        """Return the present in nanoseconds since the epoch, never earlier than told before."""

    @property
    def is_moved(self) -> bool:
        """Whether it was ever moved ahead by hand: its times are modelled from then on."""

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> None:
        """Call `callback` once, on the event loop, when `due_ns` has come."""


class RealClock:
    """The wall clock. One heap and one event-loop callback serve any number of due times; none costs a thread.

    `advance` and `skip` move it ahead by hand: what becomes due fires in the order of its due times, at its due time.
    """

    def __init__(self) -> None:
        self._ahead_ns = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._last_ns = 0

    def now_ns(self) -> int:
        self._last_ns = max(self._last_ns, time.time_ns() + self._ahead_ns)
        return self._last_ns

    @property
    def is_moved(self) -> bool:
        return self._ahead_ns > 0

    def advance(self, seconds: float) -> None:
        """Move the clock ahead. Due times within the move fire one by one, each seeing its own time."""
        self.move_to(self.now_ns() + int(seconds * NANOSECONDS))

    def skip(self) -> bool:
        """Jump to the next due time and fire what is due then, and no more: it may be work. False where nothing is."""
        if self.next_due_ns is None:
            return False
        self.move_to(self.next_due_ns)
        return True

    @property
    def next_due_ns(self) -> int | None:
        return self._due[0][0] if self._due else None

    def move_to(self, until_ns: int) -> None:
        """Move the clock ahead to a time, as `advance` does; one that has passed only fires what is due."""
        while self._due and self._due[0][0] <= until_ns:
            self._jump_to(self._due[0][0])
            heapq.heappop(self._due)[2]()
        self._jump_to(until_ns)
        self._arm()

    def _jump_to(self, time_ns: int) -> None:
        self._ahead_ns += max(0, time_ns - self.now_ns())

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> None:
        heapq.heappush(self._due, (due_ns, next(self._sequence), callback))
        if self._due[0][0] == due_ns:
            self._arm()

    def _arm(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        if self._due:
            delay_s = max(0.0, (self._due[0][0] - self.now_ns()) / NANOSECONDS)
            self._wakeup = asyncio.get_running_loop().call_later(delay_s, self._fire)

    def _fire(self) -> None:
        now_ns = self.now_ns()
        while self._due and self._due[0][0] <= now_ns:
            heapq.heappop(self._due)[2]()
        self._arm()
