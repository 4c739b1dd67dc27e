"""The limit on payloads that the service has: 1 MB for each input, output, event, custom status and entity state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from durable_harness.protocol import RpcError, Status, pb

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
        failure = pb.TaskFailureDetails(errorType=ERROR_TYPE, errorMessage=problem)
        ending = pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=failure
        )
        return pb.OrchestratorResponse(
            instanceId=response.instanceId,
            completionToken=response.completionToken,
            actions=[pb.OrchestratorAction(id=-1, completeOrchestration=ending)],
        )

    def batch(self, result: Any) -> Any:
        """Return a batch's answer, or a failure of it where the entity's state is too large."""
        size = self._excess(result.entityState.value)
        if not size:
            return result
        failure = pb.TaskFailureDetails(errorType=ERROR_TYPE, errorMessage=self._message("entity state", size))
        return pb.EntityBatchResult(completionToken=result.completionToken, failureDetails=failure)

    def _turn_problem(self, response: Any) -> str | None:
        if not self.max_bytes or response.ByteSize() <= self.max_bytes:
            return None
        parts = [("custom status", response.customStatus.value)]
        for action in response.actions:
            parts += [
                (f"input of '{action.scheduleTask.name}'", action.scheduleTask.input.value),
                (f"input of '{action.createSubOrchestration.name}'", action.createSubOrchestration.input.value),
                (f"event '{action.sendEvent.name}'", action.sendEvent.data.value),
                ("output", action.completeOrchestration.result.value),
            ]
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
