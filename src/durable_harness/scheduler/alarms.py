"""Due times of others than this scheduler's own work: the timer functions of a host.

They fire on the way when time is moved or skipped, and it waits for what they bring about, but they are no reason to
skip time: a timer is always due again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable

from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.clock import RealClock
from durable_harness.wording.lengths import NS_PER_S

logger = own_logger("durable_harness.scheduler")

MOST_FIRINGS = 1_000
"""How often an alarm of one name fires on the way to one time: who moves ahead by a month waits for no more."""


class Ringing:
    """An alarm that has come due, as work under way: time waits for it no longer than for an activity."""

    kind = Kind.ACTIVITY


class Alarms:
    """The alarms on the clock of a scheduler; `on_quiet` is called whenever one has stopped ringing."""

    def __init__(self, clock: RealClock, on_quiet: Callable[[], None], set_asleep: Callable[[str, bool], None]) -> None:
        """Make the alarms of a clock. `set_asleep` is given the token of work that sleeps until its alarm, or wakes."""
        self._clock = clock
        self._on_quiet = on_quiet
        self._set_asleep = set_asleep
        self.ringing: set[Ringing] = set()
        self._set_count = 0
        self._sleeping: dict[object, Callable[[], None]] = {}
        self._destination_ns: int | None = None
        self._fired: Counter[str] = Counter()

    @property
    def are_set(self) -> bool:
        """Whether any alarm is set or rings."""
        return self._set_count > 0

    def on_the_way_to(self, elapsed_ns: int | None) -> None:
        """Note how far time is about to be moved, in elapsed time; None if it is not."""
        if elapsed_ns != self._destination_ns:
            self._destination_ns = elapsed_ns
            self._fired.clear()

    async def sleep(self, token: str, seconds: float) -> None:
        """Return when a time has come on this clock, which may be moved or skipped while the work waits for it."""
        woken = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                self._set_asleep(token, False)  # noqa: FBT003 - at work again before time can pass
                woken.set_result(None)

        self._sleeping[woken] = wake
        self._clock.call_at(self._clock.now_ns() + int(seconds * NS_PER_S), wake)
        self._set_asleep(token, True)  # noqa: FBT003 - same
        self._on_quiet()
        try:
            await woken
        finally:
            del self._sleeping[woken]
            self._set_asleep(token, False)  # noqa: FBT003 - same
            woken.cancel()

    def wake_all(self) -> None:
        """Wake every worker that sleeps until a time."""
        for wake in list(self._sleeping.values()):
            wake()

    async def alarm(self, name: str, due_ns: int) -> AsyncGenerator[int, None]:
        """Set an alarm; `durable_harness.protocol.alarms` has the contract."""
        ringing, came = Ringing(), asyncio.get_running_loop().create_future()

        def ring() -> None:
            if not came.done():
                self.ringing.add(ringing)
                self._fired[name] += 1
                came.set_result(None)

        self._clock.call_at(self._bounded(name, due_ns), ring, is_awaited=False)
        self._set_count += 1
        try:
            yield self._clock.now_ns()
            await came
            yield self._clock.now_ns()
            await asyncio.get_running_loop().create_future()  # rings until its owner closes it
        finally:
            self._set_count -= 1
            came.cancel()
            self.ringing.discard(ringing)
            self._on_quiet()

    def _bounded(self, name: str, due_ns: int) -> int:
        """Return when an alarm fires: at the end of a move that it has fired too often in."""
        if self._destination_ns is None or self._fired[name] < MOST_FIRINGS:
            return due_ns
        end_ns = self._destination_ns + self._clock.epoch_ns
        if due_ns < end_ns and self._fired[name] == MOST_FIRINGS:
            logger.warning(
                "'%s' was due %d times while time was moved: it is due once more at the end, and not in between.",
                name,
                MOST_FIRINGS,
            )
        return max(due_ns, end_ns)
