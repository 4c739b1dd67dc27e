"""Pulling work from a scheduler and doing it, with as much at once as host.json allows."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

from azure.durable_functions.models.utils.df_serialization import df_dumps, df_loads

from durable_harness.host.app.functions import BUILT_IN_HTTP_ACTIVITY, Function, FunctionApp
from durable_harness.host.app.invocation import Invoker, TraceContext
from durable_harness.host.failures import describe, failure_details, message_of, trace_of
from durable_harness.host.sdk1.entities import EntityRunner
from durable_harness.host.sdk1.orchestrations import HistoryNeededError, OrchestrationRunner
from durable_harness.host.work.answers import ACTIVITY, BATCH, KINDS, TURN, AnswerSender, WorkKind
from durable_harness.host.work.http_activity import HttpActivity
from durable_harness.protocol import RpcError, Scheduler, pb, text_or_none
from durable_harness.protocol.continuing import complete_history
from durable_harness.settings import DurableTaskSettings

logger = logging.getLogger("durable_harness.host")

MAX_RECONNECT_DELAY_S = 2.0
"""A try costs a scheduler next to nothing, and whoever restarts theirs waits for the host's next one."""
DTS_WORK_PER_CORE = 100
STORAGE_WORK_PER_CORE = 10
HEALTH_PING = "healthPing"


class DurableWorker:
    """Does the durable work of an app: orchestration turns, activities, entity batches."""

    def __init__(
        self,
        scheduler: Scheduler,
        app: FunctionApp,
        invoker: Invoker,
        settings: DurableTaskSettings,
        *,
        always_replay: bool = False,
    ) -> None:
        self._scheduler = scheduler
        self._app = app
        self._invoker = invoker
        self._settings = settings
        self._orchestrations = OrchestrationRunner(app, settings.default_version, always_replay=always_replay)
        self._entities = EntityRunner(app)
        self._http_activity = HttpActivity(settings.http_poll_interval_s)
        self._answers = AnswerSender(scheduler)
        self._running: set[asyncio.Task[None]] = set()
        self._refused: set[str | None] = set()
        self._is_closing = False
        self._handlers: dict[str, tuple[WorkKind, Callable[[Any], Awaitable[Any]]]] = {
            TURN.request: (TURN, self._turn),
            ACTIVITY.request: (ACTIVITY, self._activity),
            BATCH.request: (BATCH, self._batch),
        }

    async def run(self) -> None:
        """Work until cancelled; a scheduler that goes away is asked again, at growing intervals."""
        delay_s = 0.2
        while True:
            try:
                keeps = self._orchestrations.keeps_executions
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
        await self._http_activity.close()

    def _request(self) -> Any:
        settings, cores = self._settings, os.cpu_count() or 1
        default = cores * (DTS_WORK_PER_CORE if settings.provider == "azureManaged" else STORAGE_WORK_PER_CORE)
        return pb.GetWorkItemsRequest(
            maxConcurrentOrchestrationWorkItems=settings.max_concurrent_orchestrators or default,
            maxConcurrentActivityWorkItems=settings.max_concurrent_activities or default,
            maxConcurrentEntityWorkItems=settings.max_concurrent_entities or default,
        )

    def _start(self, item: Any) -> None:
        request = item.WhichOneof("request")
        if request == HEALTH_PING:
            return
        known = self._handlers.get(request)
        task = asyncio.ensure_future(self._refuse(item, request) if known is None else self._work(item, *known))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _refuse(self, item: Any, request: str | None) -> None:
        """Give back work of a kind that this host does not know: another worker may."""
        if request not in self._refused:
            self._refused.add(request)
            logger.warning("The scheduler sends work of an unknown kind (%s). It is given back.", request or "none")
        await self._answers.give_back(item, *KINDS)

    async def _work(self, item: Any, kind: WorkKind, handler: Callable[[Any], Awaitable[Any]]) -> None:
        """Do a work item and answer it, whatever happens meanwhile, unless this worker ends."""
        try:
            answer = await handler(item)
        except HistoryNeededError as error:
            logger.warning("The history of a turn could not be read: %s. It is given back.", error)
            await self._answers.give_back(item, kind)
        except BaseException as error:  # user code may raise anything, CancelledError included
            if self._is_closing:
                raise
            message = f"The host could not answer this work: {describe(error)}"
            await self._answers.fail(kind, item, failure_details(error, message, trace_of(error)))
        else:
            await self._answers.send(kind, item, answer)

    async def _turn(self, item: Any) -> Any:
        request, token = item.orchestratorRequest, item.completionToken
        try:
            return await self._run_turn(request, token)
        except HistoryNeededError:
            await self._fetch_history(request)
            return await self._run_turn(request, token)

    async def _run_turn(self, request: Any, token: str) -> Any:
        call = functools.partial(self._orchestrations.run, request, token)
        return await self._invoker.in_thread(call, f"A turn of instance '{request.instanceId}'")

    async def _fetch_history(self, request: Any) -> None:
        """Complete a turn that came without the history which this worker was thought to have."""
        wanted = pb.StreamInstanceHistoryRequest(
            instanceId=request.instanceId, executionId=request.executionId, forWorkItemProcessing=True
        )
        try:
            await complete_history(request, self._scheduler.stream_instance_history(wanted))
        except RpcError as error:
            raise HistoryNeededError(str(error)) from error

    async def _batch(self, item: Any) -> Any:
        request = item.entityRequestV2
        call = functools.partial(self._entities.run, request)
        return await self._invoker.in_thread(call, f"A batch of entity '{request.instanceId}'")

    async def _activity(self, item: Any) -> Any:
        request = item.activityRequest
        answer = pb.ActivityResponse(instanceId=request.orchestrationInstance.instanceId, taskId=request.taskId)
        try:
            answer.result.value = await self._run_activity(request)
        except BaseException as error:  # user code may raise anything, CancelledError included
            if self._is_closing:
                raise
            logger.error("Activity '%s' failed: %s", request.name, describe(error))  # noqa: TRY400
            return ACTIVITY.failed(request, _failure(request.name, error))
        return answer

    async def _run_activity(self, request: Any) -> str:
        input_text = text_or_none(request, "input")
        if request.name == BUILT_IN_HTTP_ACTIVITY:
            return json.dumps(await self._http_activity.call(json.loads(input_text or "{}")))
        function = self._app.activities.get(request.name.lower())
        if function is None:
            known = ", ".join(sorted(f.durable_name for f in self._app.activities.values())) or "none"
            raise LookupError(
                f"The activity function '{request.name}' does not exist in this app. Known ones: {known}."
            )
        trace = TraceContext(request.parentTraceContext.traceParent, request.parentTraceContext.traceState.value)
        result = await self._invoker.invoke(function, _decode(input_text), trace)
        return _encode(function, result)


def _decode(input_text: str | None) -> Any:
    """Give an activity its input as the Python worker does: the JSON value, or the text where it is no JSON."""
    if input_text is None:
        return None
    try:
        return df_loads(input_text)
    except json.JSONDecodeError:
        return input_text


def _encode(function: Function, result: Any) -> str:
    try:
        return str(df_dumps(result))
    except TypeError as error:
        raise ValueError(
            f"activity trigger output must be json serializable; '{function.durable_name}' returned"
            f" {type(result).__name__}: {message_of(error)}"
        ) from error


def _failure(name: str, error: BaseException) -> Any:
    message = f"Activity function '{name}' failed: {describe(error)}"
    return failure_details(error, message, trace_of(error))
