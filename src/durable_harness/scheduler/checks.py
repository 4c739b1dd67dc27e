"""What requests must keep to, checked before anything is changed."""

from __future__ import annotations

from typing import Any

from durable_harness.protocol import RpcError, Status, is_terminal, pb
from durable_harness.scheduler.instances import NO_ACTION_ID

MAX_ID_CHARS = 1024
ENTITY_MESSAGES = frozenset(
    {"entityOperationSignaled", "entityOperationCalled", "entityLockRequested", "entityUnlockSent"}
)


def check_start(instance_id: str, name: str) -> None:
    """Raise INVALID_ARGUMENT where an instance cannot have this id or name."""
    problem = start_problem(instance_id, name)
    if problem:
        raise _invalid(problem)


def start_problem(instance_id: str, name: str) -> str | None:
    """Tell what is wrong with the id or the name of an instance, None where nothing is."""
    if not name:
        return "The name of the orchestrator is empty."
    if instance_id.startswith("@"):
        return f"The instance id '{instance_id[:60]}' starts with @, which is for entities."
    if len(instance_id) > MAX_ID_CHARS:
        return f"The instance id has {len(instance_id)} characters; it may have {MAX_ID_CHARS} at most."
    if not instance_id.isprintable():
        return f"The instance id {instance_id[:60]!r} has characters that cannot be printed."
    return None


def check_entity_id(entity_id: str) -> None:
    """Raise INVALID_ARGUMENT where an id is not that of an entity."""
    if not is_entity_id(entity_id):
        raise _invalid(f"'{entity_id[:60]}' is not the id of an entity, which is @name@key.")


def is_entity_id(entity_id: str) -> bool:
    name, separator, _ = entity_id[1:].partition("@")
    return entity_id.startswith("@") and bool(name) and bool(separator) and len(entity_id) <= MAX_ID_CHARS


def checked_turn(response: Any) -> Any:
    """Return a worker's answer, or one that fails the orchestration where an action in it cannot be carried out.

    Refused, it would be sent again or forgotten: the instance would hang either way.
    """
    problem = next((problem for action in response.actions if (problem := _action_problem(action))), None)
    return response if problem is None else failed_turn(response, "InvalidAction", problem)


def failed_turn(response: Any, error_type: str, problem: str) -> Any:
    """Return the answer that fails an orchestration in place of what its worker said."""
    failure = pb.TaskFailureDetails(errorType=error_type, errorMessage=problem)
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=failure)
    return pb.OrchestratorResponse(
        instanceId=response.instanceId,
        completionToken=response.completionToken,
        actions=[pb.OrchestratorAction(id=NO_ACTION_ID, completeOrchestration=ending)],
    )


def checked_batch(result: Any) -> Any:
    """Return a worker's answer for an entity, or a failure of it where what it asks for cannot be carried out."""
    problem = next((problem for action in result.actions if (problem := _entity_action_problem(action))), None)
    if problem is None:
        return result
    failure = pb.TaskFailureDetails(errorType="InvalidAction", errorMessage=problem)
    return pb.EntityBatchResult(completionToken=result.completionToken, failureDetails=failure)


def _entity_action_problem(action: Any) -> str | None:
    if action.HasField("startNewOrchestration"):
        start = action.startNewOrchestration
        return start_problem(start.instanceId, start.name)
    if action.HasField("sendSignal") and not is_entity_id(action.sendSignal.instanceId):
        return f"The entity signals '{action.sendSignal.instanceId[:60]}', which is not @name@key."
    return None


def _action_problem(action: Any) -> str | None:
    kind = action.WhichOneof("orchestratorActionType")
    if kind is None:
        return f"Action {action.id} is of no kind that this scheduler knows. Is the worker's package newer?"
    if kind == "sendEntityMessage":
        return _message_problem(action.id, action.sendEntityMessage)
    if kind == "completeOrchestration":
        status = action.completeOrchestration.orchestrationStatus
        if not is_terminal(status) and status != pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
            return f"Action {action.id} ends the orchestration with status {status}, which is no end."
    return None


def _message_problem(action_id: int, message: Any) -> str | None:
    kind = message.WhichOneof("EntityMessageType")
    if kind not in ENTITY_MESSAGES:
        return f"Action {action_id} sends an entity message without a kind."
    detail = getattr(message, kind)
    ids = detail.lockSet if kind == "entityLockRequested" else [detail.targetInstanceId.value]
    wrong = next((entity_id for entity_id in ids if not is_entity_id(entity_id)), None)
    return None if wrong is None else f"Action {action_id} sends a message to '{wrong[:60]}', which is not @name@key."


def _invalid(problem: str) -> RpcError:
    return RpcError(Status.INVALID_ARGUMENT, problem)
