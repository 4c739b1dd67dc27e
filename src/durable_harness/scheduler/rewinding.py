"""Rewind: an instance that failed goes on from before its failures, and so do the children that failed under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_harness.protocol import pb, text_or_none
from durable_harness.scheduler import tasks
from durable_harness.scheduler.instances import Execution, Instance, Parent

if TYPE_CHECKING:
    from durable_harness.scheduler.hub import TaskHub


def apply_rewound_history(hub: TaskHub, instance: Instance, execution: Execution, history: list[Any]) -> None:
    """Replace the history by the one the worker rewrote, take up again all that it waits for, and replay."""
    execution.history = history
    for past in history:
        if past.HasField("executionStarted") and past.executionStarted.orchestrationInstance.HasField("executionId"):
            instance.execution_id = past.executionStarted.orchestrationInstance.executionId.value
            execution.execution_id = instance.execution_id
    for past in _unanswered(history):
        _take_up(hub, instance, execution, past)
    execution.replay_due = True


def _unanswered(history: list[Any]) -> list[Any]:
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


def _take_up(hub: TaskHub, instance: Instance, execution: Execution, past: Any) -> None:
    if past.HasField("taskScheduled"):
        tasks.offer_activity(hub, instance, execution, past.eventId, past.taskScheduled)
    elif past.HasField("timerCreated"):
        tasks.arm_timer(hub, instance, execution, past.eventId, past.timerCreated.fireAt)
    else:
        _take_up_child(hub, instance, execution, past)


def _take_up_child(hub: TaskHub, instance: Instance, execution: Execution, past: Any) -> None:
    created = past.subOrchestrationInstanceCreated
    child = hub.instances.get(created.instanceId)
    if child is None:
        tasks.start_child(hub, instance, execution, past.eventId, created)
        return
    child.parent = Parent(instance.instance_id, execution.execution_id, past.eventId, instance.name, instance.version)
    if child.status == pb.ORCHESTRATION_STATUS_FAILED:
        reason = next((e.executionRewound for e in reversed(execution.history) if e.HasField("executionRewound")), None)
        hub.rewind(child, text_or_none(reason, "reason") if reason is not None else None)
    elif child.ended:
        tasks.tell_parent(hub, child)
