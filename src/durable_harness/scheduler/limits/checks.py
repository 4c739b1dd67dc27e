"""What requests and answers must comply with, checked before anything is changed.

docs/reference/limits.md lists all limits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from durable_harness.protocol import (
    MAX_ID_CHARS,
    MAX_JSON_DEPTH,
    MAX_PAYLOAD_BYTES,
    TERMINAL_STATUSES,
    RpcError,
    RpcStatus,
    from_ns,
    holds_too_deep,
    pb,
    too_deep,
)
from durable_harness.protocol.values import LATEST_NS
from durable_harness.scheduler.instances.execution_events import NO_ACTION_ID
from durable_harness.wording.lengths import NS_PER_S

MAX_NAME_CHARS = 1000
MAX_TAGS = 100
MAX_TAG_VALUE_CHARS = 10_000
"""The service documents no limit on names and tags. These are far above what people use, and keep a row small."""
SHOWN_CHARS = 60
NUL = "\0"
PRINTABLE_ASCII = frozenset(map(chr, range(0x20, 0x7F)))
REPLACED_BY_TERMINATION = frozenset(
    {
        pb.ORCHESTRATION_STATUS_PENDING,
        pb.ORCHESTRATION_STATUS_RUNNING,
        pb.ORCHESTRATION_STATUS_SUSPENDED,
        pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
    }
)
ENTITY_MESSAGES = frozenset(
    {"entityOperationSignaled", "entityOperationCalled", "entityLockRequested", "entityUnlockSent"}
)
DEFAULT_MAX_PAYLOAD_BYTES = MAX_PAYLOAD_BYTES
STORED_BYTES = 500_000_000
"""What the store takes in any case: half of what SQLite has room for in a row, which has an input and an output."""
TOO_LARGE = "PayloadTooLarge"
TOO_DEEP = "PayloadTooDeep"

Start = pb.CreateInstanceRequest | pb.SubOrchestrationInstanceCreatedEvent | pb.StartNewOrchestrationAction
"""The messages that start an orchestration: a client's, an orchestrator's, an entity's."""


def raise_for_problem(problem: str | None) -> None:
    """Raise INVALID_ARGUMENT for a problem with a request, if there is one."""
    if problem is not None:
        raise RpcError(RpcStatus.INVALID_ARGUMENT, problem)


def time_problem(what: str, stamp: Timestamp) -> str | None:
    """Return what is wrong with the time that something is scheduled for, None if nothing is."""
    if stamp.seconds < LATEST_NS // NS_PER_S:
        return None
    latest = from_ns(LATEST_NS).ToJsonString()[:10]
    return f"The {what} is scheduled for {_shown_time(stamp)}; this scheduler keeps times before {latest}."


def _shown_time(stamp: Timestamp) -> str:
    try:
        return str(stamp.ToJsonString())
    except ValueError:  # after year 9999
        return f"{stamp.seconds} s after 1970"


def name_problem(kind: str, name: str, max_chars: int = MAX_NAME_CHARS) -> str | None:
    """Return what is wrong with the name of something, None if nothing is."""
    if len(name) > max_chars:
        return f"The {kind} '{name[:SHOWN_CHARS]}…' has {len(name)} characters; expected at most {max_chars}."
    if NUL in name:
        return f"The {kind} {name[:SHOWN_CHARS]!r} contains a NUL character."
    return None


def tags_problem(tags: Mapping[str, str]) -> str | None:
    """Return what is wrong with the tags of an orchestration or an activity, None if nothing is."""
    if len(tags) > MAX_TAGS:
        return f"There are {len(tags)} tags; expected at most {MAX_TAGS}."
    for name, value in tags.items():
        problem = name_problem("tag", name) or name_problem(f"value of tag '{name}'", value, MAX_TAG_VALUE_CHARS)
        if problem:
            return problem
    return None


def start_problem(instance_id: str, start: Start) -> str | None:
    """Return what is wrong with the id of an instance or with the message that starts it, None if nothing is."""
    if not start.name:
        return "The name of the orchestrator is empty."
    if instance_id.startswith("@"):
        return f"The instance id '{instance_id[:60]}' starts with @, which is for entities."
    return _characters_problem("instance id", instance_id) or _named_problem("orchestrator", start)


def _characters_problem(kind: str, text: str) -> str | None:
    if len(text) > MAX_ID_CHARS:
        return f"The {kind} '{text[:60]}…' has {len(text)} characters; expected at most {MAX_ID_CHARS}."
    strange = next((character for character in text if character not in PRINTABLE_ASCII), None)
    if strange is not None:
        return f"The {kind} {text!r} contains {strange!r}; expected only printable ASCII characters (0x20 to 0x7E)."
    return None


