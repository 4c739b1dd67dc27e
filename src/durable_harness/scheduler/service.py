"""The scheduler as a whole: its task hubs, their common store and clock."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from durable_harness.errors import HarnessError
from durable_harness.protocol import RpcError, RpcStatus
from durable_harness.scheduler.alarms import Alarms
from durable_harness.scheduler.clock import LATEST_MOVED_NS, RealClock
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.limits.checks import DEFAULT_MAX_PAYLOAD_BYTES
from durable_harness.scheduler.storage.journal import Journal
from durable_harness.scheduler.storage.store import Durability, Store
from durable_harness.settings.task_hubs import DEFAULT_HUB, DYNAMIC_HUBS_VARIABLE, HUBS_VARIABLE
from durable_harness.wording.lengths import NS_PER_S

DEFAULT_LEASE_TIMEOUT_S = 3600.0
"""When a worker is taken to hang. Long, as an activity that takes longer is run twice.."""


@dataclass(frozen=True)
class SchedulerOptions:
    """What a scheduler is made of. `data` None keeps everything in memory; `skip_time` jumps over idle time.

    `ahead_s` is how far the clock was moved by hand when another process on the same file ended.
    """

    hubs: tuple[str, ...] = (DEFAULT_HUB,)
    dynamic_hubs: bool = False
    stored_hubs: bool = False
    """Whether to open all task hubs that the file has. Dynamic ones are opened in any case."""
    data: Path | None = None
    durability: Durability = "normal"
    skip_time: bool = False
    ahead_s: float = 0.0
    lease_timeout_s: float = DEFAULT_LEASE_TIMEOUT_S
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES


@dataclass(frozen=True)
class ClosedHub:
    """A task hub that the file has and that is not served: nothing in it runs."""

    name: str
    instances: int
    living: int
    """How many of them have not ended."""
    entities: int

    def __str__(self) -> str:
        living = f", {self.living:,} of them not ended" if self.living else ""
        entities = f", {_counted(self.entities, 'entity', 'entities')}" if self.entities else ""
        return f"'{self.name}' ({_counted(self.instances, 'instance', 'instances')}{living}{entities})"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _closed(store: Store, name: str) -> ClosedHub:
    queries = (
        "SELECT COUNT(*) FROM instances WHERE hub = ?",
        "SELECT COUNT(*) FROM instances WHERE hub = ? AND completed_ns = 0",
        "SELECT COUNT(*) FROM entities WHERE hub = ?",
    )
    return ClosedHub(name, *(next(store.rows(query, (name,)))[0] for query in queries))


class SchedulerService:
    """Task hubs by name. Must be made, used and closed on one event loop."""

    def __init__(self, options: SchedulerOptions) -> None:
        self.options = options
        self.clock = RealClock(options.ahead_s)
        self.skipping = options.skip_time
        self._skip_until_ns: int | None = None
        self.alarms = Alarms(self.clock, self._stopped_ringing, self._set_asleep)
        self.progress = asyncio.Event()
        """Set when an alarm no longer rings, and by whoever has the journal set it after each commit."""
        store = Store(options.data, options.durability)
        self.hubs: dict[str, TaskHub] = {}
        self.closed_hubs: list[ClosedHub] = []
        """The task hubs that the file has and that were not asked for."""
        try:
            self.journal = Journal(store)
            self._open_all()
        except BaseException as error:
            store.close()
            if isinstance(error, sqlite3.Error):  # not seen by the check of its structure
                raise store.refusal(error) from error
            raise
        if self.skipping:
            self.journal.on_each_commit(self.skip_if_idle)

    def hub(self, name: str) -> TaskHub:
        """Return a task hub; one not known is made on first use where hubs are dynamic, else NOT_FOUND."""
        hub = self.hubs.get(name)
        if hub is None:
            if not self.options.dynamic_hubs or not name:
                raise RpcError(RpcStatus.NOT_FOUND, self._not_found(name))
            hub = self._open(name)
        return hub

    @property
    def problem(self) -> str | None:
        """Why nothing can be written now, None if it can."""
        return self.journal.problem

    def _not_found(self, name: str) -> str:
        if not name:
            return "Task hub not found: the call names an empty one. Give the connection string a TaskHub."
        hubs = ",".join([*self.hubs, name])
        return (
            f"Task hub not found: {name}. Start the scheduler with --task-hubs {hubs} or {HUBS_VARIABLE}={hubs},"
            f" or let it make hubs on first use: --dynamic-task-hubs or {DYNAMIC_HUBS_VARIABLE}=true."
        )

    def on_failure(self, callback: Callable[[HarnessError], None]) -> None:
        """Call back with the error that ends the scheduler, if one does: its file is damaged."""
        self.journal.on_failure(callback)

    async def finish(self) -> None:
        """Take no more requests, and return when those that were taken are answered. The servers are stopped next."""
        await self.journal.finish()

    async def close(self) -> None:
        await self.journal.close()

    def _open_all(self) -> None:
        store = self.journal.store
        query = "SELECT hub FROM instances GROUP BY hub UNION SELECT hub FROM entities GROUP BY hub"
        stored = [str(name) for (name,) in list(store.rows(query))]
        opens_stored = self.options.dynamic_hubs or self.options.stored_hubs
        for name in dict.fromkeys([*self.options.hubs, *(stored if opens_stored else [])]):
            self._open(name)
        self.closed_hubs = [_closed(store, name) for name in stored if name not in self.hubs]
        if not self.closed_hubs and store.in_hand is not None:
            store.in_hand.forget_left()

    def _open(self, name: str) -> TaskHub:
        options = self.options
        hub = TaskHub(
            name,
            self.clock,
            self.journal,
            max_payload_bytes=options.max_payload_bytes,
            lease_timeout_s=options.lease_timeout_s,
        )
        self.hubs[name] = hub
        hub.state.load()
        return hub

    async def empty(self) -> None:
        """Forget everything that the task hubs hold, as if they were new. The clock stays where it is.

        Nothing waits any longer for what workers have in hand; a worker that sleeps until a time continues now.
        """
        self.journal.admit()
        await self.journal.written()
        self.alarms.wake_all()
        self.clock.forget_awaited()
        for hub in self.hubs.values():
            hub.state.forget_all()
        await self.journal.settled()
        for hub in self.hubs.values():
            hub.dispatcher.drop_unawaited()  # what was on its way into the queues meanwhile

    def skip_time(self, *, on: bool, at_most_s: float | None = None) -> None:
        """Skip to the next due time whenever no work is under way, no further than `at_most_s` from now."""
        if on != self.skipping:
            self.skipping = on
            (self.journal.on_each_commit if on else self.journal.off_each_commit)(self.skip_if_idle)
        limited = on and at_most_s is not None
        self._skip_until_ns = self.clock.elapsed_ns() + int((at_most_s or 0) * NS_PER_S) if limited else None
        self.skip_if_idle()

    @property
    def skippable_s(self) -> float | None:
        """How far time may still be skipped, in seconds; None if there is no limit."""
        if self._skip_until_ns is None:
            return None
        return max(0, self._skip_until_ns - self.clock.elapsed_ns()) / NS_PER_S

    def skip_if_idle(self) -> None:
        """If time is skipped, jump to the next due time until work is running, waiting or being written."""
        while self.skipping and self._is_idle() and self._may_skip():
            if self.alarms.are_set:
                self.alarms.on_the_way_to(self.clock.next_awaited_due_ns)
            if not self.clock.skip():
                return

    def _may_skip(self) -> bool:
        soonest_ns = self.clock.next_due_ns
        if soonest_ns is not None and soonest_ns > LATEST_MOVED_NS - self.clock.epoch_ns:
            return False
        if self._skip_until_ns is None:
            return True
        due_ns = self.clock.next_awaited_due_ns
        return due_ns is not None and due_ns <= self._skip_until_ns

    def _is_idle(self) -> bool:
        is_busy = any(hub.dispatcher.busy for hub in self.hubs.values())
        return self.journal.idle and not is_busy and not self.alarms.ringing

    def _set_asleep(self, token: str, is_asleep: bool) -> None:  # noqa: FBT001 - a callback
        for hub in self.hubs.values():
            hub.dispatcher.set_asleep(token, is_asleep=is_asleep)

    def _stopped_ringing(self) -> None:
        self.skip_if_idle()
        self.progress.set()
