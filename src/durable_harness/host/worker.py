"""Pulling work from a scheduler and doing it, with as much at once as host.json allows."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import random
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from azure.durable_functions.models.utils.df_serialization import df_dumps, df_loads

from durable_harness.host.entities import EntityRunner
from durable_harness.host.functions import BUILT_IN_HTTP_ACTIVITY, Function, FunctionApp
from durable_harness.host.http_activity import HttpActivity
from durable_harness.host.invocation import Invoker, TraceContext
from durable_harness.host.orchestrations import OrchestrationRunner
from durable_harness.protocol import RpcError, Scheduler, Status, optional_text, pb, text_or_none
from durable_harness.settings import DurableTaskSettings

logger = logging.getLogger("durable_harness.host")

MAX_RECONNECT_DELAY_S = 15.0
DTS_WORK_PER_CORE = 100
STORAGE_WORK_PER_CORE = 10


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
        self._running: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, Callable[[Any], Awaitable[None]]] = {
            "orchestratorRequest": self._turn,
            "activityRequest": self._activity,
            "entityRequestV2": self._batch,
        }

    async def run(self) -> None:
        """Work until cancelled; a scheduler that goes away is asked again, at growing intervals."""
        delay_s = 0.2
        while True:
            try:
                async for item in self._scheduler.get_work_items(self._request()):
                    delay_s = 0.2
                    self._start(item)
            except RpcError as error:
                logger.warning("The scheduler's work stream ended: %s. Trying again in %.1f s.", error, delay_s)
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay_s = min(delay_s * 2, MAX_RECONNECT_DELAY_S)

    async def close(self) -> None:
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
        handler = self._handlers.get(item.WhichOneof("request"))
        if handler is None:
            return
        task = asyncio.ensure_future(self._guarded(handler, item))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _guarded(self, handler: Callable[[Any], Awaitable[None]], item: Any) -> None:
        """Work whose completion is refused belongs to somebody else by now; nothing else may end the worker."""
        try:
            await handler(item)
        except RpcError as error:
            level = logging.INFO if error.status is Status.NOT_FOUND else logging.WARNING
            logger.log(level, "The scheduler refused a completion: %s", error)
        except Exception:
            logger.exception("The host could not complete a work item")

    async def _turn(self, item: Any) -> None:
        request = item.orchestratorRequest
        call = functools.partial(self._orchestrations.run, request)
        response = await self._invoker.in_thread(call, f"A turn of instance '{request.instanceId}'")
        response.completionToken = item.completionToken
        await self._scheduler.complete_orchestrator_task(response)

    async def _batch(self, item: Any) -> None:
        request = item.entityRequestV2
        call = functools.partial(self._entities.run, request)
        result = await self._invoker.in_thread(call, f"A batch of entity '{request.instanceId}'")
        result.completionToken = item.completionToken
        await self._scheduler.complete_entity_task(result)

    async def _activity(self, item: Any) -> None:
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
        )
        try:
            response.result.value = await self._run_activity(request)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
            logger.error("Activity '%s' failed: %s: %s", request.name, type(error).__name__, error)  # noqa: TRY400
            response.failureDetails.CopyFrom(_failure(request.name, error))
        await self._scheduler.complete_activity_task(response)

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
            f" {type(result).__name__}: {error}"
        ) from error


def _failure(name: str, error: BaseException) -> Any:
    return pb.TaskFailureDetails(
        errorType=type(error).__name__,
        errorMessage=f"Activity function '{name}' failed: {type(error).__name__}: {error}",
        stackTrace=optional_text("".join(traceback.format_exception(error))),
    )
