"""The clock that every due time of a scheduler hangs on: timers, retries, delayed signals, scheduled starts.

The wall clock may be set back or ahead at any moment. What waits must not notice: it waits for time that really passes.
So the clock counts elapsed time, and an epoch says which time of day that is counted from. After a step of the wall
clock the epoch is another one for what begins then; whatever began before keeps the epoch that it began with. In each
orchestration time passes steadily, and due times are kept by elapsed time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol.values import LATEST_NS
from durable_harness.wording.lengths import NS_PER_S

STEP_NS = NS_PER_S // 10
"""The wall clock was set if it is at least this far from the time that has elapsed."""
SAME_MOMENT_NS = NS_PER_S // 100
"""Readings of the two clocks within this time count as one moment: well below STEP_NS, so that a pause is no step."""
READ_TRIES = 5
"""How often both clocks are read to get such a pair. Without one, the next reading decides."""
ROOM_YEARS = 30
LATEST_MOVED_NS = LATEST_NS - ROOM_YEARS * 366 * 86_400 * NS_PER_S
"""No clock is moved beyond this time of day: the app has room for its own timers behind it."""
CHECK_INTERVAL_S = 1.0
"""While anything is due the clock looks this often: timers of the event loop stand still while a computer sleeps."""


class Clock(Protocol):
    """The current time, and callbacks when due times come, in their order."""

    @property
    def epoch_ns(self) -> int:
        """What elapsed time is counted from for what begins now, in nanoseconds since 1970."""

    @property
    def is_moved(self) -> bool:
        """Whether it was ever moved ahead by hand: its times are modelled from then on."""

    def elapsed_ns(self, epoch_ns: int = 0) -> int:
        """Return the time that has passed for this clock, counted from an epoch, in nanoseconds. It never goes back."""

    def now_ns(self) -> int:
        """Return the present in nanoseconds since 1970. It follows the wall clock, also where that is set back."""

    def call_at(
        self,
        due_ns: int,
        callback: Callable[[], None],
        epoch_ns: int | None = None,
        *,
        is_awaited: bool = True,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Call `callback` once, on the event loop, when `due_ns` has come, counted from an epoch or the present one.

        What is not awaited is no reason to skip time; it fires when time is skipped over it. What is no longer wanted,
        such as the timer of an orchestration that has ended, need not fire, and no time is skipped for it.
        """

    def on_step(self, callback: Callable[[], None]) -> None:
        """Call back whenever the wall clock was found to be set, with the epoch that is there since then."""


class Due(NamedTuple):
    """A due time. The number puts those of one moment in the order in which they came."""

    elapsed_ns: int
    number: int
    callback: Callable[[], None]
    is_awaited: bool
    is_wanted: Callable[[], bool]


