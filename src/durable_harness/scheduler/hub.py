"""One task hub: every operation that a client or a worker can ask of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping

from durable_harness.protocol import (
    TERMINAL_STATUSES,
    Measurement,
    RpcError,
    RpcStatus,
    copy_of,
    new_id,
    pb,
    to_ns,
    unwrap_text,
    wrap_text,
)
from durable_harness.protocol.listing import InstanceChoices, InstanceListRequest, InstancePage
from durable_harness.protocol.run_again import without_origin
from durable_harness.protocol.timings import Document
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler import listing, queries
from durable_harness.scheduler.clock import Clock, RealClock
from durable_harness.scheduler.entities import BatchWork
from durable_harness.scheduler.hub_state import HubState
from durable_harness.scheduler.instances.instance_state import Instance, state_of
from durable_harness.scheduler.instances.measuring import measure
from durable_harness.scheduler.limits.checks import (
    PayloadLimit,
    checked_batch,
    checked_turn,
    entity_id_problem,
    name_problem,
    raise_for_problem,
    reuse_problem,
    start_problem,
    time_problem,
)
from durable_harness.scheduler.limits.sizes import chunks
from durable_harness.scheduler.storage.journal import Journal
from durable_harness.scheduler.storage.store import Store
from durable_harness.scheduler.tasks import ActivityWork
from durable_harness.scheduler.timings_document import document_of
from durable_harness.scheduler.turns import TurnWork, end_at_once, finish_turn

MEASURED_AT_ONCE = 100
"""How many instances are measured in one step of the event loop."""


class TaskHub:
    """A task hub, with the interface `durable_harness.protocol.Scheduler`. Without a journal it is kept in memory.

    `max_payload_bytes` limits every input, output, event, custom status and entity state; 0 is no limit.
    """

    def __init__(
        self,
        name: str,
        clock: Clock | None = None,
        journal: Journal | None = None,
        *,
        max_payload_bytes: int = 0,
        lease_timeout_s: float = 0.0,
    ) -> None:
        self.name = name
        self.journal = journal or Journal(Store())
        self.payloads = PayloadLimit(max_payload_bytes)
        self.state = HubState(name, clock or RealClock(), self.journal, lease_timeout_s)
        self.instances = self.state.instances
        self.entities = self.state.entities
        self.dispatcher = self.state.dispatcher

    # -- clients ------------------------------------------------------------------------------------------------------

    async def start_instance(self, request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        self.journal.admit()
        self.payloads.check(request, "input")
        instance_id = request.instanceId or new_id()
        raise_for_problem(
            start_problem(instance_id, request)
            or time_problem("start", request.scheduledStartTimestamp)
            or reuse_problem(request.orchestrationIdReusePolicy.replaceableStatus)
        )
        existing = self.instances.get(instance_id) if request.instanceId else None
        if existing is not None:
            if existing.status not in request.orchestrationIdReusePolicy.replaceableStatus:
                status = pb.OrchestrationStatus.Name(existing.status).removeprefix("ORCHESTRATION_STATUS_")
                raise RpcError(
                    RpcStatus.ALREADY_EXISTS,
                    f"An orchestration instance with the id '{instance_id}' already exists and is {status}.",
                )
            self.state.remove(existing)
        created = self.state.create(
            instance_id,
            request.name,
            version=request.version.value if request.HasField("version") else None,
            input_text=request.input.value if request.HasField("input") else None,
            scheduled_start_ns=to_ns(request.scheduledStartTimestamp) if request.scheduledStartTimestamp.seconds else 0,
            tags=dict(request.tags) or None,
            trace_context=copy_of(request.parentTraceContext) if request.HasField("parentTraceContext") else None,
        )
        await self.journal.settled(undo=lambda: self.state.withdraw(created, existing), key=created.key)
        return pb.CreateInstanceResponse(instanceId=instance_id)

    async def get_instance(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        instance = self.instances.get(request.instanceId)
        is_settled = self.instances.is_settled(request.instanceId)
        answer = _answer(instance, request)  # before anything is awaited, so that no later change is in it
        if is_settled or await self.journal.caught_up():
            return answer
        return _answer(self.instances.committed(request.instanceId), request)

    async def wait_for_instance_start(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        return await self._wait(request, lambda instance: instance.status != pb.ORCHESTRATION_STATUS_PENDING)

    async def wait_for_instance_completion(self, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        return await self._wait(request, lambda instance: instance.status in TERMINAL_STATUSES)

    async def raise_event(self, request: pb.RaiseEventRequest) -> pb.RaiseEventResponse:
        self.journal.admit()
        self.payloads.check(request, "input")
        raise_for_problem(name_problem("event", request.name))
        instance = self._known(request.instanceId)
        raised = pb.EventRaisedEvent(name=request.name, input=request.input if request.HasField("input") else None)
        self.state.deliver(instance, eventRaised=raised)
        await self.journal.settled(key=instance.key)
        return pb.RaiseEventResponse()

    async def terminate_instance(self, request: pb.TerminateRequest) -> pb.TerminateResponse:
        self.journal.admit()
        self.payloads.check(request, "output")
        instance = self._known(request.instanceId)
        self.state.terminate(instance, unwrap_text(request, "output"), recurse=request.recursive)
        await self.journal.settled(key=instance.key)
        return pb.TerminateResponse()

    async def suspend_instance(self, request: pb.SuspendRequest) -> pb.SuspendResponse:
        self.journal.admit()
        self.payloads.check(request, "reason")
        instance = self._known(request.instanceId)
        if not instance.is_to_be_suspended:
            suspended = pb.ExecutionSuspendedEvent(input=request.reason if request.HasField("reason") else None)
            self.state.deliver(instance, executionSuspended=suspended)
        await self.journal.settled(key=instance.key)
        return pb.SuspendResponse()

    async def resume_instance(self, request: pb.ResumeRequest) -> pb.ResumeResponse:
        self.journal.admit()
        self.payloads.check(request, "reason")
        instance = self._known(request.instanceId)
        if instance.is_to_be_suspended:
            resumed = pb.ExecutionResumedEvent(input=request.reason if request.HasField("reason") else None)
            self.state.deliver(instance, executionResumed=resumed)
        await self.journal.settled(key=instance.key)
        return pb.ResumeResponse()

    async def rewind_instance(self, request: pb.RewindInstanceRequest) -> pb.RewindInstanceResponse:
        self.journal.admit()
        self.payloads.check(request, "reason")
        instance = self._known(request.instanceId)
        if instance.status != pb.ORCHESTRATION_STATUS_FAILED:
            raise RpcError(
                RpcStatus.FAILED_PRECONDITION,
                f"Instance '{instance.instance_id}' has not failed; only failed instances can be rewound.",
            )
        self.state.rewind(instance, unwrap_text(request, "reason"))
        await self.journal.settled(key=instance.key)
        return pb.RewindInstanceResponse()

    async def restart_instance(self, request: pb.RestartInstanceRequest) -> pb.RestartInstanceResponse:
        self.journal.admit()
        old = self._known(request.instanceId)
        fresh_id = new_id() if request.restartWithNewInstanceId else old.instance_id
        replaced = old if fresh_id == old.instance_id else None
        if replaced is not None:
            _check_has_ended(replaced)
            self.state.remove(replaced)
        tags = without_origin(old.tags)
        created = self.state.create(fresh_id, old.name, version=old.version, input_text=old.input, tags=tags)
        await self.journal.settled(undo=lambda: self.state.withdraw(created, replaced), key=created.key)
        return pb.RestartInstanceResponse(instanceId=fresh_id)

    async def query_instances(self, request: pb.QueryInstancesRequest) -> pb.QueryInstancesResponse:
        await self.journal.written()
        page, token = queries.select_page(self.journal.store, self.name, request.query)
        return pb.QueryInstancesResponse(orchestrationState=page, continuationToken=wrap_text(token))

    async def purge_instances(self, request: pb.PurgeInstancesRequest) -> pb.PurgeInstancesResponse:
        self.journal.admit()
        await self.journal.written()
        self.journal.admit()  # again: the disk may have become full meanwhile
        doomed = queries.select_for_purge(self.journal.store, self.instances, self.name, request)
        for instance in doomed:
            self.state.remove(instance)
        await self.journal.settled()
        return pb.PurgeInstancesResponse(deletedInstanceCount=len(doomed), isComplete={"value": True})

    async def stream_instance_history(self, request: pb.StreamInstanceHistoryRequest) -> AsyncIterator[pb.HistoryChunk]:
        if request.forWorkItemProcessing:
            history = self._history_of_turn(request)
        else:
            await self.journal.written()
            is_settled = self.instances.is_settled(request.instanceId) or await self.journal.caught_up()
            find = self.instances.get if is_settled else self.instances.committed
            history = self.instances.history(_existing(find(request.instanceId), request.instanceId))
        for chunk in chunks(history):
            yield pb.HistoryChunk(events=chunk)

    async def measure_instances(self, ids: Collection[str]) -> Mapping[str, Measurement]:
        """Return times and costs by instance id, as of now; ids that are not known are left out."""
        await self.journal.written()
        measured: dict[str, Measurement] = {}
        remaining = iter(ids)
        while batch := list(itertools.islice(remaining, MEASURED_AT_ONCE)):
            measured |= measure(self.journal.store, self.name, batch)
            await asyncio.sleep(0)
        return measured

    async def list_instances(self, request: InstanceListRequest) -> InstancePage:
        """Return one page of a list for people, as of now."""
        await self.journal.written()
        return listing.select_list(self.journal.store, self.name, request, has_index=self._has_index())

    async def instance_choices(self) -> InstanceChoices:
        """Return the names, versions and tags of the instances that there are."""
        await self.journal.written()
        return listing.select_choices(self.journal.store, self.name, has_index=self._has_index())

    def _has_index(self) -> bool:
        return self.journal.indexes.has(listing.INDEX, listing.MAKE_INDEX)

    async def instance_timings(self, instance_id: str) -> Document:
        """Return when what happened to an instance; NOT_FOUND for an unknown id."""
        await self.journal.written()
        return document_of(self.state, self._known(instance_id))

    async def list_instance_ids(self, request: pb.ListInstanceIdsRequest) -> pb.ListInstanceIdsResponse:
        await self.journal.written()
        ids, last = queries.select_completed(self.journal.store, self.name, request)
        return pb.ListInstanceIdsResponse(instanceIds=ids, lastInstanceKey=wrap_text(last))

    async def signal_entity(self, request: pb.SignalEntityRequest) -> pb.SignalEntityResponse:
        self.journal.admit()
        self.payloads.check(request, "input")
        raise_for_problem(
            entity_id_problem(request.instanceId)
            or time_problem("signal", request.scheduledTime)
            or name_problem("operation", request.name)
        )
        self.entities.signal(
            request.instanceId,
            operation=request.name,
            input_text=unwrap_text(request, "input"),
            request_id=request.requestId or new_id(),
            due_ns=to_ns(request.scheduledTime) if request.HasField("scheduledTime") else 0,
        )
        await self.journal.settled()
        return pb.SignalEntityResponse()

    async def get_entity(self, request: pb.GetEntityRequest) -> pb.GetEntityResponse:
        answer = self.entities.get(request)
        return answer if await self.journal.caught_up() else self.entities.get_committed(request)

    async def query_entities(self, request: pb.QueryEntitiesRequest) -> pb.QueryEntitiesResponse:
        answer = self.entities.query(request.query)
        return answer if await self.journal.caught_up() else self.entities.query_committed(request.query)

    async def clean_entity_storage(self, request: pb.CleanEntityStorageRequest) -> pb.CleanEntityStorageResponse:
        self.journal.admit()
        answer = self.entities.clean(request)
        await self.journal.settled()
        return answer

    def orchestrators(self) -> list[str]:
        """Return the names of orchestrators by which connected workers ask for work."""
        return self.dispatcher.names_of(Kind.ORCHESTRATION)

    # -- workers ------------------------------------------------------------------------------------------------------

    def get_work_items(
        self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False, worker: str = ""
    ) -> AsyncIterator[pb.WorkItem]:
        return self.dispatcher.stream(request, keeps_executions=keeps_executions, name=worker)

    async def complete_orchestrator_task(self, request: pb.OrchestratorResponse) -> pb.CompleteTaskResponse:
        work = self.dispatcher.take(request.completionToken, Kind.ORCHESTRATION)
        if not isinstance(work, TurnWork):
            raise _no_lease(request.completionToken)
        finish_turn(work, self.payloads.turn(checked_turn(request)))
        await self.journal.settled()
        return pb.CompleteTaskResponse()

    async def complete_activity_task(self, request: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        work = self.dispatcher.take(request.completionToken, Kind.ACTIVITY)
        if not isinstance(work, ActivityWork):
            raise _no_lease(request.completionToken)
        work.finish(self.payloads.activity(request))
        await self.journal.settled()
        return pb.CompleteTaskResponse()

    async def complete_entity_task(self, request: pb.EntityBatchResult) -> pb.CompleteTaskResponse:
        work = self.dispatcher.take(request.completionToken, Kind.ENTITY)
        if not isinstance(work, BatchWork):
            raise _no_lease(request.completionToken)
        self.entities.finish_batch(work.entity, self.payloads.batch(checked_batch(request)))
        await self.journal.settled()
        return pb.CompleteTaskResponse()

    async def abandon_orchestrator_task(
        self, request: pb.AbandonOrchestrationTaskRequest
    ) -> pb.AbandonOrchestrationTaskResponse:
        self._abandon(request, Kind.ORCHESTRATION)
        return pb.AbandonOrchestrationTaskResponse()

    async def abandon_activity_task(self, request: pb.AbandonActivityTaskRequest) -> pb.AbandonActivityTaskResponse:
        self._abandon(request, Kind.ACTIVITY)
        return pb.AbandonActivityTaskResponse()

    async def abandon_entity_task(self, request: pb.AbandonEntityTaskRequest) -> pb.AbandonEntityTaskResponse:
        self._abandon(request, Kind.ENTITY)
        return pb.AbandonEntityTaskResponse()

    async def skip_graceful_orchestration_terminations(
        self, request: pb.SkipGracefulOrchestrationTerminationsRequest
    ) -> pb.SkipGracefulOrchestrationTerminationsResponse:
        """End instances at once, without their workers; return the ids that were not running."""
        self.journal.admit()
        unterminated = []
        for instance_id in request.instanceBatch.instanceIds:
            instance = self.instances.get(instance_id)
            if instance is None or instance.status in TERMINAL_STATUSES or instance.execution is None:
                unterminated.append(instance_id)
            else:
                ending = pb.CompleteOrchestrationAction(
                    orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED,
                    result=request.reason if request.HasField("reason") else None,
                )
                end_at_once(self.state, instance, instance.execution, ending)
        await self.journal.settled()
        return pb.SkipGracefulOrchestrationTerminationsResponse(unterminatedInstanceIds=unterminated)

    async def _wait(
        self, request: pb.GetInstanceRequest, reached: Callable[[Instance], bool]
    ) -> pb.GetInstanceResponse:
        instance = self.instances.get(request.instanceId)
        if instance is None or not (reached(instance) and self.instances.is_settled(request.instanceId)):
            await self.journal.settled()
            instance = self.instances.get(request.instanceId)
        while instance is not None and not reached(instance):
            await self.state.waiters.wait_for_change(request.instanceId)
            instance = self.instances.get(request.instanceId)
        return _answer(instance, request)

    def _known(self, instance_id: str) -> Instance:
        return _existing(self.instances.get(instance_id), instance_id)

    def _history_of_turn(self, request: pb.StreamInstanceHistoryRequest) -> Iterable[pb.HistoryEvent]:
        """Return the history that a worker needs for a turn of an execution; raise NOT_FOUND if that has ended."""
        instance = self.instances.get(request.instanceId)
        execution = instance.execution if instance is not None else None
        if execution is None or request.executionId.value not in {"", execution.execution_id}:
            raise RpcError(
                RpcStatus.NOT_FOUND,
                f"The execution '{request.executionId.value}' of instance '{request.instanceId}' has ended.",
            )
        return execution.history

    def _abandon(self, request: Abandoned, kind: Kind) -> None:
        if not self.dispatcher.abandon(request.completionToken, kind):
            raise _no_lease(request.completionToken)


Abandoned = pb.AbandonOrchestrationTaskRequest | pb.AbandonActivityTaskRequest | pb.AbandonEntityTaskRequest


def _answer(instance: Instance | None, request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
    if instance is None:
        return pb.GetInstanceResponse(exists=False)
    state = state_of(instance, payloads=request.getInputsAndOutputs)
    return pb.GetInstanceResponse(exists=True, orchestrationState=state)


def _existing(instance: Instance | None, instance_id: str) -> Instance:
    if instance is None:
        raise RpcError(RpcStatus.NOT_FOUND, f"There is no orchestration instance with the id '{instance_id}'.")
    return instance


def _check_has_ended(instance: Instance) -> None:
    if instance.status not in TERMINAL_STATUSES:
        raise RpcError(
            RpcStatus.FAILED_PRECONDITION,
            f"Instance '{instance.instance_id}' is still active; restart it under a new id, or end it before.",
        )


def _no_lease(token: str) -> RpcError:
    return RpcError(
        RpcStatus.NOT_FOUND, f"No work is leased under the completion token '{token}': it was completed or given back."
    )
