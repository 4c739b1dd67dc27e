"""Rewind: an instance that failed continues from before its failures, and so do its children that failed."""

from __future__ import annotations

from durable_harness.protocol import TERMINAL_STATUSES, pb, unwrap_text
from durable_harness.scheduler.hub_interface import Hub
from durable_harness.scheduler.instances.execution_events import Execution, History
from durable_harness.scheduler.instances.instance_state import Instance, Parent
from durable_harness.scheduler.tasks import report_to_parent, restore_task, start_child, unanswered


def apply_rewound_history(hub: Hub, instance: Instance, execution: Execution, history: list[pb.HistoryEvent]) -> None:
    """Replace the history by the one the worker rewrote, wait again for all that it waits for, and replay."""
    execution.history = History(history)
    execution.last_turn = None
    for past in history:
        if past.HasField("executionStarted") and past.executionStarted.orchestrationInstance.HasField("executionId"):
            instance.execution_id = past.executionStarted.orchestrationInstance.executionId.value
            execution.execution_id = instance.execution_id
    execution.rewritten = True
    execution.replay_due = True
    for past in unanswered(history):
        if past.HasField("subOrchestrationInstanceCreated"):
            _restore_child(hub, instance, execution, past)
        else:
            restore_task(hub, instance, execution, past)


def _restore_child(hub: Hub, instance: Instance, execution: Execution, past: pb.HistoryEvent) -> None:
    created = past.subOrchestrationInstanceCreated
    child = hub.instances.get(created.instanceId)
    if child is None:
        start_child(hub, instance, execution, past.eventId, created)
        return
    child.parent = Parent(
        instance.instance_id, execution.execution_id, past.eventId, instance.name, instance.version, instance.key
    )
    if child.status == pb.ORCHESTRATION_STATUS_FAILED:
        reason = next(
            (e.executionRewound for e in reversed(execution.history.since(0)) if e.HasField("executionRewound")), None
        )
        hub.rewind(child, unwrap_text(reason, "reason") if reason is not None else None)
    elif child.status in TERMINAL_STATUSES:
        report_to_parent(hub, child, child.parent)
