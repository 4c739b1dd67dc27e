"""Sending the answers of work, so that no work stays with a host that cannot answer it.

An answer that the scheduler refuses, or that cannot be encoded, becomes a failure with that text. If the failure cannot
be sent either, the work is given back. Otherwise it would stay leased, for an hour by default.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from durable_harness.host.failures import describe, failure_details
from durable_harness.host.sdk.endings import failed_turn
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError, RpcStatus, Scheduler, pb

logger = own_logger(HOST_LOGGER)

TRANSIENT = frozenset({RpcStatus.UNAVAILABLE, RpcStatus.DEADLINE_EXCEEDED, RpcStatus.RESOURCE_EXHAUSTED})
TOO_LARGE = "larger than max"
"""A part of gRPC's text for a message beyond a limit; its status is the one of a scheduler that is busy."""
RETRY_DELAYS_S = (0.1, 0.3, 1.0, 3.0)


def failed_activity(request: pb.ActivityRequest, failure: pb.TaskFailureDetails) -> pb.ActivityResponse:
    """Return the answer of an activity that has failed."""
    instance_id = request.orchestrationInstance.instanceId
    return pb.ActivityResponse(instanceId=instance_id, taskId=request.taskId, failureDetails=failure)


def _failed_batch(_request: pb.EntityRequest, failure: pb.TaskFailureDetails) -> pb.EntityBatchResult:
    """Fail every operation and leave the state as it was."""
    return pb.EntityBatchResult(failureDetails=failure)


WorkRequest = pb.OrchestratorRequest | pb.ActivityRequest | pb.EntityRequest
Answer = pb.OrchestratorResponse | pb.ActivityResponse | pb.EntityBatchResult
AbandonRequest = (
    type[pb.AbandonOrchestrationTaskRequest] | type[pb.AbandonActivityTaskRequest] | type[pb.AbandonEntityTaskRequest]
)
Failed = Callable[[Any, pb.TaskFailureDetails], Answer]  # type: ignore[explicit-any]  # takes its own kind's request


@dataclass(frozen=True)
class WorkKind:
    """A kind of work: the field that a work item has it in, how it is completed, failed and given back."""

    request: str
    complete: str
    abandon: str
    abandon_request: AbandonRequest
    failed: Failed


TURN = WorkKind(
    "orchestratorRequest",
    "complete_orchestrator_task",
    "abandon_orchestrator_task",
    pb.AbandonOrchestrationTaskRequest,
    failed_turn,
)
ACTIVITY = WorkKind(
    "activityRequest",
    "complete_activity_task",
    "abandon_activity_task",
    pb.AbandonActivityTaskRequest,
    failed_activity,
)
BATCH = WorkKind(
    "entityRequestV2",
    "complete_entity_task",
    "abandon_entity_task",
    pb.AbandonEntityTaskRequest,
    _failed_batch,
)
KINDS = (TURN, ACTIVITY, BATCH)


class AnswerSender:
    """Completes, fails or gives back work items. No method raises, but for a cancellation."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def send(self, kind: WorkKind, item: pb.WorkItem, answer: Answer, *, is_failure: bool = False) -> None:
        """Complete work with its answer. If that is refused the work is failed, or given back if it was a failure.

        Work whose lease has ended belongs to another worker by now.
        """
        answer.completionToken = item.completionToken
        problem = await self._called(kind.complete, answer)
        if problem is None:
            return
        logger.log(_level(problem), "The scheduler refused a completion: %s", describe(problem))
        if _is_not_ours(problem):
            return
        if is_failure:
            await self.give_back(item, kind)
        else:
            message = f"The answer of this work could not be sent to the scheduler: {describe(problem)}"
            await self.fail(kind, item, failure_details(problem, message))

    async def fail(self, kind: WorkKind, item: pb.WorkItem, failure: pb.TaskFailureDetails) -> None:
        """Fail work that has no answer; give it back if the failure is refused."""
        logger.error("Work item %s: %s", kind.request, failure.errorMessage)
        try:
            answer = kind.failed(getattr(item, kind.request), failure)
        except Exception as error:  # noqa: BLE001 - such as a lack of memory
            logger.error("The failure of a work item could not be written: %s", describe(error))  # noqa: TRY400
            await self.give_back(item, kind)
            return
        await self.send(kind, item, answer, is_failure=True)

    async def give_back(self, item: pb.WorkItem, *kinds: WorkKind) -> None:
        """Make the scheduler hand out work again. Of work of an unknown kind the first of `kinds` that fits counts."""
        for kind in kinds:
            request = kind.abandon_request(completionToken=item.completionToken)
            problem = await self._called(kind.abandon, request)
            if problem is None:
                return
            logger.log(_level(problem), "A work item could not be given back: %s", describe(problem))

    async def _called(self, method: str, request: Message) -> Exception | None:
        """Call the scheduler, again after a while if it is away; return what it refused the call for at last."""
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                await getattr(self._scheduler, method)(request)
            except Exception as error:  # noqa: BLE001 - what cannot be encoded raises whatever gRPC and protobuf raise
                if delay_s is None or not _is_transient(error):
                    return error
                await asyncio.sleep(delay_s)
            else:
                break
        return None


def _is_transient(error: Exception) -> bool:
    return isinstance(error, RpcError) and error.status in TRANSIENT and TOO_LARGE not in str(error)


def _is_not_ours(error: Exception) -> bool:
    """Whether the lease has ended: the work was done by another worker, or its stream was lost."""
    return isinstance(error, RpcError) and error.status is RpcStatus.NOT_FOUND


def _level(error: Exception) -> int:
    return logging.INFO if _is_not_ours(error) else logging.WARNING
