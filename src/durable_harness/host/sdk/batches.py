"""Answers of entity batches that no code of the app gave."""

from __future__ import annotations

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.failures import sendable
from durable_harness.protocol import pb, unwrap_text, wrap_text


def unknown_entity(request: pb.EntityRequest, name: str, app: FunctionApp) -> pb.EntityBatchResult:
    """Fail the operations of an entity that the app does not have."""
    return all_failed(request, app.unknown("entity", name))


def operation_info(event: pb.HistoryEvent) -> pb.OperationInfo:
    """Return where the outcome of an operation is sent."""
    if not event.HasField("entityOperationCalled"):
        return pb.OperationInfo(requestId=event.entityOperationSignaled.requestId)
    called = event.entityOperationCalled
    return pb.OperationInfo(
        requestId=called.requestId,
        responseDestination=pb.OrchestrationInstance(
            instanceId=called.parentInstanceId.value,
            executionId=called.parentExecutionId if called.HasField("parentExecutionId") else None,
        ),
    )


def all_failed(
    request: pb.EntityRequest, message: str, error_type: str = "Exception", trace: str | None = None
) -> pb.EntityBatchResult:
    """Fail every operation and leave the state as it was."""
    failure = pb.TaskFailureDetails(errorType=error_type, errorMessage=sendable(message), stackTrace=wrap_text(trace))
    outcome = pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=failure))
    return pb.EntityBatchResult(
        results=[outcome] * len(request.operationRequests),
        entityState=wrap_text(unwrap_text(request, "entityState")),
        operationInfos=[operation_info(event) for event in request.operationRequests],
    )
