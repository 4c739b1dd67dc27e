"""What an orchestrator asked for, as actions of the scheduler's protocol."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from azure.durable_functions.models.actions.Action import Action
from azure.durable_functions.models.actions.CallActivityAction import CallActivityAction
from azure.durable_functions.models.actions.CallActivityWithRetryAction import CallActivityWithRetryAction
from azure.durable_functions.models.actions.CallEntityAction import CallEntityAction
from azure.durable_functions.models.actions.CallHttpAction import CallHttpAction
from azure.durable_functions.models.actions.CallSubOrchestratorAction import CallSubOrchestratorAction
from azure.durable_functions.models.actions.CallSubOrchestratorWithRetryAction import CallSubOrchestratorWithRetryAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.actions.SignalEntityAction import SignalEntityAction
from google.protobuf import timestamp_pb2

from durable_harness.host.app.functions import BUILT_IN_HTTP_ACTIVITY
from durable_harness.host.payload_encoding import wrap_json
from durable_harness.host.sdk1.recording import Recorded
from durable_harness.protocol import child_id, pb, to_ns, wrap_text

RETRY_TIMER = "-WithRetry timer"
EVENT_OF_ACTION = {
    "scheduleTask": "taskScheduled",
    "createTimer": "timerCreated",
    "createSubOrchestration": "subOrchestrationInstanceCreated",
}


@dataclass(frozen=True)
class ActionBuilder:
    """Makes protocol actions for one execution of one instance. `default_version` is that of host.json."""

    instance_id: str
    execution_id: str
    default_version: str | None

    def build(self, recorded: Recorded) -> pb.OrchestratorAction | None:
        """Return the action for what was recorded, or None if nothing has to be sent."""
        number, action = recorded.number, recorded.action
        if isinstance(action, NoOpAction) and action.metadata != RETRY_TIMER:
            action = _first_attempt(recorded)
        if isinstance(action, CallActivityAction | CallActivityWithRetryAction):
            task = pb.ScheduleTaskAction(name=action.function_name)
            if action.input_ is not None:
                task.input.value = action.input_
            return pb.OrchestratorAction(id=number, scheduleTask=task)
        if isinstance(action, CallHttpAction):
            task = pb.ScheduleTaskAction(name=BUILT_IN_HTTP_ACTIVITY)
            task.input.value = json.dumps(action.http_request.to_json())
            return pb.OrchestratorAction(id=number, scheduleTask=task)
        if isinstance(action, CreateTimerAction | NoOpAction):
            return self._timer(
                number, retry_due(recorded) if isinstance(action, NoOpAction) else as_utc(action.fire_at)
            )
        if isinstance(action, CallSubOrchestratorAction | CallSubOrchestratorWithRetryAction):
            return self._sub_orchestration(number, action)
        if isinstance(action, CallEntityAction | SignalEntityAction):
            return self._entity_message(number, action)
        return None

    def _timer(self, number: int, due: datetime) -> pb.OrchestratorAction:
        timer = pb.CreateTimerAction()
        timer.fireAt.FromDatetime(due)
        return pb.OrchestratorAction(id=number, createTimer=timer)

    def _sub_orchestration(
        self, number: int, action: CallSubOrchestratorAction | CallSubOrchestratorWithRetryAction
    ) -> pb.OrchestratorAction:
        child = pb.CreateSubOrchestrationAction(
            instanceId=action.instance_id or child_id(self.instance_id, self.execution_id, number),
            name=action.function_name,
            version=wrap_text(getattr(action, "version", None) or self.default_version),  # has one since 1.5
            input=wrap_text(wrap_json(action._input)),
        )
        return pb.OrchestratorAction(id=number, createSubOrchestration=child)

    def _entity_message(self, number: int, action: CallEntityAction | SignalEntityAction) -> pb.OrchestratorAction:
        fields = {
            "requestId": str(uuid5(NAMESPACE_OID, f"{self.instance_id}:{self.execution_id}:{number}")),
            "operation": action.operation,
            "input": wrap_text(wrap_json(action.input_)),
            "targetInstanceId": wrap_text(action.instance_id),
        }
        if isinstance(action, SignalEntityAction):
            message = pb.SendEntityMessageAction(entityOperationSignaled=pb.EntityOperationSignaledEvent(**fields))
        else:
            called = pb.EntityOperationCalledEvent(
                parentInstanceId=wrap_text(self.instance_id),
                parentExecutionId=wrap_text(self.execution_id),
                **fields,
            )
            message = pb.SendEntityMessageAction(entityOperationCalled=called)
        return pb.OrchestratorAction(id=number, sendEntityMessage=message)


def differs_from_history(action: pb.OrchestratorAction, recorded: str, recorded_name: str | None) -> str | None:
    """Return how an action contradicts the event that history has under its id, None if it does not."""
    kind = action.WhichOneof("orchestratorActionType")
    expected = EVENT_OF_ACTION.get(kind)
    if kind == "sendEntityMessage":
        expected = action.sendEntityMessage.WhichOneof("EntityMessageType")
    if recorded != expected:
        return f"history has {recorded} under id {action.id}, the code now does {kind}"
    name = getattr(getattr(action, kind), "name", None)
    if name != recorded_name:
        return f"history has '{recorded_name}' under id {action.id}, the code now calls '{name}'"
    return None


def retry_due(recorded: Recorded) -> datetime:
    """Return when a retry timer fires. After the last attempt the SDK waits for one more timer: that one is due now."""
    parent = recorded.task.parent if recorded.task is not None else None
    assert parent is not None
    options = parent.retry_options
    if recorded.attempts >= options.max_number_of_attempts:
        return recorded.now
    return recorded.now + timedelta(milliseconds=options.first_retry_interval_in_milliseconds)


def also_due_ns(recorded: Recorded) -> int | None:
    """Return when else a timer may be due: other hosts wait an interval after the last attempt too."""
    action = recorded.action
    if not (isinstance(action, NoOpAction) and action.metadata == RETRY_TIMER) or recorded.task is None:
        return None
    interval_ms = recorded.task.parent.retry_options.first_retry_interval_in_milliseconds
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(recorded.now + timedelta(milliseconds=interval_ms))
    return to_ns(stamp)


def _first_attempt(recorded: Recorded) -> Action:
    """Return the action that a retry repeats."""
    assert recorded.task is not None
    actions = recorded.task.parent.actions
    return actions[0] if isinstance(actions, list) else actions


def as_utc(moment: date) -> datetime:
    """Read a due time as the SDK writes it: its fields as they stand, called UTC, whatever zone it carries."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=UTC)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
