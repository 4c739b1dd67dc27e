"""What an orchestration waits for: activities, timers and sub-orchestrations, and how their outcomes come back."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from durable_harness.protocol import TERMINAL_STATUSES, copy_of, from_ns, pb, to_ns, unwrap_text, wrap_text
from durable_harness.protocol import timings as noted
from durable_harness.protocol.values import LATEST_NS
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.hub_interface import Hub
from durable_harness.scheduler.instances.execution_events import Execution
from durable_harness.scheduler.instances.instance_state import Instance, Parent
from durable_harness.scheduler.limits.checks import start_problem
from durable_harness.scheduler.limits.sizes import is_undeliverable, undeliverable
from durable_harness.scheduler.storage.in_hand import NO_SLOT
from durable_harness.scheduler.timings import WorkTimes


@dataclass(slots=True)
class ActivityWork:
    """An activity that is to be run."""

    hub: Hub
    key: int
    instance_id: str
    execution_id: str
    task_id: int
    request: pb.ActivityRequest
    orchestration_version: str
    times: WorkTimes
    losses: int = 0
    is_undeliverable: bool = False
    slot: int = NO_SLOT
    kind: Kind = Kind.ACTIVITY

    @property
    def name(self) -> str:
        return str(self.request.name)

    @property
    def version(self) -> str:
        return str(self.request.version.value) or self.orchestration_version

    @property
    def is_awaited(self) -> bool:
        return self.hub.instances.running(self.instance_id, self.execution_id) is not None

    def make_item(self, *, keeps_executions: bool) -> pb.WorkItem | None:  # noqa: ARG002 - activities have no history
        if self.is_undeliverable:
            return None
        if self.hub.in_hand is not None:
            self.slot = self.hub.in_hand.take(self.key, self.task_id)
        return pb.WorkItem(activityRequest=self.request)

    def give_back(self) -> None:
        """Note that no worker has it; the request stays as it is."""
        if self.hub.in_hand is not None:
            self.hub.in_hand.release(self._slot())

    def _slot(self) -> int:
        """Return its slot once, to the caller that releases it."""
        slot, self.slot = self.slot, NO_SLOT
        return slot

    def was_lost(self) -> None:
        """Fail an activity that breaks the connection of every worker."""
        self.losses += 1
        size = self.request.ByteSize()
        self.is_undeliverable = is_undeliverable(self.losses, size)
        if self.is_undeliverable:
            failure = undeliverable("ActivityTooLarge", f"activity '{self.name}'", size, self.losses)
            self.finish(pb.ActivityResponse(failureDetails=failure))

    def will_be_repeated(self) -> None:
        """Count it: the worker that had it may have run it."""
        instance = self.hub.instances.running(self.instance_id, self.execution_id)
        if instance is not None:
            self.hub.repeats.note(self.key, self.execution_id, self.task_id)
            self.hub.instances.mark_changed(instance)

    def finish(self, response: pb.ActivityResponse) -> None:
        """Deliver the outcome to the execution that waits for it, if that still runs."""
        if self.hub.in_hand is not None and self.slot != NO_SLOT:
            self.hub.on_commit(functools.partial(self.hub.in_hand.release, self._slot()))
        instance = self.hub.instances.running(self.instance_id, self.execution_id)
        if instance is not None:
            if response.HasField("failureDetails"):
                failed = pb.TaskFailedEvent(taskScheduledId=self.task_id, failureDetails=response.failureDetails)
                self.hub.deliver(instance, taskFailed=failed)
            else:
                result = response.result if response.HasField("result") else None
                completed = pb.TaskCompletedEvent(taskScheduledId=self.task_id, result=result)
                self.hub.deliver(instance, taskCompleted=completed)


def offer_activity(
    hub: Hub, instance: Instance, execution: Execution, task_id: int, scheduled: pb.TaskScheduledEvent
) -> None:
    """Make an activity ready for a worker."""
    request = pb.ActivityRequest(
        name=scheduled.name,
        version=scheduled.version if scheduled.HasField("version") else None,
        input=scheduled.input if scheduled.HasField("input") else None,
        orchestrationInstance=pb.OrchestrationInstance(
            instanceId=instance.instance_id, executionId={"value": execution.execution_id}
        ),
        taskId=task_id,
        parentTraceContext=scheduled.parentTraceContext if scheduled.HasField("parentTraceContext") else None,
        tags=scheduled.tags,
    )
    activity = ActivityWork(
        hub,
        instance.key,
        instance.instance_id,
        execution.execution_id,
        task_id,
        request,
        hub.version_of(instance),
        WorkTimes(kind=noted.ACTIVITY, task_id=task_id),
    )
    hub.offer(instance.instance_id, activity)


def arm_timer(hub: Hub, instance: Instance, execution: Execution, timer_id: int, fire_at: Timestamp) -> None:
    """Fire a timer into this very execution when its time has come."""
    due_ns = to_ns(fire_at)
    if due_ns == LATEST_NS:
        return  # an endless wait, which people write as the last moment of year 9999
    fire = functools.partial(_fire_timer, hub, instance.instance_id, execution.execution_id, timer_id, due_ns)
    waits = functools.partial(hub.instances.is_running, instance.instance_id, execution.execution_id)
    hub.clock.call_at(due_ns, fire, instance.epoch_ns, is_wanted=waits)


def _fire_timer(hub: Hub, instance_id: str, execution_id: str, timer_id: int, due_ns: int) -> None:
    waiting = hub.instances.running(instance_id, execution_id)
    if waiting is not None:
        fired = pb.TimerFiredEvent(fireAt=from_ns(due_ns), timerId=timer_id)
        hub.deliver(waiting, timerFired=fired)


def start_child(
    hub: Hub,
    instance: Instance,
    execution: Execution,
    task_id: int,
    created: pb.SubOrchestrationInstanceCreatedEvent,
) -> None:
    """Start a sub-orchestration; one that cannot be is a failure of the call, not of the caller."""
    existing = hub.instances.get(created.instanceId)
    failure = _child_failure(created, existing)
    if failure is not None:
        failed = pb.SubOrchestrationInstanceFailedEvent(taskScheduledId=task_id, failureDetails=failure)
        hub.deliver(instance, subOrchestrationInstanceFailed=failed)
        return
    if existing is not None:
        hub.remove(existing)
    instance.children += 1
    hub.create(
        created.instanceId,
        created.name,
        version=unwrap_text(created, "version"),
        input_text=unwrap_text(created, "input"),
        parent=Parent(
            instance.instance_id, execution.execution_id, task_id, instance.name, instance.version, instance.key
        ),
        tags=dict(created.tags) or None,
        trace_context=copy_of(created.parentTraceContext) if created.HasField("parentTraceContext") else None,
        epoch_ns=instance.epoch_ns,
    )


def _child_failure(
    created: pb.SubOrchestrationInstanceCreatedEvent, existing: Instance | None
) -> pb.TaskFailureDetails | None:
    problem = start_problem(created.instanceId, created)
    if problem:
        return pb.TaskFailureDetails(errorType="ArgumentException", errorMessage=problem)
    if existing is not None and existing.status not in TERMINAL_STATUSES:
        return pb.TaskFailureDetails(
            errorType="OrchestrationAlreadyExistsException",
            errorMessage=f"An orchestration instance with the id '{created.instanceId}' already exists and is active.",
        )
    return None


def report_to_parent(hub: Hub, child: Instance, waiting: Parent) -> None:
    """Deliver a child's outcome to the execution that waits for it, in the same step in which the child ends."""
    parent = hub.instances.running(waiting.instance_id, waiting.execution_id)
    if parent is None:
        return
    task_id = waiting.task_id
    if child.status == pb.ORCHESTRATION_STATUS_COMPLETED:
        completed = pb.SubOrchestrationInstanceCompletedEvent(taskScheduledId=task_id, result=wrap_text(child.output))
        hub.deliver(parent, subOrchestrationInstanceCompleted=completed)
    else:
        failure = child.failure or pb.TaskFailureDetails(
            errorType="OrchestrationTerminatedException",
            errorMessage=f"The sub-orchestration '{child.instance_id}' was terminated: {child.output or 'no reason'}",
        )
        failed = pb.SubOrchestrationInstanceFailedEvent(taskScheduledId=task_id, failureDetails=failure)
        hub.deliver(parent, subOrchestrationInstanceFailed=failed)


