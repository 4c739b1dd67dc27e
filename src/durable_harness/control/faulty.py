"""A scheduler that misbehaves on request: what is put between a host and any scheduler, embedded or remote."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue

from durable_harness.control.rules import START, Fault, Rule, Rules
from durable_harness.control.twice import Answer, Deliveries
from durable_harness.protocol import RpcError, RpcStatus, Scheduler, pb
from durable_harness.protocol.continuing import orchestrator_name
from durable_harness.protocol.work_kinds import Kind

Completion = pb.OrchestratorResponse | Answer
REQUESTS = {
    "orchestratorRequest": Kind.ORCHESTRATION,
    "activityRequest": Kind.ACTIVITY,
    "entityRequestV2": Kind.ENTITY,
}
COMPLETE = {
    Kind.ORCHESTRATION: "complete_orchestrator_task",
    Kind.ACTIVITY: "complete_activity_task",
    Kind.ENTITY: "complete_entity_task",
}
ABANDON = {
    Kind.ORCHESTRATION: ("abandon_orchestrator_task", pb.AbandonOrchestrationTaskRequest),
    Kind.ACTIVITY: ("abandon_activity_task", pb.AbandonActivityTaskRequest),
    Kind.ENTITY: ("abandon_entity_task", pb.AbandonEntityTaskRequest),
}


class FaultyScheduler:
    """A task hub with the interface `durable_harness.protocol.Scheduler`, and the faults of `rules` on its work."""

    def __init__(self, scheduler: Scheduler, rules: Rules) -> None:
        self._scheduler = scheduler
        self.rules = rules
        self.deliveries = Deliveries()
        self._streams: set[_ItemStream] = set()
        self._known: dict[str, tuple[str, str]] = {}
        self._lost: dict[str, tuple[Rule, Kind]] = {}
        # Instances that continued as new, with the ID of the new execution; None until its first turn was seen.
        self._continued: dict[str, str | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._return: asyncio.TimerHandle | None = None
        self._reachable = asyncio.Event()
        self._reachable.set()

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # the methods that no fault concerns
        return getattr(self._scheduler, name)

    async def get_work_items(
        self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False
    ) -> AsyncIterator[pb.WorkItem]:
        await self._reachable.wait()
        items = self._scheduler.get_work_items(request, keeps_executions=keeps_executions)
        stream = _ItemStream(self, items)
        self._streams.add(stream)
        try:
            async for item in stream.items():
                yield item
        finally:
            self._streams.discard(stream)
            await stream.close()

    async def complete_orchestrator_task(self, request: pb.OrchestratorResponse) -> pb.CompleteTaskResponse:
        return await self._complete(Kind.ORCHESTRATION, request)

    async def complete_activity_task(self, request: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        return await self._complete_of_two(Kind.ACTIVITY, request)

    async def complete_entity_task(self, request: pb.EntityBatchResult) -> pb.CompleteTaskResponse:
        return await self._complete_of_two(Kind.ENTITY, request)

    async def abandon_activity_task(self, request: pb.AbandonActivityTaskRequest) -> pb.AbandonActivityTaskResponse:
        self.deliveries.forget(request.completionToken)
        return await self._scheduler.abandon_activity_task(request)

    async def abandon_entity_task(self, request: pb.AbandonEntityTaskRequest) -> pb.AbandonEntityTaskResponse:
        self.deliveries.forget(request.completionToken)
        return await self._scheduler.abandon_entity_task(request)

    # -- what a test asks for -----------------------------------------------------------------------------------------

    def reset_streams(self, away_s: float) -> None:
        """Break the streams of work items, and open none for `away_s` seconds."""
        if self._return is not None:
            self._return.cancel()
        self._reachable.clear()
        self._return = asyncio.get_running_loop().call_later(away_s, self._reachable.set)
        for stream in self._streams:
            stream.fail(RpcError(RpcStatus.UNAVAILABLE, "The stream was reset by a test."))

    async def end(self, number: int | None = None) -> None:
        """End one fault, or all: what was dropped or is late comes now, streams can be opened."""
        self.rules.end(number)
        if number is None:
            self._reachable.set()
        for stream in self._streams:
            stream.hurry(number)
        for token, (rule, _kind) in list(self._lost.items()):
            if number in {None, rule.number}:
                await self._give_back(token)

    # -- items ----------------------------------------------------------------------------------------------------

    def note(self, item: pb.WorkItem, kind: Kind) -> tuple[str, str]:
        """Remember whose work an item is, and return its name and instance id."""
        known = _subject(item, kind)
        self._known[item.completionToken] = known
        return known

    def is_start(self, request: pb.OrchestratorRequest) -> bool:
        """Whether a turn is the first of an operation: no other orchestration started it, nor did it continue as new.

        Only the first turn of each execution brings its ExecutionStarted event.
        """
        started = (event.executionStarted for event in request.newEvents if event.HasField("executionStarted"))
        first = next(started, None)
        if first is None or first.HasField("parentInstance"):
            return False
        execution_id = first.orchestrationInstance.executionId.value
        continued = self._continued.get(request.instanceId, "")
        if continued is None:
            continued = self._continued[request.instanceId] = execution_id
        return request.instanceId not in self._continued or continued != execution_id

    def lose(self, item: pb.WorkItem, kind: Kind, rule: Rule) -> None:
        """Keep an item from its worker; after a while it is given back, as a lease would run out."""
        self._lost[item.completionToken] = (rule, kind)
        back_after_s = rule.settings["back_after_s"]
        if back_after_s is not None:
            self._later(back_after_s, item.completionToken)

    def _later(self, delay_s: float, token: str) -> None:
        async def give_back() -> None:
            await asyncio.sleep(delay_s)
            await self._give_back(token)

        task = asyncio.ensure_future(give_back())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_back(self, token: str) -> None:
        if token in self._lost:
            _rule, kind = self._lost.pop(token)
            await self._abandon(kind, token)

    async def _abandon(self, kind: Kind, token: str) -> None:
        method, message = ABANDON[kind]
        self.deliveries.forget(token)
        with contextlib.suppress(RpcError):  # given back already, with the stream it came by
            await getattr(self._scheduler, method)(message(completionToken=token))

    # -- completions ----------------------------------------------------------------------------------------------

    async def _complete_of_two(self, kind: Kind, request: Answer) -> pb.CompleteTaskResponse:
        """Complete work, unless this is the first of its two answers, or the second where the first one counts."""
        token = request.completionToken
        if self.deliveries.withholds(token, request):
            return pb.CompleteTaskResponse()
        late = self.deliveries.late_answer(token)
        if late is None:
            return await self._complete(kind, request)
        await self._complete(kind, late)
        raise RpcError(RpcStatus.NOT_FOUND, f"The answer to the first delivery of '{token}' came late, and counts.")

    async def _complete(self, kind: Kind, request: Completion) -> pb.CompleteTaskResponse:
        token = request.completionToken
        name, instance_id = self._known.pop(token, ("", getattr(request, "instanceId", "")))
        work = {"kind": kind, "name": name, "instance_id": instance_id}
        if any(self.rules.striking(Fault.REFUSE, **work)):
            await self._abandon(kind, token)
            raise RpcError(
                RpcStatus.NOT_FOUND, f"No work is leased under the completion token '{token}': a test refuses it."
            )
        payload = _payload(request)
        if payload is not None:
            for rule in self.rules.striking(Fault.OVERSIZE, **work):
                payload.value = _json_of(rule.settings["size_bytes"])
        complete: Callable[[Completion], Awaitable[pb.CompleteTaskResponse]] = getattr(self._scheduler, COMPLETE[kind])
        ending = _ending(request) if isinstance(request, pb.OrchestratorResponse) else None
        if ending is None or ending.orchestrationStatus != pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            return await complete(request)
        # Before the call: the first turn of the new execution may arrive while it is answered.
        former = self._continued.get(instance_id, "")
        self._continued[instance_id] = None
        try:
            return await complete(request)
        except RpcError:
            self._restore(instance_id, former)
            raise

    def _restore(self, instance_id: str, former: str | None) -> None:
        """Forget that an instance continued as new: the answer that announced it was refused."""
        if former == "":
            self._continued.pop(instance_id, None)
        else:
            self._continued[instance_id] = former


class _ItemStream:
    """The work items on their way from the scheduler's stream to the worker's."""

    def __init__(self, scheduler: FaultyScheduler, source: AsyncIterator[pb.WorkItem]) -> None:
        self._scheduler = scheduler
        self._arrived: asyncio.Queue[pb.WorkItem | Exception | None] = asyncio.Queue()
        self._late: dict[asyncio.TimerHandle, tuple[Rule, pb.WorkItem]] = {}
        self._pumping = asyncio.ensure_future(self._pump(source))

    async def items(self) -> AsyncIterator[pb.WorkItem]:
        while True:
            arrived = await self._arrived.get()
            if arrived is None:
                return
            if isinstance(arrived, Exception):
                raise arrived
            yield arrived

    def fail(self, error: Exception | None) -> None:
        """End the stream, with an error if there is one."""
        self._arrived.put_nowait(error)

    def hurry(self, number: int | None) -> None:
        """Send what a fault, or any, keeps back."""
        for handle, (rule, item) in list(self._late.items()):
            if number in {None, rule.number}:
                handle.cancel()
                del self._late[handle]
                self._arrived.put_nowait(item)

    async def close(self) -> None:
        """Close the scheduler's stream: what is on its way is given back."""
        for handle in self._late:
            handle.cancel()
        self._scheduler.deliveries.forget_stream(self)
        self._pumping.cancel()
        await asyncio.gather(self._pumping, return_exceptions=True)

    async def _pump(self, source: AsyncIterator[pb.WorkItem]) -> None:
        try:
            async for item in source:
                self._pass_on(item)
            self.fail(None)
        except Exception as error:  # noqa: BLE001 - the reader raises it
            self.fail(error)

    def _pass_on(self, item: pb.WorkItem) -> None:
        kind = REQUESTS.get(item.WhichOneof("request") or "")
        if kind is None:
            self._arrived.put_nowait(item)
            return
        name, instance_id = self._scheduler.note(item, kind)
        self._scheduler.deliveries.begin(item, (kind, name), self, self._arrived.put_nowait)
        copies, delaying = 1, None
        for rule in self._striking(item, kind, name, instance_id):
            if rule.fault is Fault.DROP:
                self._scheduler.lose(item, kind, rule)
                return
            copies += rule.fault is Fault.DUPLICATE
            delaying = rule if rule.fault is Fault.DELAY else delaying
        for _ in range(copies):
            self._send(item, delaying)

    def _striking(self, item: pb.WorkItem, kind: Kind, name: str, instance_id: str) -> Iterator[Rule]:
        faults = (Fault.DROP, Fault.DELAY, Fault.DUPLICATE)
        yield from self._scheduler.rules.striking(*faults, kind=kind, name=name, instance_id=instance_id)
        if kind is Kind.ORCHESTRATION and self._scheduler.is_start(item.orchestratorRequest):
            yield from self._scheduler.rules.striking(*faults, kind=START, name=name, instance_id=instance_id)

    def _send(self, item: pb.WorkItem, delaying: Rule | None) -> None:
        if delaying is None:
            self._arrived.put_nowait(item)
            return

        def arrive() -> None:
            del self._late[handle]
            self._arrived.put_nowait(item)

        delay_s = delaying.chance.uniform(delaying.settings["least_s"], delaying.settings["most_s"])
        handle = asyncio.get_running_loop().call_later(delay_s, arrive)
        self._late[handle] = (delaying, item)


