"""Pulling work from a scheduler and doing it, with as much at once as host.json allows."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable

from durable_harness.host.failures import describe, failure_details, whole_trace_of
from durable_harness.host.sdk.generation import HistoryNeededError, Runner
from durable_harness.host.stages import CURRENT, Stages, StagesNoted
from durable_harness.host.work.answers import (
    ACTIVITY,
    BATCH,
    KINDS,
    TURN,
    Answer,
    AnswerSender,
    WorkKind,
    failed_activity,
)
from durable_harness.host.work.work_log import log_done
from durable_harness.logs.categories import HOST_LOGGER, running_instance
from durable_harness.logs.own_loggers import own_logger
from durable_harness.own_tasks import drop_cancellation
from durable_harness.protocol import RpcError, Scheduler, pb, timings
from durable_harness.protocol.continuing import complete_history
from durable_harness.settings import DurableTaskSettings

logger = own_logger(HOST_LOGGER)

MAX_RECONNECT_DELAY_S = 2.0
"""A try costs a scheduler next to nothing, and whoever restarts theirs waits for the host's next one."""
DTS_WORK_PER_CORE = 100
"""The default of durabletask's own worker (ConcurrencyOptions); Azure documents none for its scheduler."""
STORAGE_WORK_PER_CORE = 10
"""Azure's documented default for Azure Storage, on all plans but Consumption."""
HEALTH_PING = "healthPing"


def work_limits(settings: DurableTaskSettings) -> dict[str, int]:
    """Return how much work of each kind a host does at once: the limit of host.json, else Azure's default."""
    cores = os.cpu_count() or 1
    default = cores * (DTS_WORK_PER_CORE if settings.provider == "azureManaged" else STORAGE_WORK_PER_CORE)
    return {
        timings.TURN: settings.max_concurrent_orchestrators or default,
        timings.ACTIVITY: settings.max_concurrent_activities or default,
        timings.BATCH: settings.max_concurrent_entities or default,
    }


class DurableWorker:
    """Does the durable work of an app: orchestration turns, activities, entity batches."""

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        settings: DurableTaskSettings,
        filters: pb.WorkItemFilters | None = None,
        stages: StagesNoted | None = None,
    ) -> None:
        """Make a worker. `filters` are the WorkItemFilters of the work that it asks for; without them it takes all.

        `stages` is where it notes what its work goes through.
        """
        self._stages = stages or StagesNoted()
        self._filters = filters
        self._scheduler = scheduler
        self._runner = runner
        self._settings = settings
        self._answers = AnswerSender(scheduler)
        self._running: set[asyncio.Task[None]] = set()
        self._refused: set[str | None] = set()
        self._is_closing = False
        self._handlers: dict[str, tuple[WorkKind, Callable[[pb.WorkItem], Awaitable[Answer]]]] = {
            TURN.request: (TURN, self._turn),
            ACTIVITY.request: (ACTIVITY, self._activity),
            BATCH.request: (BATCH, self._batch),
        }

    async def run(self) -> None:
        """Work until cancelled; a scheduler that goes away is asked again, at growing intervals."""
        delay_s = 0.2
        while True:
            try:
                keeps = self._runner.keeps_executions
                async for item in self._scheduler.get_work_items(self._request(), keeps_executions=keeps):
                    delay_s = 0.2
                    self._start(item)
            except RpcError as error:
                logger.warning("The scheduler's work stream ended: %s. Trying again in %.1f s.", error, delay_s)
            except Exception:
                logger.exception("The scheduler's work stream could not be read. Trying again in %.1f s.", delay_s)
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay_s = min(delay_s * 2, MAX_RECONNECT_DELAY_S)

    async def close(self) -> None:
        self._is_closing = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._runner.close()

    def _request(self) -> pb.GetWorkItemsRequest:
        limits = work_limits(self._settings)
        return pb.GetWorkItemsRequest(
            maxConcurrentOrchestrationWorkItems=limits[timings.TURN],
            maxConcurrentActivityWorkItems=limits[timings.ACTIVITY],
            maxConcurrentEntityWorkItems=limits[timings.BATCH],
            workItemFilters=self._filters,
        )

    def _start(self, item: pb.WorkItem) -> None:
        request = item.WhichOneof("request")
        if request == HEALTH_PING:  # sent to keep the stream open: there is nothing to do, and nothing to answer
            return
        known = self._handlers.get(request)
        if known is None:
            task = asyncio.ensure_future(self._refuse(item, request))
        else:
            task = asyncio.ensure_future(self._work(item, self._stages.begin(item.completionToken), *known))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _refuse(self, item: pb.WorkItem, request: str | None) -> None:
        """Return work of a kind that this host does not know to the scheduler: another worker may know it."""
        if request not in self._refused:
            self._refused.add(request)
            logger.warning("The scheduler sends work of an unknown kind (%s). It is given back.", request or "none")
        await self._answers.give_back(item, *KINDS)

    async def _work(
        self, item: pb.WorkItem, stages: Stages, kind: WorkKind, handler: Callable[[pb.WorkItem], Awaitable[Answer]]
    ) -> None:
        """Do a work item and answer it, whatever happens meanwhile, unless this worker ends."""
        task = asyncio.current_task()
        CURRENT.set(stages)
        assert task is not None
        try:
            answer = await handler(item)
            if task.cancelling():
                await drop_cancellation(task)
            if logger.getEffectiveLevel() <= logging.DEBUG:
                log_done(getattr(item, kind.request), answer, stages, time.monotonic_ns() - stages.received_ns)
        except HistoryNeededError as error:
            logger.warning("The history of a turn could not be read: %s. It is given back.", error)
            await self._answers.give_back(item, kind)
        except BaseException as error:  # user code may raise anything, CancelledError included
            if self._is_closing:
                raise
            if task.cancelling():
                await drop_cancellation(task)
            message = f"The host could not answer this work: {describe(error)}"
            stages.answered_ns = time.monotonic_ns()
            await self._answers.fail(kind, item, failure_details(error, message, whole_trace_of(error)))
        else:
            stages.answered_ns = time.monotonic_ns()
            await self._answers.send(kind, item, answer)

    async def _turn(self, item: pb.WorkItem) -> pb.OrchestratorResponse:
        request, token = item.orchestratorRequest, item.completionToken
        running_instance.set(request.instanceId)
        try:
            return await self._runner.turn(request, token)
        except HistoryNeededError:
            await self._fetch_history(request)
            return await self._runner.turn(request, token)

    async def _fetch_history(self, request: pb.OrchestratorRequest) -> None:
        """Complete a turn that came without the history which this worker was thought to have."""
        wanted = pb.StreamInstanceHistoryRequest(
            instanceId=request.instanceId, executionId=request.executionId, forWorkItemProcessing=True
        )
        try:
            await complete_history(request, self._scheduler.stream_instance_history(wanted))
        except RpcError as error:
            raise HistoryNeededError(str(error)) from error

    async def _batch(self, item: pb.WorkItem) -> pb.EntityBatchResult:
        running_instance.set(item.entityRequestV2.instanceId)
        return await self._runner.batch(item.entityRequestV2)

    async def _activity(self, item: pb.WorkItem) -> pb.ActivityResponse:
        request, instance_id = item.activityRequest, item.activityRequest.orchestrationInstance.instanceId
        running_instance.set(instance_id)
        answer = pb.ActivityResponse(instanceId=instance_id, taskId=request.taskId)
        try:
            answer.result.value = await self._runner.activity(request)
        except BaseException as error:  # user code may raise anything, CancelledError included
            if self._is_closing:
                raise
            return failed_activity(request, self._runner.activity_failure(request, error))
        return answer
