"""How a test controls the clock of a scheduler: skip time, move it, hold it, or let it pass."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime

from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.alarms import Ringing
from durable_harness.scheduler.clock import LATEST_MOVED_NS
from durable_harness.scheduler.dispatch import Work
from durable_harness.scheduler.service import SchedulerService
from durable_harness.wording.lengths import NS_PER_S

DEFAULT_PATIENCE_S = 1.0
"""After how long without any work done, in real time, the work under way counts as hanging."""
HELD = "time is held by a test and cannot be moved: let it go first, with durable_clock.release()"
BEYOND = (
    "time cannot be moved beyond"
    f" {datetime.fromtimestamp(LATEST_MOVED_NS // NS_PER_S, UTC).date()}: this scheduler's clock ends there"
)
TURN_PATIENCE_S = 10.0
"""Turns and entity batches do not wait for anything, so that one which takes this long has no worker."""


class TimeControl:
    """Moves the time of all task hubs of a scheduler, on its event loop. It can only be moved ahead."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service
        self._hanging: dict[int, Work | Ringing] = {}

    @property
    def now_s(self) -> float:
        """The scheduler's present, in seconds since the epoch."""
        return self._service.clock.now_ns() / NS_PER_S

    def skip(self, *, on: bool, at_most_s: float | None = None) -> None:
        """Skip to the next due time whenever no work is under way, or stop skipping.

        It jumps no further than `at_most_s` from now.
        """
        self._service.skip_time(on=on, at_most_s=at_most_s)

    def hold(self, *, on: bool) -> None:
        """Hold back all that comes due until time is released, whether it passes or is skipped."""
        self._service.clock.hold(on=on)
        self._service.skip_if_idle()

    def state(self) -> dict[str, object]:
        """Return how far it was moved ahead, whether and how far it skips, and whether it is held.

        Another process resumes from there.
        """
        service = self._service
        return {
            "ahead_s": service.clock.ahead_s,
            "skipping": service.skipping,
            "skippable_s": service.skippable_s,
            "held": service.clock.is_held,
        }

    async def advance(
        self, seconds: float, patience_s: float = DEFAULT_PATIENCE_S, limit_s: float | None = None
    ) -> float:
        """Move time ahead by `seconds`, from one due time to the next; return the present, in seconds since the epoch.

        Before each step and after the last, the work under way is waited for, so that what it makes due within
        the move fires in it. Activities are given up as hanging when for `patience_s` real seconds nothing has got
        done; they are not waited for again. After `limit_s` real seconds it stops on the way.
        """
        clock = self._service.clock
        if clock.is_held:
            raise ValueError(HELD)
        if clock.now_ns() + int(seconds * NS_PER_S) > LATEST_MOVED_NS:
            raise ValueError(BEYOND)
        ends_s = math.inf if limit_s is None else time.monotonic() + limit_s
        target_ns = clock.elapsed_ns() + int(seconds * NS_PER_S)
        self._service.alarms.on_the_way_to(target_ns)
        try:
            while True:
                await self.quiet(patience_s)
                due_ns = clock.next_due_ns
                if due_ns is None or due_ns > target_ns:
                    break
                if time.monotonic() > ends_s:
                    return self.now_s
                clock.move_to(due_ns)
        finally:
            self._service.alarms.on_the_way_to(None)
        clock.move_to(target_ns)
        return self.now_s

    async def quiet(self, patience_s: float) -> None:
        """Return when only work that hangs is under way, and note which: nothing got done in that time."""
        journal, progress = self._service.journal, self._service.progress
        journal.on_each_commit(progress.set)
        try:
            while (work := self._going_on()) or not journal.idle:
                only_activities = all(one.kind is Kind.ACTIVITY for one in work.values()) and journal.idle
                progress.clear()
                try:
                    async with asyncio.timeout(patience_s if only_activities else max(patience_s, TURN_PATIENCE_S)):
                        await progress.wait()
                except TimeoutError:
                    self._hanging |= work
        finally:
            journal.off_each_commit(progress.set)

    def _going_on(self) -> dict[int, Work | Ringing]:
        outstanding: list[Work | Ringing] = [*self._service.alarms.ringing]
        for hub in self._service.hubs.values():
            outstanding += hub.dispatcher.outstanding()
        by_identity = {id(work): work for work in outstanding}
        self._hanging = {key: work for key, work in self._hanging.items() if key in by_identity}
        return {key: work for key, work in by_identity.items() if key not in self._hanging}
