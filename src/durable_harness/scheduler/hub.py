"""One task hub: its orchestration instances, and every operation a client or a worker can ask of them.

All state changes happen on the event loop's thread, each in one synchronous step, and end in `settle`: the only place
where a change becomes visible as work to do or as an answer to somebody who waits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

from durable_harness.protocol import RpcError, Status, new_id, optional_text, pb, text_or_none, to_ns
from durable_harness.scheduler import queries
from durable_harness.scheduler.clock import Clock, RealClock
from durable_harness.scheduler.dispatch import Dispatcher, Kind
from durable_harness.scheduler.entities import EntityStore
from durable_harness.scheduler.instances import (
    Execution,
    Instance,
    Parent,
    event,
    execution_started,
    state_of,
)
from durable_harness.scheduler.turns import TurnWork, finish_turn

HISTORY_CHUNK_EVENTS = 500


class TaskHub:
    """A task hub in memory, with the interface `durable_harness.protocol.Scheduler`."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock = clock or RealClock()
        self.instances: dict[str, Instance] = {}
        self.created = queries.CreationIndex()
        self.dispatcher = Dispatcher()
        self.entities = EntityStore(self)
        self._waiters: dict[str, list[asyncio.Future[None]]] = defaultdict(list)

    # -- clients ------------------------------------------------------------------------------------------------------

    async def start_instance(self, request: Any) -> Any:
        instance_id = request.instanceId or new_id()
        existing = self.instances.get(instance_id)
        if existing is not None:
            if existing.status not in request.orchestrationIdReusePolicy.replaceableStatus:
                status = pb.OrchestrationStatus.Name(existing.status).removeprefix("ORCHESTRATION_STATUS_")
                raise RpcError(
                    Status.ALREADY_EXISTS,
                    f"An orchestration instance with the id '{instance_id}' already exists and is {status}.",
                )
            self.remove(existing)
        self.create(
            instance_id,
            request.name,
            version=text_or_none(request, "version"),
            input_text=text_or_none(request, "input"),
            scheduled_start_ns=to_ns(request.scheduledStartTimestamp) if request.scheduledStartTimestamp.seconds else 0,
            tags=dict(request.tags) or None,
            trace_context=request.parentTraceContext if request.HasField("parentTraceContext") else None,
        )
        return pb.CreateInstanceResponse(instanceId=instance_id)

    async def get_instance(self, request: Any) -> Any:
        return self._state(request)

    async def wait_for_instance_start(self, request: Any) -> Any:
        return await self._wait(request, lambda instance: instance.status != pb.ORCHESTRATION_STATUS_PENDING)

    async def wait_for_instance_completion(self, request: Any) -> Any:
        return await self._wait(request, lambda instance: instance.ended)

    async def raise_event(self, request: Any) -> Any:
        instance = self._known(request.instanceId)
        raised = pb.EventRaisedEvent(name=request.name, input=optional_text(text_or_none(request, "input")))
        self.deliver(instance, event(self.clock.now_ns(), eventRaised=raised))
        return pb.RaiseEventResponse()

    async def terminate_instance(self, request: Any) -> Any:
        self.terminate(self._known(request.instanceId), text_or_none(request, "output"), recurse=request.recursive)
        return pb.TerminateResponse()

    async def suspend_instance(self, request: Any) -> Any:
        suspended = pb.ExecutionSuspendedEvent(input=optional_text(text_or_none(request, "reason")))
        self.deliver(self._known(request.instanceId), event(self.clock.now_ns(), executionSuspended=suspended))
        return pb.SuspendResponse()

    async def resume_instance(self, request: Any) -> Any:
        resumed = pb.ExecutionResumedEvent(input=optional_text(text_or_none(request, "reason")))
        self.deliver(self._known(request.instanceId), event(self.clock.now_ns(), executionResumed=resumed))
        return pb.ResumeResponse()

    async def rewind_instance(self, request: Any) -> Any:
        instance = self._known(request.instanceId)
        if instance.status != pb.ORCHESTRATION_STATUS_FAILED:
            raise RpcError(
                Status.FAILED_PRECONDITION,
                f"Instance '{instance.instance_id}' has not failed; only failed instances can be rewound.",
            )
        self.rewind(instance, text_or_none(request, "reason"))
        return pb.RewindInstanceResponse()

    async def restart_instance(self, request: Any) -> Any:
        old = self._known(request.instanceId)
        if not old.ended:
            raise RpcError(
                Status.FAILED_PRECONDITION,
                f"Instance '{old.instance_id}' is still active; only ended instances can be restarted.",
            )
        fresh_id = new_id() if request.restartWithNewInstanceId else old.instance_id
        if fresh_id == old.instance_id:
            self.remove(old)
        self.create(fresh_id, old.name, version=old.version, input_text=old.input, tags=old.tags)
        return pb.RestartInstanceResponse(instanceId=fresh_id)

    async def query_instances(self, request: Any) -> Any:
        page, token = queries.select_page(self.created, self.instances, request.query)
        payloads = request.query.fetchInputsAndOutputs
        return pb.QueryInstancesResponse(
            orchestrationState=[state_of(instance, payloads=payloads) for instance in page],
            continuationToken=optional_text(token),
        )

    async def purge_instances(self, request: Any) -> Any:
        doomed = queries.select_for_purge(self.created, self.instances, request)
        for instance in doomed:
            self.remove(instance)
        return pb.PurgeInstancesResponse(deletedInstanceCount=len(doomed), isComplete={"value": True})

    async def stream_instance_history(self, request: Any) -> AsyncIterator[Any]:
        history = self._known(request.instanceId).history()
        for start in range(0, len(history), HISTORY_CHUNK_EVENTS):
            yield pb.HistoryChunk(events=history[start : start + HISTORY_CHUNK_EVENTS])

    async def signal_entity(self, request: Any) -> Any:
        self.entities.signal(
            request.instanceId,
            operation=request.name,
            input_text=text_or_none(request, "input"),
            request_id=request.requestId or new_id(),
            due_ns=to_ns(request.scheduledTime) if request.HasField("scheduledTime") else 0,
        )
        return pb.SignalEntityResponse()

    async def get_entity(self, request: Any) -> Any:
        return self.entities.get(request)

    async def query_entities(self, request: Any) -> Any:
        return self.entities.query(request.query)

    # -- workers ------------------------------------------------------------------------------------------------------

    def get_work_items(self, request: Any) -> AsyncIterator[Any]:
        return self.dispatcher.stream(request)

    async def complete_orchestrator_task(self, request: Any) -> Any:
        work = self.dispatcher.take(request.completionToken, Kind.ORCHESTRATION)
        if not isinstance(work, TurnWork):
            raise _no_lease(request.completionToken)
        finish_turn(work, request)
        return pb.CompleteTaskResponse()

    async def complete_activity_task(self, request: Any) -> Any:
        work: Any = self.dispatcher.take(request.completionToken, Kind.ACTIVITY)
        if work is None:
            raise _no_lease(request.completionToken)
        instance = self.living(work.instance_id, work.execution_id)
        if instance is not None:
            self.deliver(instance, _activity_outcome(work.task_id, request, self.clock.now_ns()))
        return pb.CompleteTaskResponse()

    async def complete_entity_task(self, request: Any) -> Any:
        work: Any = self.dispatcher.take(request.completionToken, Kind.ENTITY)
        if work is None:
            raise _no_lease(request.completionToken)
        self.entities.finish_batch(work.entity, request)
        return pb.CompleteTaskResponse()

    async def abandon_orchestrator_task(self, request: Any) -> Any:
        self._abandon(request, Kind.ORCHESTRATION)
        return pb.AbandonOrchestrationTaskResponse()

    async def abandon_activity_task(self, request: Any) -> Any:
        self._abandon(request, Kind.ACTIVITY)
        return pb.AbandonActivityTaskResponse()

    async def abandon_entity_task(self, request: Any) -> Any:
        self._abandon(request, Kind.ENTITY)
        return pb.AbandonEntityTaskResponse()

    # -- the steps that the operations above and the turns are made of ------------------------------------------------

    def create(  # noqa: PLR0913 - the fields of an instance
        self,
        instance_id: str,
        name: str,
        *,
        version: str | None,
        input_text: str | None,
        scheduled_start_ns: int = 0,
        parent: Parent | None = None,
        tags: dict[str, str] | None = None,
        trace_context: Any | None = None,
    ) -> Instance:
        """Create an instance whose id is free, and make its first turn ready (at its scheduled start)."""
        now_ns = self.clock.now_ns()
        instance = Instance(
            instance_id,
            name,
            version,
            input_text,
            now_ns,
            now_ns,
            new_id(),
            scheduled_start_ns=scheduled_start_ns,
            parent=parent,
            tags=tags,
            trace_context=trace_context,
        )
        instance.execution = Execution(instance.execution_id, not_before_ns=scheduled_start_ns)
        instance.execution.inbox.append(execution_started(instance, now_ns))
        self.instances[instance_id] = instance
        self.created.add(now_ns, instance_id)
        if scheduled_start_ns > now_ns:
            self.clock.call_at(scheduled_start_ns, lambda: self.settle(instance))
        self.settle(instance)
        return instance

    def remove(self, instance: Instance) -> None:
        """Delete an instance for good. What still runs for it finds nobody to report to."""
        self.entities.release_locks_of(instance.instance_id)
        self.created.remove(instance.created_ns, instance.instance_id)
        del self.instances[instance.instance_id]
        self._wake(instance.instance_id)

    def living(self, instance_id: str, execution_id: str) -> Instance | None:
        """Return the instance if this very execution of it still goes on."""
        instance = self.instances.get(instance_id)
        if instance is None or instance.execution is None or instance.execution.execution_id != execution_id:
            return None
        return instance

    def is_current(self, instance: Instance, execution: Execution) -> bool:
        """Whether this execution of this very instance (not of one that replaced it) still goes on."""
        return instance.execution is execution and self.instances.get(instance.instance_id) is instance

    def deliver(self, instance: Instance, new_event: Any) -> None:
        """Put an event into the inbox of an instance; one that has ended takes no more."""
        if instance.execution is None:
            return
        instance.execution.inbox.append(new_event)
        self.settle(instance)

    def terminate(self, instance: Instance, reason: str | None, *, recurse: bool) -> None:
        terminated = pb.ExecutionTerminatedEvent(input=optional_text(reason), recurse=recurse)
        self.deliver(instance, event(self.clock.now_ns(), executionTerminated=terminated))

    def rewind(self, instance: Instance, reason: str | None) -> None:
        """Bring a failed instance back: a worker rewrites its history without the failures."""
        now_ns = self.clock.now_ns()
        execution = instance.thaw()
        instance.status, instance.output, instance.failure = pb.ORCHESTRATION_STATUS_RUNNING, None, None
        instance.completed_ns, instance.updated_ns = 0, now_ns
        rewound = pb.ExecutionRewoundEvent(reason=optional_text(reason))
        execution.inbox.append(event(now_ns, executionRewound=rewound))
        self.settle(instance)

    def settle(self, instance: Instance) -> None:
        """Expose what a change made possible: a turn to run, waiters to answer."""
        execution = instance.execution
        if execution is not None and not execution.queued and _has_turn(instance, execution, self.clock.now_ns()):
            execution.queued = True
            self.dispatcher.offer(TurnWork(self, instance, execution))
        self._wake(instance.instance_id)

    def _wake(self, instance_id: str) -> None:
        for waiter in self._waiters.pop(instance_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self, request: Any, reached: Callable[[Instance], bool]) -> Any:
        instance = self.instances.get(request.instanceId)
        while instance is not None and not reached(instance):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[request.instanceId].append(waiter)
            await waiter
            instance = self.instances.get(request.instanceId)
        return self._state(request)

    def _state(self, request: Any) -> Any:
        instance = self.instances.get(request.instanceId)
        if instance is None:
            return pb.GetInstanceResponse(exists=False)
        state = state_of(instance, payloads=request.getInputsAndOutputs)
        return pb.GetInstanceResponse(exists=True, orchestrationState=state)

    def _known(self, instance_id: str) -> Instance:
        instance = self.instances.get(instance_id)
        if instance is None:
            raise RpcError(Status.NOT_FOUND, f"There is no orchestration instance with the id '{instance_id}'.")
        return instance

    def _abandon(self, request: Any, kind: Kind) -> None:
        if not self.dispatcher.give_back(request.completionToken, kind):
            raise _no_lease(request.completionToken)


def _has_turn(instance: Instance, execution: Execution, now_ns: int) -> bool:
    """Whether a worker could make progress now. One that waits or is suspended still listens for its end."""
    if execution.in_flight or not (execution.inbox or execution.replay_due):
        return False
    suspended = instance.status == pb.ORCHESTRATION_STATUS_SUSPENDED
    if execution.not_before_ns <= now_ns and not suspended:
        return True
    urgent = {"executionTerminated", "executionResumed"} if suspended else {"executionTerminated"}
    return any(pending.WhichOneof("eventType") in urgent for pending in execution.inbox)


def _activity_outcome(task_id: int, response: Any, time_ns: int) -> Any:
    if response.HasField("failureDetails"):
        failed = pb.TaskFailedEvent(taskScheduledId=task_id, failureDetails=response.failureDetails)
        return event(time_ns, taskFailed=failed)
    result = optional_text(text_or_none(response, "result"))
    return event(time_ns, taskCompleted=pb.TaskCompletedEvent(taskScheduledId=task_id, result=result))


def _no_lease(token: str) -> RpcError:
    return RpcError(
        Status.NOT_FOUND, f"No work is leased under the completion token '{token}': it was completed or given back."
    )