def _named_problem(kind: str, named: Start | pb.ScheduleTaskAction) -> str | None:
    """Return what is wrong with the name, version and tags of what is asked for."""
    tags: Mapping[str, str] = getattr(named, "tags", {})
    return (
        name_problem(f"name of the {kind}", named.name)
        or (name_problem(f"version of the {kind}", named.version.value) if named.HasField("version") else None)
        or (tags_problem(tags) if tags else None)
    )


def reuse_problem(statuses: Collection[int]) -> str | None:
    """Return what is wrong with a policy that replaces living instances but no terminated ones, None if nothing is."""
    if REPLACED_BY_TERMINATION.intersection(statuses) and pb.ORCHESTRATION_STATUS_TERMINATED not in statuses:
        return "Invalid reusable statuses: cannot exclude 'Terminated' while also allowing reuse of running instances"
    return None


def entity_id_problem(entity_id: str) -> str | None:
    """Return what is wrong with the id of an entity, None if nothing is."""
    name, separator, _ = entity_id[1:].partition("@")
    if not (entity_id.startswith("@") and name and separator):
        return f"'{entity_id[:60]}' is not the id of an entity, which is @name@key."
    return _characters_problem("entity id", entity_id)


def checked_turn(response: pb.OrchestratorResponse) -> pb.OrchestratorResponse:
    """Return a worker's answer, or one that fails the orchestration if an action in it cannot be carried out.

    Refused, it would be sent again or forgotten: the instance would hang either way.
    """
    problem = next((problem for action in response.actions if (problem := _action_problem(action))), None)
    return response if problem is None else failed_turn(response, "InvalidAction", problem)


def failed_turn(response: pb.OrchestratorResponse, error_type: str, problem: str) -> pb.OrchestratorResponse:
    """Return an answer that fails the orchestration, in place of the one of its worker."""
    failure = pb.TaskFailureDetails(errorType=error_type, errorMessage=problem)
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=failure)
    return pb.OrchestratorResponse(
        instanceId=response.instanceId,
        completionToken=response.completionToken,
        actions=[pb.OrchestratorAction(id=NO_ACTION_ID, completeOrchestration=ending)],
    )


def checked_batch(result: pb.EntityBatchResult) -> pb.EntityBatchResult:
    """Return a worker's answer for an entity, or a failure of it if an action in it cannot be carried out."""
    problem = next((problem for action in result.actions if (problem := _entity_action_problem(action))), None)
    if problem is None:
        return result
    failure = pb.TaskFailureDetails(errorType="InvalidAction", errorMessage=problem)
    return pb.EntityBatchResult(completionToken=result.completionToken, failureDetails=failure)


def _entity_action_problem(action: pb.OperationAction) -> str | None:
    if action.HasField("startNewOrchestration"):
        start = action.startNewOrchestration
        return start_problem(start.instanceId, start) or time_problem("start", start.scheduledTime)
    if action.HasField("sendSignal"):
        signal = action.sendSignal
        problem = (
            entity_id_problem(signal.instanceId)
            or name_problem("operation", signal.name)
            or time_problem("signal", signal.scheduledTime)
        )
        return problem and f"The entity sends a signal, but: {problem}"
    return None


def _action_problem(action: pb.OrchestratorAction) -> str | None:
    kind = action.WhichOneof("orchestratorActionType")
    if kind is None:
        return f"Action {action.id} is of no kind that this scheduler knows. Is the worker's package newer?"
    if kind == "sendEntityMessage":
        return _message_problem(action.id, action.sendEntityMessage)
    if kind == "scheduleTask":
        return _named_problem("activity", action.scheduleTask)
    if kind == "sendEvent":
        return name_problem("event", action.sendEvent.name)
    if kind == "completeOrchestration":
        return _ending_problem(action.id, action.completeOrchestration)
    return None


def _ending_problem(action_id: int, ending: pb.CompleteOrchestrationAction) -> str | None:
    status = ending.orchestrationStatus
    if status not in TERMINAL_STATUSES and status != pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
        return f"Action {action_id} ends the orchestration with status {status}, which is no end."
    return name_problem("new version", ending.newVersion.value) if ending.HasField("newVersion") else None


def _message_problem(action_id: int, message: pb.SendEntityMessageAction) -> str | None:
    kind = message.WhichOneof("EntityMessageType")
    if kind not in ENTITY_MESSAGES:
        return f"Action {action_id} sends an entity message without a kind."
    detail = getattr(message, kind)
    ids = detail.lockSet if kind == "entityLockRequested" else [detail.targetInstanceId.value]
    problem = name_problem("operation", getattr(detail, "operation", "")) or next(
        (problem for entity_id in ids if (problem := entity_id_problem(entity_id))), None
    )
    if problem is None and kind == "entityOperationSignaled":
        problem = time_problem("signal", detail.scheduledTime)
    return problem and f"Action {action_id} sends a message to an entity, but: {problem}"


class Problem(NamedTuple):
    """Why a payload is not taken."""

    error_type: str
    message: str

    @property
    def failure(self) -> pb.TaskFailureDetails:
        return pb.TaskFailureDetails(errorType=self.error_type, errorMessage=self.message)


