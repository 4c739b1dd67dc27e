"""The durable HTTP API: the management webhooks and the local RPC endpoint, which share one set of handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import unquote

from google.protobuf.wrappers_pb2 import StringValue

from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.durable_http.entity_api import EntityApi
from durable_harness.host.durable_http.json_bodies import JsonBodies
from durable_harness.host.durable_http.messages import (
    CONTINUATION_HEADER,
    ApiError,
    ApiRequest,
    ApiResponse,
    bad_argument,
    invalid_operation,
    json_response,
)
from durable_harness.host.durable_http.refusals import GoneError, NotFoundError, rpc_error, start_error, unexpected
from durable_harness.host.durable_http.start_options import check_instance_id, has_moment, read_wait_s, set_trace
from durable_harness.host.durable_http.status_json import history_events, status_object
from durable_harness.host.failures import message_of
from durable_harness.host.purging import refusal_to_purge
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import (
    TERMINAL_STATUSES,
    RpcError,
    Scheduler,
    new_id,
    pb,
    unwrap_text,
    wrap_text,
)
from durable_harness.protocol.history_file import UnreadableHistoryError, as_document, from_events
from durable_harness.settings import DurableTaskSettings

logger = own_logger(HOST_LOGGER)

CREATION_RETRY_AFTER_S = "10"
POLL_RETRY_AFTER_S = "5"
"""As in the Durable extension (HttpApiHandler.cs), in whole seconds."""
DEFAULT_PAGE_SIZE = 100

Handler = Callable[[ApiRequest, list[str]], Awaitable[ApiResponse]]


class DurableApi:
    """Answers the durable HTTP API for one task hub."""

    def __init__(
        self,
        scheduler: Scheduler,
        app: FunctionApp,
        settings: DurableTaskSettings,
        endpoints: DurableEndpoints,
        *,
        max_payload_bytes: int = 0,
    ) -> None:
        self._scheduler = scheduler
        self._app = app
        self._settings = settings
        self._endpoints = endpoints
        self._reuse_policy = _reuse_policy(settings)
        self._bodies = JsonBodies(max_payload_bytes)
        self._entities = EntityApi(scheduler, app, self._bodies, others_may_have_it=settings.work_item_filtering)
        self._routes: dict[tuple[str, str, int], Handler] = {
            ("POST", "orchestrators", 2): self._start,
            ("POST", "orchestrators", 3): self._start,
            ("GET", "instances", 1): self._list,
            ("DELETE", "instances", 1): self._purge_many,
            ("GET", "instances", 2): self._status,
            ("GET", "instances", 3): self._recorded_history,
            ("DELETE", "instances", 2): self._purge_one,
        }
        self._operations: dict[str, Handler] = {
            "terminate": self._terminate,
            "suspend": self._suspend,
            "resume": self._resume,
            "rewind": self._rewind,
            "restart": self._restart,
            "restartwithoptions": self._restart_with_options,
        }

    async def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer one call. What goes wrong is answered in the shape the Durable extension gives to errors."""
        try:
            parts = [unquote(part, errors="strict") for part in request.path.strip("/").split("/")]
        except UnicodeDecodeError:
            return bad_argument("The path is not percent-encoded UTF-8.").response()
        try:
            handler = self._routes.get((request.method, parts[0].lower(), len(parts)))
            handler = handler or self._find(request.method, parts)
            return ApiResponse(404) if handler is None else await handler(request, parts)
        except ApiError as error:
            return error.response()
        except RpcError as error:
            return rpc_error(error).response()
        except UnicodeEncodeError as error:
            return bad_argument(f"The request cannot be carried out: {message_of(error)}.").response()
        except Exception as error:
            logger.exception("The durable HTTP API failed on %s %s", request.method, request.path)
            return unexpected(type(error).__name__, str(error)).response()

    def _find(self, method: str, parts: list[str]) -> Handler | None:
        """Return the handler of a request that is in no row of `_routes`."""
        if parts[0].lower() == "entities" and len(parts) <= 3:  # noqa: PLR2004 - entities/{name}/{key}
            return self._entities.find(method, parts)
        if parts[0].lower() == "instances" and len(parts) > 2 and method == "POST":  # noqa: PLR2004
            return self._find_operation(parts)
        if [parts[0].lower(), len(parts)] == ["makeprimary", 1]:
            return self._make_primary
        return None

    def _find_operation(self, parts: list[str]) -> Handler | None:
        operation = parts[2].lower()
        if operation == "raiseevent":
            return self._raise_event if len(parts) == 4 and parts[3] else None  # noqa: PLR2004 - the event's name
        return self._operations.get(operation) if len(parts) == 3 else None  # noqa: PLR2004

    # -- starting -----------------------------------------------------------------------------------------------------

    async def _start(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        orchestrator = self._app.orchestrators.get(parts[1].lower())
        if orchestrator is None and not self._may_be_of_others(request):
            raise self._unknown_orchestrator(parts[1])
        given_id = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004
        if given_id:
            check_instance_id(given_id)
        wait_s = read_wait_s(request) if request.query else None
        version = request.query.get("version") or self._settings.default_version
        try:
            text = None if request.body is None else self._bodies.read("input", request.body)
        except ValueError as error:
            raise bad_argument("One or more of the arguments submitted is incorrect", str(error)) from error
        start = pb.CreateInstanceRequest(
            instanceId=given_id or new_id(),
            name=orchestrator.durable_name if orchestrator else parts[1],
            version=None if version is None else StringValue(value=version),
            input=None if text is None else StringValue(value=text),
            orchestrationIdReusePolicy=self._reuse_policy,
        )
        if "traceparent" in request.headers:
            set_trace(start, request)
        try:
            await self._scheduler.start_instance(start)
        except RpcError as error:
            raise start_error(error) from error
        return await self._started(request, start.instanceId, wait_s)

    async def _started(self, request: ApiRequest, instance_id: str, wait_s: float | None) -> ApiResponse:
        """Answer a start or restart: at once, or after waiting if `timeout` and `pollingInterval` ask for it."""
        finished = None if wait_s is None else await self._wait(instance_id, wait_s)
        if finished is not None:
            return finished
        urls = self._endpoints.management_urls(instance_id, origin=request.origin, rewind=False)
        headers = {"Location": urls["statusQueryGetUri"], "Retry-After": CREATION_RETRY_AFTER_S}
        return json_response(urls, 202, headers)

    async def _wait(self, instance_id: str, timeout_s: float) -> ApiResponse | None:
        query = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._scheduler.wait_for_instance_completion(query)
        except TimeoutError:
            return None
        if not answer.exists:
            return None
        body = status_object(answer.orchestrationState, show_input=True, fine_times=False)
        if answer.orchestrationState.orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED:
            return json_response(body["output"])
        return json_response(body)

    def _may_be_of_others(self, request: ApiRequest) -> bool:
        """Whether another app may have an orchestrator that this one has not.

        As in the extension: of another hub it cannot know the functions. With filtering, another app on this hub may
        have it; if none has, the instance stays Pending, as in Azure.
        """
        hub = request.query.text("taskHub") or self._endpoints.task_hub
        return hub != self._endpoints.task_hub or self._settings.work_item_filtering

    def _unknown_orchestrator(self, name: str) -> ApiError:
        known = ", ".join(f"'{f.durable_name}'" for f in self._app.orchestrators.values()) or "none"
        detail = (
            f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function. Additional info:"
            f" the following are the known orchestrator functions: {known}."
        )
        if (problem := self._app.load_problem(name)) is not None:
            detail = f"{detail} It does not load: {problem}"
        return bad_argument("One or more of the arguments submitted is incorrect", detail)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _status(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        state = await self._state(parts[1], payloads=True)
        show_input = request.query.boolean("showInput", default=True)
        history = None
        pending = state.orchestrationStatus == pb.ORCHESTRATION_STATUS_PENDING
        if request.query.boolean("showHistory", default=False) and not pending:
            show_output = request.query.boolean("showHistoryOutput", default=False)
            history = history_events(await self._history(parts[1]), show_input=show_input, show_output=show_output)
        body = status_object(state, show_input=show_input, fine_times=request.is_local, history=history)
        if state.orchestrationStatus not in TERMINAL_STATUSES:
            return json_response(body, 202, {"Location": request.url, "Retry-After": POLL_RETRY_AFTER_S})
        failed = state.orchestrationStatus == pb.ORCHESTRATION_STATUS_FAILED
        as_error = failed and request.query.boolean("returnInternalServerErrorOnFailure", default=False)
        return json_response(body, 500 if as_error else 200)

    async def _list(self, request: ApiRequest, _parts: list[str]) -> ApiResponse:
        query = pb.InstanceQuery(
            runtimeStatus=request.query.statuses("runtimeStatus"),
            maxInstanceCount=max(request.query.integer("top") or 0, 0) or DEFAULT_PAGE_SIZE,
            continuationToken=wrap_text(request.headers.get(CONTINUATION_HEADER) or None),
            instanceIdPrefix=wrap_text(request.query.text("instanceIdPrefix")),
            fetchInputsAndOutputs=True,
        )
        _set_times(query, request)
        page = await self._scheduler.query_instances(pb.QueryInstancesRequest(query=query))
        show_input = request.query.boolean("showInput", default=True)
        rows = [
            status_object(state, show_input=show_input, fine_times=request.is_local)
            for state in page.orchestrationState
        ]
        return json_response(rows, 200, {CONTINUATION_HEADER: page.continuationToken.value})

    async def _recorded_history(self, _request: ApiRequest, parts: list[str]) -> ApiResponse:
        """Answer `instances/{id}/history`, which only this host has: the history as a document to replay later."""
        if parts[2].lower() != "history":
            return ApiResponse(404)
        await self._state(parts[1])
        try:
            return json_response(as_document(from_events(parts[1], await self._history(parts[1]))))
        except UnreadableHistoryError as error:
            raise ApiError(409, str(error)) from error

    async def _history(self, instance_id: str) -> list[pb.HistoryEvent]:
        events: list[pb.HistoryEvent] = []
        query = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
        async for chunk in self._scheduler.stream_instance_history(query):
            events.extend(chunk.events)
        return events

    async def _state(self, instance_id: str, *, payloads: bool = False) -> pb.OrchestrationState:
        query = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=payloads)
        answer = await self._scheduler.get_instance(query)
        if not answer.exists:
            raise NotFoundError
        return answer.orchestrationState

    # -- changing -----------------------------------------------------------------------------------------------------

    async def _raise_event(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        await self._active(parts[1])
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise ApiError(400, "Only application/json request content is supported")
        try:
            data = self._bodies.read_first("event", request.body or b"")
        except ValueError as error:
            raise bad_argument(str(error)) from error
        await self._scheduler.raise_event(
            pb.RaiseEventRequest(instanceId=parts[1], name=parts[3], input=wrap_text(data))
        )
        return ApiResponse(202)

    async def _terminate(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        await self._active(parts[1])
        await self._scheduler.terminate_instance(
            pb.TerminateRequest(instanceId=parts[1], output=wrap_text(request.query.text("reason")))
        )
        return ApiResponse(202)

    async def _suspend(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        state = await self._active(parts[1])
        if state.orchestrationStatus == pb.ORCHESTRATION_STATUS_SUSPENDED:
            raise invalid_operation(f"Cannot suspend orchestration instance '{parts[1]}': it is suspended already.")
        reason = wrap_text(request.query.text("reason"))
        await self._scheduler.suspend_instance(pb.SuspendRequest(instanceId=parts[1], reason=reason))
        return ApiResponse(202)

    async def _resume(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        state = await self._active(parts[1])
        if state.orchestrationStatus != pb.ORCHESTRATION_STATUS_SUSPENDED:
            raise invalid_operation(f"Cannot resume orchestration instance '{parts[1]}': it is not suspended.")
        reason = wrap_text(request.query.text("reason"))
        await self._scheduler.resume_instance(pb.ResumeRequest(instanceId=parts[1], reason=reason))
        return ApiResponse(202)

    async def _rewind(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        state = await self._state(parts[1])
        if state.orchestrationStatus not in TERMINAL_STATUSES:
            raise invalid_operation("The rewind operation is only supported on failed orchestration instances.")
        if state.orchestrationStatus != pb.ORCHESTRATION_STATUS_FAILED:
            return ApiResponse(410)
        reason = wrap_text(request.query.text("reason"))
        await self._scheduler.rewind_instance(pb.RewindInstanceRequest(instanceId=parts[1], reason=reason))
        return ApiResponse(202)

    async def _restart(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        with_new_id = request.query.boolean("restartWithNewInstanceId", default=True)
        return await self._start_again(request, parts, new_id() if with_new_id else parts[1])

    async def _restart_with_options(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        instance_id = request.query.text("newInstanceId")
        if instance_id is None:
            raise bad_argument("newInstanceId is missing: it is the ID of the instance that restartWithOptions starts.")
        check_instance_id(instance_id)
        return await self._start_again(request, parts, instance_id, request.query.text("version"))

    async def _start_again(
        self, request: ApiRequest, parts: list[str], instance_id: str, version: str | None = None
    ) -> ApiResponse:
        """Start an instance with the name and input of another; its version too, unless another one is given."""
        wait_s = read_wait_s(request)
        try:
            state = await self._state(parts[1], payloads=True)
        except NotFoundError:
            raise bad_argument(
                "One or more of the arguments submitted is incorrect",
                f"An instance with id '{parts[1]}' was not found.",
            ) from None
        start = pb.CreateInstanceRequest(
            instanceId=instance_id,
            name=state.name,
            version=wrap_text(version or unwrap_text(state, "version")),
            input=state.input if state.HasField("input") else None,
            orchestrationIdReusePolicy=self._reuse_policy,
        )
        try:
            await self._scheduler.start_instance(start)
        except RpcError as error:
            raise start_error(error) from error
        return await self._started(request, instance_id, wait_s)

    async def _purge_one(self, _request: ApiRequest, parts: list[str]) -> ApiResponse:
        refusal = refusal_to_purge(await self._state(parts[1]))
        if refusal is not None:
            raise ApiError(409, refusal, error_type="System.InvalidOperationException")
        purge = pb.PurgeInstancesRequest(instanceId=parts[1])
        answer = await self._scheduler.purge_instances(purge)
        return json_response({"instancesDeleted": answer.deletedInstanceCount})

    async def _purge_many(self, request: ApiRequest, _parts: list[str]) -> ApiResponse:
        if not has_moment(request, "createdTimeFrom"):
            return json_response("Please provide value for 'createdTimeFrom' parameter.", 400)
        purge_filter = pb.PurgeInstanceFilter(runtimeStatus=request.query.statuses("runtimeStatus"))
        _set_times(purge_filter, request)
        answer = await self._scheduler.purge_instances(pb.PurgeInstancesRequest(purgeInstanceFilter=purge_filter))
        if not answer.deletedInstanceCount:
            return ApiResponse(404)
        return json_response({"instancesDeleted": answer.deletedInstanceCount})

    async def _make_primary(self, _request: ApiRequest, _parts: list[str]) -> ApiResponse:
        raise invalid_operation("This scheduler has no app lease to make primary.")

    async def _active(self, instance_id: str) -> pb.OrchestrationState:
        """Return the state of an instance that has not ended: 404 if there is none, 410 if it has ended."""
        state = await self._state(instance_id)
        if state.orchestrationStatus in TERMINAL_STATUSES:
            raise GoneError
        return state


def _reuse_policy(settings: DurableTaskSettings) -> pb.OrchestrationIdReusePolicy:
    """Return which instances a start with their ID replaces."""
    everything = cast("list[pb.OrchestrationStatus]", pb.OrchestrationStatus.values())
    allowed = everything if settings.replace_any_state else TERMINAL_STATUSES
    return pb.OrchestrationIdReusePolicy(replaceableStatus=sorted(allowed))


def _set_times(query: pb.InstanceQuery | pb.PurgeInstanceFilter, request: ApiRequest) -> None:
    for name in ("createdTimeFrom", "createdTimeTo"):
        moment = request.query.moment(name)
        if moment is not None:
            getattr(query, name).FromDatetime(moment)
