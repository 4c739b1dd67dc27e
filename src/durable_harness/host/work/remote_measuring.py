"""Times and costs of operations from a scheduler that has not counted them: from its states and histories.

Exact where the whole history is there. A scheduler keeps only the last execution of an instance that continued as new,
and only the last of its custom statuses: what went before is gone, and no figure is made up for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from durable_harness.protocol import TERMINAL_STATUSES, Costs, Measurement, RpcError, RpcStatus, pb, to_ns
from durable_harness.protocol.costs import costs_of, payload_size

if TYPE_CHECKING:
    from durable_harness.protocol import Scheduler

MAX_CALLS = 16
"""How many calls of one request are under way at a time."""
CREATION_TOLERANCE_NS = 1_000_000
"""How far an instance's creation and the start of its first execution may lie apart. Both are stamped as one event; the
start of a later execution comes at least one turn of a worker after the creation."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Stored:
    """An instance as the scheduler has it: its state, and the history of its last execution (empty if unknown)."""

    state: pb.OrchestrationState
    history: Sequence[pb.HistoryEvent]

    @property
    def started(self) -> pb.HistoryEvent | None:
        """Return the event that its last execution began with."""
        return next((event for event in self.history if event.HasField("executionStarted")), None)

    @property
    def ending(self) -> pb.HistoryEvent | None:
        """Return the event that it ended with."""
        return next((event for event in reversed(self.history) if event.HasField("executionCompleted")), None)

    @property
    def is_whole(self) -> bool:
        """Whether the history is surely that of the first execution, and nothing was taken back in it."""
        if self.started is None or any(event.HasField("executionRewound") for event in self.history):
            return False
        late_ns = to_ns(self.started.timestamp) - to_ns(self.state.createdTimestamp)
        return abs(late_ns) <= CREATION_TOLERANCE_NS

    @property
    def begun_ns(self) -> int | None:
        first = next((event for event in self.history if event.HasField("orchestratorStarted")), None)
        return to_ns(first.timestamp) if first is not None and self.is_whole else None

    @property
    def ended_ns(self) -> int | None:
        if self.state.orchestrationStatus not in TERMINAL_STATUSES:
            return None
        if self.state.HasField("completedTimestamp"):
            return to_ns(self.state.completedTimestamp)
        return None if self.ending is None else to_ns(self.ending.timestamp)

    def own_costs(self) -> Costs | None:
        """Return its costs without those of its children; None if they cannot be known."""
        if self.ending is None or not self.is_whole:
            return None
        costs = costs_of(self.history)
        if self.state.HasField("customStatus"):
            costs.payload_bytes = None
        return costs

    def is_child_of(self, parent: _Stored, created: pb.HistoryEvent) -> bool:
        """Whether it is the very instance that the parent's event `created` is about, not one that replaced it."""
        if self.started is None or parent.started is None:
            return False
        mine = self.started.executionStarted.parentInstance
        its = parent.started.executionStarted.orchestrationInstance
        return bool(
            mine.orchestrationInstance.instanceId == parent.state.instanceId
            and mine.orchestrationInstance.executionId.value == its.executionId.value
            and mine.taskScheduledId == created.eventId
        )


class HistoryMeasuring:
    """Measures the instances of one request, with at most MAX_CALLS calls to the scheduler at a time."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._slots = asyncio.Semaphore(MAX_CALLS)

    async def measure(self, ids: Collection[str]) -> Mapping[str, Measurement]:
        """Return what is known by id; instances that the scheduler does not know are left out."""
        names = list(ids)
        measured = await asyncio.gather(*(self._measure(instance_id) for instance_id in names))
        return {instance_id: found for instance_id, found in zip(names, measured, strict=True) if found is not None}

    async def _measure(self, instance_id: str) -> Measurement | None:
        stored = await self._read(instance_id)
        if stored is None:
            return None
        costs = await self._total(stored)
        if costs is not None and stored.state.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED:
            assert stored.ending is not None
            costs.add(Costs(payload_bytes=payload_size(stored.ending.executionCompleted.result.value)))
        return Measurement(to_ns(stored.state.createdTimestamp), stored.begun_ns, stored.ended_ns, costs)

    async def _total(self, stored: _Stored) -> Costs | None:
        """Return the costs of an instance and its sub-orchestrations; None if one of them is not known whole."""
        costs = stored.own_costs()
        if costs is None:
            return None
        created = [event for event in stored.history if event.HasField("subOrchestrationInstanceCreated")]
        for child in await asyncio.gather(*(self._child(stored, event) for event in created)):
            if child is None:
                return None
            costs.add(child)
        return costs

    async def _child(self, parent: _Stored, created: pb.HistoryEvent) -> Costs | None:
        child = await self._read(created.subOrchestrationInstanceCreated.instanceId)
        return await self._total(child) if child is not None and child.is_child_of(parent, created) else None

    async def _read(self, instance_id: str) -> _Stored | None:
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        answer = await self._call(lambda: self._scheduler.get_instance(request))
        return _Stored(answer.orchestrationState, await self._history(instance_id)) if answer.exists else None

    async def _history(self, instance_id: str) -> list[pb.HistoryEvent]:
        """Return an instance's history; nothing if it was just purged, or if the scheduler does not give histories."""

        async def read() -> list[pb.HistoryEvent]:
            request = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
            chunks = self._scheduler.stream_instance_history(request)
            return [event async for chunk in chunks for event in chunk.events]

        try:
            return await self._call(read)
        except RpcError as error:
            if error.status in {RpcStatus.NOT_FOUND, RpcStatus.UNIMPLEMENTED}:
                return []
            raise

    async def _call(self, call: Callable[[], Awaitable[_T]]) -> _T:
        async with self._slots:
            return await call()