@dataclass(frozen=True)
class PayloadLimit:
    """Refuses what clients send and fails what workers answer, so that nothing gets stuck.

    `max_bytes` limits the size, 0 leaves it at what the store takes. JSON that no parser takes is refused at any size.
    """

    max_bytes: int

    def check(self, request: Message, field: str) -> None:
        """Raise INVALID_ARGUMENT if a client's payload cannot be taken."""
        problem = self._problem(field, getattr(request, field).value)
        if problem is not None:
            raise RpcError(RpcStatus.INVALID_ARGUMENT, problem.message)

    def activity(self, response: pb.ActivityResponse) -> pb.ActivityResponse:
        """Return an activity's answer, or a failure in its place if its result cannot be taken."""
        problem = self._problem("activity result", response.result.value)
        if problem is None:
            return response
        return pb.ActivityResponse(
            instanceId=response.instanceId,
            taskId=response.taskId,
            failureDetails=problem.failure,
            completionToken=response.completionToken,
        )

    def turn(self, response: pb.OrchestratorResponse) -> pb.OrchestratorResponse:
        """Return a turn's answer, or one that fails the orchestration if a payload in it cannot be taken."""
        problem = None if self._is_harmless(response) else self._first_problem(_parts_of_turn(response))
        return response if problem is None else failed_turn(response, *problem)

    def batch(self, result: pb.EntityBatchResult) -> pb.EntityBatchResult:
        """Return a batch's answer, or a failure if something in it cannot be taken.

        A result fails its own operation; the state, or what the operations send, fails the whole batch: it is
        unknown which of them it comes from.
        """
        if self._is_harmless(result):
            return result
        problem = self._first_problem(_parts_of_batch(result))
        if problem is not None:
            return pb.EntityBatchResult(completionToken=result.completionToken, failureDetails=problem.failure)
        for outcome in result.results:
            problem = self._problem("result of an entity operation", outcome.success.result.value)
            if problem is not None:
                outcome.failure.failureDetails.CopyFrom(problem.failure)
        return result

    def _is_harmless(self, message: Message) -> bool:
        """Whether nothing in a message can be too large, and nothing nested too deep: it has too few brackets."""
        size = message.ByteSize()
        if size > (self.max_bytes or STORED_BYTES):
            return False
        if size <= MAX_JSON_DEPTH:
            return True
        written = message.SerializeToString()
        return bool(written.count(b"[") + written.count(b"{") <= MAX_JSON_DEPTH)

    def _first_problem(self, parts: Iterable[tuple[str, str]]) -> Problem | None:
        return next((problem for name, text in parts if (problem := self._problem(name, text))), None)

    def _problem(self, name: str, text: str) -> Problem | None:
        limit = self.max_bytes or STORED_BYTES
        # Bytes are only counted where there may be too many: a character has four at most.
        if 4 * len(text) > limit and (size := len(text.encode("utf-8", "surrogatepass"))) > limit:
            return Problem(
                TOO_LARGE,
                f"The {name} has {size} bytes; a payload may have {limit} at most. Keep large data elsewhere and pass a"
                " reference to it.",
            )
        return Problem(TOO_DEEP, too_deep(name)) if len(text) > MAX_JSON_DEPTH and holds_too_deep(text) else None


def _parts_of_turn(response: pb.OrchestratorResponse) -> Iterator[tuple[str, str]]:
    yield "custom status", response.customStatus.value
    for action in response.actions:
        kind = action.WhichOneof("orchestratorActionType")
        # A turn may have 100,000 actions: only what is there is looked at.
        if kind == "sendEntityMessage":
            yield from _parts_of_entity_message(action.sendEntityMessage)
        elif kind == "scheduleTask":
            yield f"input of '{action.scheduleTask.name}'", action.scheduleTask.input.value
        elif kind == "createSubOrchestration":
            yield f"input of '{action.createSubOrchestration.name}'", action.createSubOrchestration.input.value
        elif kind == "sendEvent":
            yield f"event '{action.sendEvent.name}'", action.sendEvent.data.value
        elif kind == "terminateOrchestration":
            yield "reason of a termination", action.terminateOrchestration.reason.value
        elif kind == "completeOrchestration":
            yield "output", action.completeOrchestration.result.value


def _parts_of_entity_message(message: pb.SendEntityMessageAction) -> Iterator[tuple[str, str]]:
    for operation in (message.entityOperationCalled, message.entityOperationSignaled):
        yield f"input of entity operation '{operation.operation}'", operation.input.value


def _parts_of_batch(result: pb.EntityBatchResult) -> Iterator[tuple[str, str]]:
    yield "entity state", result.entityState.value
    for action in result.actions:
        yield f"input of signal '{action.sendSignal.name}'", action.sendSignal.input.value
        yield f"input of '{action.startNewOrchestration.name}'", action.startNewOrchestration.input.value
