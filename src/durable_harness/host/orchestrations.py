"""One turn of an orchestration: a work item in, the scheduler's actions out."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction
from azure.durable_functions.models.utils.df_serialization import df_dumps

from durable_harness.host.actions import ActionBuilder, differs_from_history
from durable_harness.host.functions import Function, FunctionApp
from durable_harness.host.history import SCHEDULING_KINDS, replay_events
from durable_harness.host.payloads import unwrap_json, wrap_json
from durable_harness.host.replay import RecordingContext, RecordingExecutor
from durable_harness.protocol import optional_text, pb, text_or_none

ENDING_ACTION_ID = -1


@dataclass(frozen=True)
class OrchestrationRunner:
    """Runs turns of an app's orchestrators. Plain and synchronous: it may be called on any thread."""

    app: FunctionApp
    default_version: str | None = None

    def run(self, request: Any) -> Any:
        """OrchestratorRequest -> OrchestratorResponse (without its completion token). Never raises for user code."""
        new_kinds = {event.WhichOneof("eventType") for event in request.newEvents}
        if "executionTerminated" in new_kinds:
            return _terminated(request)
        if "executionRewound" in new_kinds:
            return _rewound(request)
        started = _execution_started(request)
        if started is None:
            return _failed(request, "InvalidOperationException", "The history has no ExecutionStarted event.")
        function = self.app.orchestrators.get(started.name.lower())
        if function is None:
            known = ", ".join(sorted(f.durable_name for f in self.app.orchestrators.values())) or "none"
            message = f"The orchestrator function '{started.name}' does not exist in this app. Known ones: {known}."
            return _failed(request, "InvalidOperationException", message)
        return Turn(function, request, started, self.default_version).response()


class Turn:
    """The replay of one orchestrator over one history."""

    def __init__(self, function: Function, request: Any, started: Any, default_version: str | None) -> None:
        self._request = request
        self._function = function
        self._events = replay_events(request.pastEvents, request.newEvents)
        self._context = RecordingContext(
            self._events,
            request.instanceId,
            started.parentInstance.orchestrationInstance.instanceId or None,
            unwrap_json(text_or_none(started, "input")),
        )
        self._context._input_expected_type = getattr(function.call, "_df_input_type", None)  # noqa: SLF001
        self._builder = ActionBuilder(request.instanceId, request.executionId.value, default_version)

    def response(self) -> Any:
        executor = RecordingExecutor()
        try:
            executor.execute(self._context, self._events, self._function.call.orchestrator_function)  # type: ignore[attr-defined]
        except BaseException as error:  # noqa: BLE001 - plain functions raise straight through, and so does SystemExit
            executor.exception = error
        actions, contradiction = self._new_actions()
        if contradiction is not None:
            return _failed(self._request, "NonDeterministicOrchestrationException", contradiction)
        custom_status = self._custom_status(executor)
        ending = self._ending(executor)
        if ending is not None:
            actions.append(pb.OrchestratorAction(id=ENDING_ACTION_ID, completeOrchestration=ending))
        return pb.OrchestratorResponse(
            instanceId=self._request.instanceId, actions=actions, customStatus=optional_text(custom_status)
        )

    def _custom_status(self, executor: RecordingExecutor) -> str | None:
        """Return the status as JSON; one that cannot be written fails the orchestration, one that is falsy is none."""
        status = self._context.custom_status
        try:
            return df_dumps(status) if status else None
        except Exception as error:  # noqa: BLE001 - whatever a user's object raises
            executor.exception = executor.exception or error
            return None

    def _new_actions(self) -> tuple[list[Any], str | None]:
        """Return the actions that history does not have yet; or how the code contradicts its own history."""
        scheduled = {
            event.eventId: event
            for part in (self._request.pastEvents, self._request.newEvents)
            for event in part
            if event.WhichOneof("eventType") in SCHEDULING_KINDS
        }
        actions = []
        for recorded in self._context.recorded:
            action = self._builder.build(recorded)
            if action is None:
                continue
            known = scheduled.get(recorded.number)
            if known is None:
                actions.append(action)
                continue
            contradiction = differs_from_history(action, known)
            if contradiction is not None:
                name = self._function.durable_name
                return [], f"Orchestrator function '{name}' is not deterministic: {contradiction}."
        return actions, None

    def _ending(self, executor: RecordingExecutor) -> Any | None:
        if executor.exception is not None:
            return _failure(self._function.durable_name, executor.exception)
        if self._context.will_continue_as_new:
            return self._continue_as_new(executor)
        if executor.orchestrator_returned:
            return pb.CompleteOrchestrationAction(
                orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED, result=optional_text(executor.output_text)
            )
        return None

    def _continue_as_new(self, executor: RecordingExecutor) -> Any:
        renewal = next(r.action for r in self._context.recorded if isinstance(r.action, ContinueAsNewAction))
        return pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
            result=optional_text(wrap_json(renewal.input_)),
            carryoverEvents=executor.untaken_events(self._events),
        )


def _execution_started(request: Any) -> Any | None:
    for part in (request.pastEvents, request.newEvents):
        for event in part:
            if event.HasField("executionStarted"):
                return event.executionStarted
    return None


def _failure(name: str, error: BaseException) -> Any:
    text = str(error) or str(type(error))
    return pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED,
        failureDetails=pb.TaskFailureDetails(
            errorType=type(error).__name__,
            errorMessage=f"Orchestrator function '{name}' failed: {text}",
            stackTrace=optional_text("".join(traceback.format_tb(error.__traceback__))),
        ),
    )


def _failed(request: Any, error_type: str, message: str) -> Any:
    ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED,
        failureDetails=pb.TaskFailureDetails(errorType=error_type, errorMessage=message),
    )
    return _ended(request, ending)


def _terminated(request: Any) -> Any:
    terminated = next(e.executionTerminated for e in request.newEvents if e.HasField("executionTerminated"))
    ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED, result=optional_text(text_or_none(terminated, "input"))
    )
    return _ended(request, ending)


def _ended(request: Any, ending: Any) -> Any:
    action = pb.OrchestratorAction(id=ENDING_ACTION_ID, completeOrchestration=ending)
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=[action])


def _rewound(request: Any) -> Any:
    """Answer a rewind with the history as it was before the failures: they and what led to them are done again."""
    history = [*request.pastEvents, *request.newEvents]
    failed_tasks = {e.taskFailed.taskScheduledId for e in history if e.HasField("taskFailed")}
    kept = [
        event
        for event in history
        if event.WhichOneof("eventType") not in {"taskFailed", "subOrchestrationInstanceFailed", "executionCompleted"}
        and not (event.HasField("taskScheduled") and event.eventId in failed_tasks)
    ]
    action = pb.OrchestratorAction(
        id=ENDING_ACTION_ID, rewindOrchestration=pb.RewindOrchestrationAction(newHistory=kept)
    )
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=[action])
