"""What a person may see of a running scheduler beyond the protocol, and how its clock is moved from there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol import RpcError, RpcStatus, pb, unwrap_text
from durable_harness.protocol.overview import (
    ClockView,
    EntityInside,
    PartView,
    QueueView,
    Reason,
    WorkerView,
    WorkView,
)
from durable_harness.protocol.run_again import PAYLOADS, RunAgain
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.dispatch import Dispatcher, Work, WorkerStream
from durable_harness.scheduler.running_again import part_of, problem_of, run_again, waits_of
from durable_harness.scheduler.service import SchedulerService
from durable_harness.scheduler.time_control import HELD, TimeControl

FIXED_CLOCK = (
    "The clock of this scheduler is that of the machine. Start it with --time skip or --test-control to move it."
)


@dataclass(frozen=True)
class OwnWorker:
    """The worker in the scheduler's own process, which gives no name: what it is, and what it has of each kind."""

    name: str
    names: Mapping[str, Sequence[str]]


class ServiceOverview:
    """The `durable_harness.protocol.overview.Overview` of a scheduler in this process."""

    def __init__(self, service: SchedulerService, *, may_move_time: bool, own_worker: OwnWorker | None = None) -> None:
        self._service = service
        self._time = TimeControl(service)
        self._own_worker = own_worker or OwnWorker("", {})
        self._may_move_time = may_move_time or service.options.skip_time

    def workers(self, hub: str) -> Sequence[WorkerView]:
        return [_worker(stream, self._own_worker) for stream in self._service.hub(hub).dispatcher.streams()]

    def queue(self, hub: str) -> QueueView:
        dispatcher = self._service.hub(hub).dispatcher
        waiting = sorted(_waiting(dispatcher), key=lambda work: -work.oldest_age_ns)
        in_hand = sorted(_grouped(dispatcher.in_hand(), None), key=lambda work: -work.oldest_age_ns)
        return QueueView(waiting, in_hand)

    def entity(self, hub: str, entity_id: str) -> EntityInside:
        return self._service.hub(hub).entities.inside(entity_id)

    def clock(self) -> ClockView:
        clock = self._service.clock
        due_ns = clock.next_due_ns
        return ClockView(
            now_ns=clock.now_ns(),
            wall_ns=time.time_ns(),
            ahead_s=clock.ahead_s,
            is_skipping=self._service.skipping,
            may_be_moved=self._may_move_time,
            due_count=clock.due_count,
            next_due_ns=None if due_ns is None else due_ns + clock.epoch_ns,
        )

    def skip(self, *, on: bool) -> None:
        self._check_movable()
        self._time.skip(on=on)

    async def advance(self, seconds: float) -> None:
        self._check_movable()
        if self._service.clock.is_held:
            raise RpcError(RpcStatus.FAILED_PRECONDITION, HELD)
        try:
            await self._time.advance(seconds)
        except ValueError as error:
            raise RpcError(RpcStatus.FAILED_PRECONDITION, str(error)) from None

    async def run_again(self, hub: str, asked: RunAgain) -> str:
        return await run_again(self._service.hub(hub), asked)

    async def history_part(self, hub: str, instance_id: str, event: int) -> PartView:
        request = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
        chunks = self._service.hub(hub).stream_instance_history(request)
        return _part_view([past async for chunk in chunks for past in chunk.events], event)

    def _check_movable(self) -> None:
        if not self._may_move_time:
            raise RpcError(RpcStatus.FAILED_PRECONDITION, FIXED_CLOCK)


def _part_view(events: Sequence[pb.HistoryEvent], number: int) -> PartView:
    part = part_of(events, number)
    kind = events[number - 1].WhichOneof("eventType")
    field = PAYLOADS.get(kind)
    started = next((past.executionStarted for past in events if past.HasField("executionStarted")), None)
    return PartView(
        kind,
        unwrap_text(started, "input") if started is not None else None,
        unwrap_text(getattr(events[number - 1], kind), field) if field else None,
        len(part.past),
        [_in_words(past) for past in waits_of(part)],
        problem_of(part),
    )


def _in_words(past: pb.HistoryEvent) -> str:
    return f"activity {past.taskScheduled.name}" if past.HasField("taskScheduled") else "a timer"


def _worker(stream: WorkerStream, own: OwnWorker) -> WorkerView:
    return WorkerView(
        stream.name or own.name,
        stream.connected_ns,
        {kind.value: stream.limit(kind) for kind in Kind},
        {kind.value: stream.held[kind] for kind in Kind},
        None
        if stream.takes_everything
        else {
            kind.value: {name: sorted(stream.versions(kind, name)) for name in stream.names_of(kind)} for kind in Kind
        },
        stream.keeps_executions,
        {} if stream.name else own.names,
    )


def _waiting(dispatcher: Dispatcher) -> Iterator[WorkView]:
    now_ns = steady_ns()
    for (kind, name, version), queue in dispatcher.ready():
        reason = Reason.NO_ROOM if dispatcher.is_taken(kind, name, version) else Reason.NO_WORKER
        age_ns = now_ns - queue[0][1].times.ready_ns
        yield WorkView(kind.value, name, version, len(queue), age_ns, reason)
    yield from _grouped(((work, work.times.ready_ns) for work in dispatcher.resting()), Reason.RESTING)


def _grouped(works: Iterable[tuple[Work, int]], reason: Reason | None) -> Iterator[WorkView]:
    """Count work by kind, name and version; each comes with the moment of the steady clock since when it is so."""
    now_ns = steady_ns()
    counts: dict[tuple[str, str, str], tuple[int, int]] = {}
    for work, since_ns in works:
        key = (work.kind.value, work.name, work.version)
        count, oldest_ns = counts.get(key, (0, since_ns))
        counts[key] = (count + 1, min(oldest_ns, since_ns))
    for (kind, name, version), (count, oldest_ns) in counts.items():
        yield WorkView(kind, name, version, count, now_ns - oldest_ns, reason)
