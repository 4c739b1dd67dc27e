"""Ends of orchestrations that no code of the app asked for."""

from __future__ import annotations

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.failures import sendable
from durable_harness.host.sdk.steps import SCHEDULING_KINDS
from durable_harness.protocol import pb, unwrap_text, wrap_text
from durable_harness.protocol.continuing import continuation_of


def failed(request: pb.OrchestratorRequest, error_type: str, message: str) -> pb.OrchestratorResponse:
    """Return the answer that fails an orchestration with a type and a message."""
    return failed_turn(request, pb.TaskFailureDetails(errorType=error_type, errorMessage=sendable(message)))


def failed_turn(request: pb.OrchestratorRequest, failure: pb.TaskFailureDetails) -> pb.OrchestratorResponse:
    """Return the answer that fails an orchestration."""
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=failure)
    return _ended(request, ending)


def unknown_orchestrator(request: pb.OrchestratorRequest, name: str, app: FunctionApp) -> pb.OrchestratorResponse:
    """Return the answer that fails an orchestration which the app does not have."""
    return failed(request, "InvalidOperationException", app.unknown("orchestrator", name))


def no_start(request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
    """Return the answer to a history that does not begin."""
    return failed(request, "InvalidOperationException", "The history has no ExecutionStarted event.")


def terminated(request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
    """Return the answer to a turn that has an ExecutionTerminated event."""
    event = next(e.executionTerminated for e in request.newEvents if e.HasField("executionTerminated"))
    ending = pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_TERMINATED, result=wrap_text(unwrap_text(event, "input"))
    )
    return _ended(request, ending)


def execution_started(request: pb.OrchestratorRequest) -> pb.ExecutionStartedEvent | None:
    """Return the ExecutionStartedEvent of a request, None if it has none."""
    for part in (request.pastEvents, request.newEvents):
        for event in part:
            if event.HasField("executionStarted"):
                return event.executionStarted
    return None


def next_action_id(request: pb.OrchestratorRequest) -> int:
    """Return the id of an action that follows all that history has, for ends that no code of the app asked for."""
    continuation = continuation_of(request)
    if continuation is not None:
        return continuation.last_action_id + 1
    events = (*request.pastEvents, *request.newEvents)
    return max((e.eventId for e in events if e.WhichOneof("eventType") in SCHEDULING_KINDS), default=-1) + 1


def _ended(request: pb.OrchestratorRequest, ending: pb.CompleteOrchestrationAction) -> pb.OrchestratorResponse:
    action = pb.OrchestratorAction(id=next_action_id(request), completeOrchestration=ending)
    return pb.OrchestratorResponse(instanceId=request.instanceId, actions=[action])
