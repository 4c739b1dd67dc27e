"""The limit on payloads that the service has: 1 MB for each input, output, event, custom status and entity state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message

from durable_harness.protocol import (
    MAX_JSON_DEPTH,
    MAX_PAYLOAD_BYTES,
    RpcError,
    RpcStatus,
    holds_too_deep,
    pb,
    too_deep,
)
from durable_harness.scheduler.limits.checks import failed_turn

DEFAULT_MAX_PAYLOAD_BYTES = MAX_PAYLOAD_BYTES
STORED_BYTES = 500_000_000
"""What the store takes in any case: half of what SQLite has room for in a row, which has an input and an output."""
TOO_LARGE = "PayloadTooLarge"
TOO_DEEP = "PayloadTooDeep"


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