def unanswered(history: list[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """Return the scheduling events whose outcome the history does not have."""
    answered: set[tuple[str, int]] = set()
    for past in history:
        kind = past.WhichOneof("eventType")
        if kind in {"taskCompleted", "taskFailed"}:
            answered.add(("taskScheduled", getattr(past, kind).taskScheduledId))
        elif kind in {"subOrchestrationInstanceCompleted", "subOrchestrationInstanceFailed"}:
            answered.add(("subOrchestrationInstanceCreated", getattr(past, kind).taskScheduledId))
        elif kind == "timerFired":
            answered.add(("timerCreated", past.timerFired.timerId))
    scheduling = {"taskScheduled", "subOrchestrationInstanceCreated", "timerCreated"}
    return [
        past
        for past in history
        if past.WhichOneof("eventType") in scheduling and (past.WhichOneof("eventType"), past.eventId) not in answered
    ]


def restore_task(hub: Hub, instance: Instance, execution: Execution, past: pb.HistoryEvent) -> None:
    """Wait again for what history scheduled: an activity or a timer."""
    if past.HasField("taskScheduled"):
        offer_activity(hub, instance, execution, past.eventId, past.taskScheduled)
    elif past.HasField("timerCreated"):
        arm_timer(hub, instance, execution, past.eventId, past.timerCreated.fireAt)


def restore_tasks(hub: Hub, instance: Instance, execution: Execution) -> list[pb.HistoryEvent]:
    """Wait again for all that a restored execution waits for; return the events of the activities among it.

    Its children live on and report by themselves.
    """
    waiting = unanswered([*execution.history, *execution.inbox.events])
    for past in waiting:
        restore_task(hub, instance, execution, past)
    return [past for past in waiting if past.HasField("taskScheduled")]