class RealClock:
    """The wall clock. One heap and one event-loop callback serve any number of due times; none costs a thread.

    `advance` and `skip` move it ahead by hand: what becomes due fires in the order of its due times, at its due time.
    It begins `ahead_s` seconds ahead of the wall clock. `wall_ns` and `steady_ns` are what it reads.
    """

    def __init__(
        self,
        ahead_s: float = 0.0,
        wall_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = steady_ns,
    ) -> None:
        self._wall_ns, self._steady_ns = wall_ns, steady_ns
        self._ahead_ns = int(ahead_s * NS_PER_S)
        self.is_moved = self._ahead_ns > 0
        self._zero_ns = steady_ns()  # what the steady clock showed when no time had passed yet
        self._passed_ns = 0  # by the latest reading
        self._epoch_ns = wall_ns()
        self._due: list[Due] = []
        self._awaited_count = 0
        self._sequence = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._on_step: list[Callable[[], None]] = []
        self._is_held = False

    @property
    def epoch_ns(self) -> int:
        self.elapsed_ns()  # it may find that the wall clock was set
        return self._epoch_ns

    @property
    def ahead_s(self) -> float:
        """How far it was moved by hand, in seconds."""
        return self._ahead_ns / NS_PER_S

    def elapsed_ns(self, epoch_ns: int = 0) -> int:
        passed_ns = self._steady_ns() - self._zero_ns
        deviation_ns = self._wall_ns() - self._epoch_ns - passed_ns
        if passed_ns < self._passed_ns or not -STEP_NS < deviation_ns < STEP_NS:
            self._look_closely()
        else:  # nearly always: both clocks went on alike
            self._passed_ns = passed_ns
        return self._passed_ns + self._ahead_ns + epoch_ns

    def now_ns(self) -> int:
        return self.elapsed_ns() + self._epoch_ns

    def on_step(self, callback: Callable[[], None]) -> None:
        self._on_step.append(callback)

    def _look_closely(self) -> None:
        """Read both clocks until a step of the wall clock differs from a pause of this process between the readings."""
        for _ in range(READ_TRIES):
            before_ns, wall_ns, after_ns = self._steady_ns(), self._wall_ns(), self._steady_ns()
            self._zero_ns = min(self._zero_ns, after_ns - self._passed_ns)  # a steady clock in a test's hands went back
            self._passed_ns = after_ns - self._zero_ns
            deviation_ns = wall_ns - self._epoch_ns - self._passed_ns
            if after_ns - before_ns < SAME_MOMENT_NS:
                if abs(deviation_ns) >= STEP_NS:
                    self._follow_step(deviation_ns)
                break

    def _follow_step(self, deviation_ns: int) -> None:
        self._epoch_ns += deviation_ns
        for callback in self._on_step:
            callback()

    def advance(self, seconds: float) -> None:
        """Move the clock ahead. Due times within the move fire one by one, each seeing its own time."""
        self.move_to(self.elapsed_ns() + int(seconds * NS_PER_S))

    def skip(self) -> bool:
        """Jump to the next due time and fire what is due then, no more: it may be work. False if none is awaited."""
        if self._is_held:
            return False
        self._drop_unwanted()
        if self.next_due_ns is None or not self._awaited_count:
            return False
        self.move_to(self.next_due_ns)
        return True

    @property
    def due_count(self) -> int:
        """How many due times it waits for."""
        return len(self._due)

    @property
    def next_due_ns(self) -> int | None:
        """The next due time, in elapsed time."""
        return self._due[0].elapsed_ns if self._due else None

    @property
    def next_awaited_due_ns(self) -> int | None:
        """The next due time for whose sake time is skipped, in elapsed time."""
        awaited = (due.elapsed_ns for due in self._due if due.is_awaited and due.is_wanted())
        return min(awaited, default=None)

    def move_to(self, until_ns: int) -> None:
        """Move the clock ahead to an elapsed time, as `advance` does; one that has passed only fires what is due."""
        while self._due and self._due[0].elapsed_ns <= until_ns:
            self._jump_to(self._due[0].elapsed_ns)
            self._fire_next()
        self._jump_to(until_ns)
        self._arm()

    @property
    def is_held(self) -> bool:
        """Whether nothing fires for now, however late it is."""
        return self._is_held

    def hold(self, *, on: bool) -> None:
        """Hold back all that comes due until the clock is released. It then fires, in order."""
        self._is_held = on
        if not on:
            self._fire()

    def forget_awaited(self) -> None:
        """Drop every due time for whose sake time is skipped: what they were for is gone."""
        self._keep(lambda due: not due.is_awaited)
        self._arm()

    def _drop_unwanted(self) -> None:
        """Drop what would be skipped to in vain. If the next due time is wanted and awaited, no other is checked."""
        while self._due and not self._due[0].is_wanted():
            self._awaited_count -= heapq.heappop(self._due).is_awaited
        if self._due and not self._due[0].is_awaited:
            self._keep(lambda due: due.is_wanted())

    def _keep(self, is_kept: Callable[[Due], bool]) -> None:
        self._due = [due for due in self._due if is_kept(due)]
        heapq.heapify(self._due)
        self._awaited_count = sum(due.is_awaited for due in self._due)

    def _jump_to(self, elapsed_ns: int) -> None:
        self._ahead_ns += max(0, elapsed_ns - self.elapsed_ns())
        self.is_moved = self._ahead_ns > 0

    def call_at(
        self,
        due_ns: int,
        callback: Callable[[], None],
        epoch_ns: int | None = None,
        *,
        is_awaited: bool = True,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        due_elapsed_ns = due_ns - (self.epoch_ns if epoch_ns is None else epoch_ns)
        heapq.heappush(self._due, Due(due_elapsed_ns, next(self._sequence), callback, is_awaited, is_wanted))
        self._awaited_count += is_awaited
        if self._due[0].elapsed_ns == due_elapsed_ns:
            self._arm()

    def _arm(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        if self._due:
            delay_s = max(0.0, (self._due[0].elapsed_ns - self.elapsed_ns()) / NS_PER_S)
            self._wakeup = asyncio.get_running_loop().call_later(min(delay_s, CHECK_INTERVAL_S), self._fire)

    def _fire(self) -> None:
        if self._is_held:
            return
        elapsed_ns = self.elapsed_ns()
        while self._due and self._due[0].elapsed_ns <= elapsed_ns:
            self._fire_next()
        self._arm()

    def _fire_next(self) -> None:
        due = heapq.heappop(self._due)
        self._awaited_count -= due.is_awaited
        due.callback()