def _subject(item: pb.WorkItem, kind: Kind) -> tuple[str, str]:
    """Return the name of the function that an item is for, and the instance id."""
    if kind is Kind.ACTIVITY:
        return item.activityRequest.name, item.activityRequest.orchestrationInstance.instanceId
    if kind is Kind.ENTITY:
        instance_id = item.entityRequestV2.instanceId
        return instance_id.split("@")[1], instance_id
    return orchestrator_name(item.orchestratorRequest), item.orchestratorRequest.instanceId


def _payload(request: Completion) -> StringValue | None:
    """Return the payload of a completion that could be larger: a result, an output or a state; None if it has none."""
    if isinstance(request, pb.ActivityResponse):
        return request.result if request.HasField("result") else None
    if isinstance(request, pb.EntityBatchResult):
        return request.entityState if request.HasField("entityState") else None
    ending = _ending(request)
    return ending.result if ending is not None and ending.HasField("result") else None


def _ending(request: pb.OrchestratorResponse) -> pb.CompleteOrchestrationAction | None:
    """Return the action by which a turn ends its execution; None if it continues."""
    endings = (a.completeOrchestration for a in request.actions if a.HasField("completeOrchestration"))
    return next(endings, None)


def _json_of(size_bytes: int) -> str:
    """Return a JSON value of this size."""
    return json.dumps("x" * (size_bytes - 2)) if size_bytes > 1 else "0"
