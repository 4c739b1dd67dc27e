"""The limit on payloads that the service has: 1 MB for each input, output, event, custom status and entity state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from durable_harness.protocol import RpcError, Status, pb
from durable_harness.scheduler.checks import failed_turn

DEFAULT_MAX_PAYLOAD_BYTES = 1_048_576
ERROR_TYPE = "PayloadTooLarge"


@dataclass(frozen=True)
class PayloadLimit:
    """Refuses what clients send and fails what workers answer, so that nothing gets stuck. 0 is no limit."""

    max_bytes: int

    def check(self, request: Any, field: str) -> None:
        """Raise INVALID_ARGUMENT where a client's payload is too large."""
        size = self._excess(getattr(request, field).value)
        if size:
            raise RpcError(Status.INVALID_ARGUMENT, self._message(field, size))

    def activity(self, response: Any) -> Any:
        """Return an activity's answer, or a failure in its place where its result is too large."""
        size = self._excess(response.result.value)
        if not size:
            return response
        failure = pb.TaskFailureDetails(errorType=ERROR_TYPE, errorMessage=self._message("activity result", size))
        return pb.ActivityResponse(
            instanceId=response.instanceId,
            taskId=response.taskId,
            failureDetails=failure,
            completionToken=response.completionToken,
        )

    def turn(self, response: Any) -> Any:
        """Return a turn's answer, or one that fails the orchestration where a payload in it is too large."""
        problem = self._turn_problem(response)
        if problem is None:
            return response
        return failed_turn(response, ERROR_TYPE, problem)

    def batch(self, result: Any) -> Any:
        """Return a batch's answer, or a failure where something in it is too large.

        A result fails its own operation; the state, or what the operations send, fails the whole batch: nobody can tell
        which of them it comes from.
        """
        if not self.max_bytes or result.ByteSize() <= self.max_bytes:
            return result
        parts = [("entity state", result.entityState.value)]
        for action in result.actions:
            parts += [
                (f"input of signal '{action.sendSignal.name}'", action.sendSignal.input.value),
                (f"input of '{action.startNewOrchestration.name}'", action.startNewOrchestration.input.value),
            ]
        problem = self._first_problem(parts)
        if problem is not None:
            failure = pb.TaskFailureDetails(errorType=ERROR_TYPE, errorMessage=problem)
            return pb.EntityBatchResult(completionToken=result.completionToken, failureDetails=failure)
        for outcome in result.results:
            size = self._excess(outcome.success.result.value)
            if size:
                failure = pb.TaskFailureDetails(
                    errorType=ERROR_TYPE, errorMessage=self._message("result of an entity operation", size)
                )
                outcome.failure.failureDetails.CopyFrom(failure)
        return result

    def _turn_problem(self, response: Any) -> str | None:
        if not self.max_bytes or response.ByteSize() <= self.max_bytes:
            return None
        parts = [("custom status", response.customStatus.value)]
        for action in response.actions:
            called = action.sendEntityMessage.entityOperationCalled
            signaled = action.sendEntityMessage.entityOperationSignaled
            parts += [
                (f"input of entity operation '{called.operation}'", called.input.value),
                (f"input of entity operation '{signaled.operation}'", signaled.input.value),
                (f"input of '{action.scheduleTask.name}'", action.scheduleTask.input.value),
                (f"input of '{action.createSubOrchestration.name}'", action.createSubOrchestration.input.value),
                (f"event '{action.sendEvent.name}'", action.sendEvent.data.value),
                ("output", action.completeOrchestration.result.value),
            ]
        return self._first_problem(parts)

    def _first_problem(self, parts: Iterable[tuple[str, str]]) -> str | None:
        for name, text in parts:
            size = self._excess(text)
            if size:
                return self._message(name, size)
        return None

    def _excess(self, text: str) -> int:
        """Return the size of a text that is too large, 0 for one that is not."""
        if not self.max_bytes or 4 * len(text) <= self.max_bytes:
            return 0
        size = len(text.encode("utf-8", "surrogatepass"))
        return size if size > self.max_bytes else 0

    def _message(self, name: str, size: int) -> str:
        return (
            f"The {name} has {size} bytes; a payload may have {self.max_bytes} at most. Keep large data elsewhere and"
            " pass a reference to it."
        )
