"""What requests must keep to, checked before anything is changed."""

from __future__ import annotations

from typing import Any

from durable_harness.protocol import RpcError, Status, is_terminal, pb

MAX_ID_CHARS = 1024
ENTITY_MESSAGES = frozenset(
    {"entityOperationSignaled", "entityOperationCalled", "entityLockRequested", "entityUnlockSent"}
)


def check_start(instance_id: str, name: str) -> None:
    """Raise INVALID_ARGUMENT where an instance cannot have this id or name."""
    if not name:
        raise _invalid("The name of the orchestrator is empty.")
    problem = id_problem(instance_id)
    if problem:
        raise _invalid(problem)


def id_problem(instance_id: str) -> str | None:
    """Tell what is wrong with an instance id, None where nothing is."""
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


def check_turn(response: Any) -> None:
    """Raise INVALID_ARGUMENT where a worker's answer has an action that cannot be carried out."""
    for action in response.actions:
        kind = action.WhichOneof("orchestratorActionType")
        if kind is None:
            raise _invalid(f"Action {action.id} has no kind.")
        if kind == "sendEntityMessage":
            _check_entity_message(action.id, action.sendEntityMessage)
        elif kind == "completeOrchestration":
            status = action.completeOrchestration.orchestrationStatus
            if not is_terminal(status) and status != pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
                raise _invalid(f"Action {action.id} ends the orchestration with status {status}, which is no end.")


def _check_entity_message(action_id: int, message: Any) -> None:
    kind = message.WhichOneof("EntityMessageType")
    if kind not in ENTITY_MESSAGES:
        raise _invalid(f"Action {action_id} sends an entity message without a kind.")
    detail = getattr(message, kind)
    ids = detail.lockSet if kind == "entityLockRequested" else [detail.targetInstanceId.value]
    for entity_id in ids:
        if not is_entity_id(entity_id):
            raise _invalid(f"Action {action_id} sends a message to '{entity_id[:60]}', which is not @name@key.")


def _invalid(problem: str) -> RpcError:
    return RpcError(Status.INVALID_ARGUMENT, problem)
