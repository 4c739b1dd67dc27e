"""The host's web server: functions' routes, the durable webhooks, the admin pages, throttling, CORS and keys."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import web

from durable_harness.errors import ConfigurationError, UsageError
from durable_harness.host.app.bindings import WEBHOOK_PATH
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker, TraceContext
from durable_harness.host.durable_http.instance_api import DurableApi
from durable_harness.host.durable_http.messages import ApiRequest, ApiResponse, Query
from durable_harness.host.failure_log import log_failure
from durable_harness.host.http.admin import AdminApi
from durable_harness.host.http.constraints import RouteTimeoutError
from durable_harness.host.http.handlers import handler, refused
from durable_harness.host.http.http_values import function_request, function_response
from durable_harness.host.http.keys import Keys
from durable_harness.host.http.request_times import HEADER, Lateness, timed
from durable_harness.host.http.routing import Router
from durable_harness.host.http.streams import OWN_HEADERS, SentResponse, http_streams
from durable_harness.host.tracing.requests import RequestSpans
from durable_harness.key_names import FUNCTION_KEY_HEADER
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.network.callers import foreign
from durable_harness.settings import HostSettings

logger = own_logger(HOST_LOGGER)

DEFAULT_BODY_LIMIT_BYTES = 104_857_600
BODY_LIMIT_VARIABLE = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
WEBHOOK_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS"})
RPC_NAME = "durabletask"
"""The last part of the local RPC endpoint's path, as the extension has it."""
HOME_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Functions host</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:34rem;padding:0 1rem}</style>
<h1>Your function app is up and running</h1><p>It runs on durable-harness. The terminal that started it lists the
functions and their URLs.</p></html>"""


@dataclass(frozen=True)
class WebOptions:
    """What the options of the host decide about HTTP."""

    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    keys: Keys = field(default_factory=Keys)
    has_any_name: bool = False
    """Whether machines of a network reach it, by names that are not known here."""

    def __post_init__(self) -> None:
        if self.cors_credentials and "*" in self.cors_origins:
            raise UsageError(
                "--cors-credentials: with --cors '*' every page that a user visits could act as that user. Browsers"
                " refuse the pair, and so does Azure. Name the origins instead, such as --cors http://localhost:3000."
            )


class HttpFrontend:
    """Answers every HTTP request of the host. One instance serves the public port and the local RPC port."""

    def __init__(  # noqa: PLR0913 - what requests are answered with
        self,
        app: FunctionApp,
        settings: HostSettings,
        invoker: Invoker,
        api: DurableApi,
        *,
        admin: AdminApi,
        options: WebOptions,
        rpc_path: str,
        request_spans: RequestSpans | None,
    ) -> None:
        self._rpc_path = rpc_path
        self._spans = request_spans
        self.router = Router(app.http, settings.route_prefix)
        self._disabled = Router(app.disabled_http, settings.route_prefix)
        self._invoker = invoker
        self._api = api
        self._admin_api = admin
        self._options = options
        self._lateness = Lateness()
        self._throttle = Throttle(settings.max_outstanding_requests, settings.max_concurrent_requests)
        self.body_limit_bytes = body_limit_bytes()
        self._streams = http_streams(invoker, self.body_limit_bytes) if app.http or app.disabled_http else None

    @handler
    async def handle_public(self, request: web.BaseRequest) -> ApiResponse:
        """Answer a request on the public port."""
        serve = self._timed if HEADER in request.headers and self._streams is None else self._route
        origin = request.headers.get("Origin")
        return await (self._answer_page(request, origin, serve) if origin else serve(request))

    async def _answer_page(
        self, request: web.BaseRequest, origin: str, serve: Callable[[web.BaseRequest], Awaitable[ApiResponse]]
    ) -> ApiResponse:
        if self._options.cors_origins and request.method == "OPTIONS":
            # A preflight. Core Tools' CORS asks for Access-Control-Request-Method too; the only other OPTIONS of a page
            # is one that its own script sends, which therefore does not reach a function here.
            return self._with_cors(ApiResponse(204), origin, request)
        request[OWN_HEADERS] = self._cors_headers(origin, request)
        return self._with_cors(await serve(request), origin, request)

    async def _timed(self, request: web.BaseRequest) -> ApiResponse:
        return await timed(lambda: self._route(request), self._lateness)

    @handler
    async def handle_rpc(self, request: web.BaseRequest) -> ApiResponse:
        """Answer a call of the SDK's client on the local RPC port, whose secret path is the key."""
        path, length = request.rel_url.raw_path, len(self._rpc_path)
        if not hmac.compare_digest(path[:length].encode(), self._rpc_path.encode()):
            return ApiResponse(404)
        return await self._ask_api(request, path[length - 1 :], is_local=True)

    async def _route(self, request: web.BaseRequest) -> ApiResponse:
        path = request.rel_url.raw_path
        first = path[1:].partition("/")[0].lower()
        if first == "admin":
            # As in Azure, whose throttle leaves /admin out: a host that is full must still answer its probes.
            return await self._admin(request, path)
        if self._throttle.limited:
            return await self._throttle.run(lambda: self._serve(request, path, first))
        return await self._serve(request, path, first)

    async def _serve(self, request: web.BaseRequest, path: str, first: str) -> ApiResponse:
        if (request.content_length or 0) > self.body_limit_bytes:
            return ApiResponse(413)
        if first == "runtime":
            return await self._webhook(request, path)
        try:
            found = self.router.find(request.method, path) or self._find_disabled(request, path)
        except RouteTimeoutError as error:
            logger.error("A request was given up: %s", error)  # noqa: TRY400 - a traceback would not help
            return ApiResponse(500)
        if found is None:
            return self._home(request) if path == "/" else ApiResponse(404)
        function, route_params = found
        if self._options.keys.are_checked and not self._opens(request, function):
            return ApiResponse(401)
        headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
        call = self._call if self._spans is None else self._call_traced
        return await call(request, function, route_params, headers)

    def _find_disabled(self, request: web.BaseRequest, path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the function of a request that is switched off: it answers whoever has the master key, as in Azure."""
        keys = self._options.keys
        may_call = keys.are_checked and _carries_one_of(request, keys.of_admin)
        return self._disabled.find(request.method, path) if may_call else None

    def _opens(self, request: web.BaseRequest, function: Function) -> bool:
        keys = self._options.keys.of_function(function.name, str(function.trigger.get("authLevel", "function")))
        return keys is None or _carries_one_of(request, keys)

    async def _call_traced(
        self, request: web.BaseRequest, function: Function, route_params: dict[str, str], headers: dict[str, str]
    ) -> ApiResponse:
        assert self._spans is not None
        with self._spans.of_function(function, request, headers) as call:
            response = await self._call(request, function, route_params, headers, call.trace)
            call.status = response.status
        return response

    async def _call(
        self,
        request: web.BaseRequest,
        function: Function,
        route_params: dict[str, str],
        headers: dict[str, str],
        trace: TraceContext | None = None,
    ) -> ApiResponse:
        """Call a function. It gets the caller's trace if no other one is given."""
        given = headers.get("traceparent", ""), headers.get("tracestate", "")
        if trace is None and any(given):
            trace = TraceContext(*given)
        if self._streams is not None:
            return await self._streams.answer(request, function, route_params, trace)
        has_whole_body = request.content_length is not None or not request.body_exists
        incoming = function_request(
            method=request.method,
            url="".join(_address(request)),
            headers=headers,
            query=request.rel_url.raw_query_string,
            route_params=route_params,
            # As it came, encoded or not: functions see Content-Encoding too.
            body=await (request.read() if has_whole_body else self._drained(request)),
        )
        try:
            result = await self._invoker.invoke(function, incoming, trace)
            return function_response(result, is_head=request.method == "HEAD")
        except BaseException as error:  # user code may raise anything, SystemExit and CancelledError included
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            log_failure("Function", function.name, error, function)
            return ApiResponse(500)

    async def _drained(self, request: web.BaseRequest) -> bytes:
        """Read a body without a length (chunked), which does not reach a Python function in Azure either."""
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > self.body_limit_bytes:
                raise web.HTTPRequestEntityTooLarge(self.body_limit_bytes, size)
        return b""

    async def _webhook(self, request: web.BaseRequest, path: str) -> ApiResponse:
        if request.method not in WEBHOOK_METHODS or not (path.lower() + "/").startswith(f"{WEBHOOK_PATH}/"):
            return ApiResponse(404)
        if not _carries_one_of(request, self._options.keys.of_webhooks):
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
        return await self._ask_api(request, path[len(WEBHOOK_PATH) :], is_local=False)

    async def _ask_api(self, request: web.BaseRequest, path: str, *, is_local: bool) -> ApiResponse:
        # The Durable extension takes a body without a length (chunked) for one; Azure gives it to no function.
        length = request.content_length
        has_body = (length is None and request.body_exists) or bool(length)
        origin, target = _address(request)
        asked = ApiRequest(
            method=request.method,
            path=path,
            query=Query(request.rel_url.raw_query_string),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read() if has_body else None,
            url=f"{origin}{target}",
            origin=origin,
            is_local=is_local,
        )
        if self._spans is None:
            return await self._api.handle(asked)
        with self._spans.from_caller(asked.headers):
            return await self._api.handle(asked)

    async def _admin(self, request: web.BaseRequest, path: str) -> ApiResponse:
        where = path.lower().rstrip("/")
        if where == "/admin/host/ping" and request.method in {"GET", "POST"}:
            return ApiResponse(200)
        if not _carries_one_of(request, self._options.keys.of_admin):
            refusal = self._refusal(request)
            if refusal is not None:
                return refusal
        return await self._admin_api.handle(request, path.rstrip("/"))

    def _home(self, request: web.BaseRequest) -> ApiResponse:
        if request.method != "GET":
            return ApiResponse(404)
        if os.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":  # noqa: SIM112 - Azure's spelling
            return ApiResponse(204)
        return ApiResponse(200, HOME_PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _refusal(self, request: web.BaseRequest) -> ApiResponse | None:
        """Return how to refuse a request to manage the app that has no key for it; None if it needs none.

        If no keys are checked (as under `func start`) programs need none, but pages of other sites are refused: the
        answers would be closed to them, what they start or end would not.
        """
        if self._options.keys.are_checked:
            return ApiResponse(401)
        if self._options.has_any_name and "Origin" not in request.headers:
            return None  # a program, or a page's GET, which changes nothing: only its Host could distinguish them
        problem = foreign(request, self._options.cors_origins)
        return refused(403, problem) if problem else None

    def _with_cors(self, response: ApiResponse, origin: str, request: web.BaseRequest) -> ApiResponse:
        headers = self._cors_headers(origin, request)
        if not headers or isinstance(response, SentResponse):
            return response
        return ApiResponse(response.status, response.body, {**response.headers, **headers})

    def _cors_headers(self, origin: str, request: web.BaseRequest) -> dict[str, str]:
        allowed = self._options.cors_origins
        if origin not in allowed and "*" not in allowed:
            return {}
        headers = {"Access-Control-Allow-Origin": origin if origin in allowed else "*", "Vary": "Origin"}
        if self._options.cors_credentials:
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
        if request.method == "OPTIONS":
            wanted = request.headers.get("Access-Control-Request-Method", "GET")
            headers["Access-Control-Allow-Methods"] = wanted
            headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        return headers


def _carries_one_of(request: web.BaseRequest, keys: Iterable[str]) -> bool:
    """Return whether a request has one of the keys, in its header or its URL.

    It compares with all of them, each in constant time: the time that it takes reveals nothing about any.
    """
    in_url = (value for name, value in request.rel_url.query.items() if name.lower() == "code")
    given = request.headers.get(FUNCTION_KEY_HEADER) or next(in_url, "")
    # surrogatepass: a header may hold bytes that are no text, and a wrong key is no reason to fail.
    encoded = given.encode("utf-8", "surrogatepass")
    return sum(hmac.compare_digest(encoded, key.encode()) for key in keys) > 0


def body_limit_bytes() -> int:
    """Return the limit of the size of a body. Raises ConfigurationError for an invalid value in the environment."""
    given = os.environ.get(BODY_LIMIT_VARIABLE, "")
    if given and not (given.isdigit() and int(given) > 0):
        raise ConfigurationError(
            "environment", BODY_LIMIT_VARIABLE, f"must be a number of bytes above 0, not {given!r}."
        )
    return int(given or DEFAULT_BODY_LIMIT_BYTES)


class Throttle:
    """host.json's request limits: beyond `outstanding` requests are refused, beyond `concurrent` they queue."""

    def __init__(self, max_outstanding: int, max_concurrent: int) -> None:
        self.limited = max_outstanding > 0 or max_concurrent > 0
        self._max_outstanding = max_outstanding
        self._outstanding = 0
        self._slots = asyncio.Semaphore(max_concurrent) if max_concurrent > 0 else None

    async def run(self, serve: Callable[[], Awaitable[ApiResponse]]) -> ApiResponse:
        if 0 < self._max_outstanding <= self._outstanding:
            return ApiResponse(429, headers={"X-FUNCTION-SCALEOUT": "1"})
        self._outstanding += 1
        try:
            if self._slots is None:
                return await serve()
            async with self._slots:
                return await serve()
        finally:
            self._outstanding -= 1


def _is_cancelled() -> bool:
    """Whether the server itself cancels this request, not the code that it called."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _address(request: web.BaseRequest) -> tuple[str, str]:
    """Return where the client sees this server, and the path and query that it asks for.

    A request line may also name a whole URL (as to a proxy); aiohttp forgets the port in it.
    """
    origin = f"{request.scheme}://{request.headers.get('Host', request.host)}"
    return origin, request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
