"""The host's web server: functions' routes, the durable webhooks, the admin pages, throttling, CORS and keys."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from durable_harness.callers import foreign
from durable_harness.errors import ConfigurationError, UsageError
from durable_harness.foreign_text import shown
from durable_harness.host.app.bindings import WEBHOOK_PATH
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker, TraceContext
from durable_harness.host.durable_http.instance_api import DurableApi
from durable_harness.host.durable_http.messages import ApiRequest, ApiResponse, Query
from durable_harness.host.failure_log import log_failure
from durable_harness.host.http.admin import AdminApi
from durable_harness.host.http.constraints import RouteTimeoutError
from durable_harness.host.http.http_values import TEXT_TYPE, function_request, function_response
from durable_harness.host.http.keys import Keys
from durable_harness.host.http.malformed import problem_of
from durable_harness.host.http.request_times import HEADER, Lateness, timed
from durable_harness.host.http.routing import Router
from durable_harness.host.http.streams import OWN_HEADERS, SentResponse, http_streams
from durable_harness.host.http.untyped_responses import UntypedResponse
from durable_harness.host.tracing.requests import RequestSpans
from durable_harness.key_names import FUNCTION_KEY_HEADER
from durable_harness.log_categories import HOST_LOGGER
from durable_harness.own_loggers import own_logger
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
        request_spans: RequestSpans,
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

    async def handle_public(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request on the public port."""
        return _finish(await _unless_malformed(request, self._public))

    async def _public(self, request: web.BaseRequest) -> ApiResponse:
        origin = request.headers.get("Origin")
        if origin and self._options.cors_origins and request.method == "OPTIONS":
            # A preflight. Core Tools' CORS asks for Access-Control-Request-Method too; the only other OPTIONS of a page
            # is one that its own script sends, which therefore does not reach a function here.
            return self._with_cors(ApiResponse(204), origin, request)
        if origin:
            request[OWN_HEADERS] = self._cors_headers(origin, request)
        is_timed = HEADER in request.headers and self._streams is None
        response = await (self._timed(request) if is_timed else self._route(request))
        return self._with_cors(response, origin, request) if origin else response

    async def _timed(self, request: web.BaseRequest) -> ApiResponse:
        return await timed(lambda: self._route(request), self._lateness)

    async def handle_rpc(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a call of the SDK's client on the local RPC port, whose secret path is the key."""
        return _finish(await _unless_malformed(request, self._rpc))

    async def _rpc(self, request: web.BaseRequest) -> ApiResponse:
        path, length = request.rel_url.raw_path, len(self._rpc_path)
        if not hmac.compare_digest(path[:length].encode(), self._rpc_path.encode()):
            return ApiResponse(404)
        asked = await _api_request(request, path[length - 1 :], is_local=True)
        with self._spans.from_caller(asked.headers):
            return await self._api.handle(asked)

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
            found = self._find(request, path)
        except RouteTimeoutError as error:
            logger.error("A request was given up: %s", error)  # noqa: TRY400 - a traceback would not help
            return ApiResponse(500)
        if found is not None:
            return await self._call(request, *found)
        return self._home(request) if path == "/" else ApiResponse(404)

    def _find(self, request: web.BaseRequest, path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the function of a request. A disabled one answers whoever sends the master key, as in Azure."""
        found = self.router.find(request.method, path)
        keys = self._options.keys
        if found is None and keys.are_checked and keys.opens_admin(_given_key(request)):
            found = self._disabled.find(request.method, path)
        return found

    async def _call(self, request: web.BaseRequest, function: Function, route_params: dict[str, str]) -> ApiResponse:
        level = str(function.trigger.get("authLevel", "function"))
        if not self._options.keys.opens_function(_given_key(request), function.name, level):
            return ApiResponse(401)
        headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
        with self._spans.of_function(function, request, headers) as call:
            response = await self._answer(request, function, route_params, headers, call.trace)
            call.status = response.status
        return response

    async def _answer(
        self,
        request: web.BaseRequest,
        function: Function,
        route_params: dict[str, str],
        headers: dict[str, str],
        trace: TraceContext,
    ) -> ApiResponse:
        if self._streams is not None:
            return await self._streams.answer(request, function, route_params, trace)
        body = await self._body(request)
        query = request.rel_url.raw_query_string
        incoming = function_request(
            method=request.method,
            url="".join(_address(request)),
            headers=headers,
            query=query,
            route_params=route_params,
            body=body,
        )
        try:
            result = await self._invoker.invoke(function, incoming, trace)
            return function_response(result, is_head=request.method == "HEAD")
        except BaseException as error:  # user code may raise anything, SystemExit and CancelledError included
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            log_failure("Function", function.name, error, function)
            return ApiResponse(500)

    async def _body(self, request: web.BaseRequest) -> bytes:
        """Return a body as it came, encoded or not: functions see Content-Encoding too."""
        if request.content_length is not None or not request.body_exists:
            return await request.read()
        # A body without a length (chunked) does not reach a Python function in Azure either.
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > self.body_limit_bytes:
                raise web.HTTPRequestEntityTooLarge(self.body_limit_bytes, size)
        return b""

    async def _webhook(self, request: web.BaseRequest, path: str) -> ApiResponse:
        if request.method not in WEBHOOK_METHODS or not (path.lower() + "/").startswith(f"{WEBHOOK_PATH}/"):
            return ApiResponse(404)
        refusal = self._refusal(request, is_open=self._options.keys.opens_webhooks(_given_key(request)))
        if refusal is not None:
            return refusal
        asked = await _api_request(request, path[len(WEBHOOK_PATH) :], is_local=False)
        with self._spans.from_caller(asked.headers):
            return await self._api.handle(asked)

    async def _admin(self, request: web.BaseRequest, path: str) -> ApiResponse:
        where = path.lower().rstrip("/")
        if where == "/admin/host/ping" and request.method in {"GET", "POST"}:
            return ApiResponse(200)
        refusal = self._refusal(request, is_open=self._options.keys.opens_admin(_given_key(request)))
        if refusal is not None:
            return refusal
        return await self._admin_api.handle(request, path.rstrip("/"))

    def _home(self, request: web.BaseRequest) -> ApiResponse:
        if request.method != "GET":
            return ApiResponse(404)
        if os.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":  # noqa: SIM112 - Azure's spelling
            return ApiResponse(204)
        return ApiResponse(200, HOME_PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _refusal(self, request: web.BaseRequest, *, is_open: bool) -> ApiResponse | None:
        """Return how to refuse a request to manage the app. A key that opens the place is good from anywhere.

        If no keys are checked (as under `func start`) programs need none, but pages of other sites are refused: the
        answers would be closed to them, what they start or end would not.
        """
        if is_open:
            return None
        if self._options.keys.are_checked:
            return ApiResponse(401)
        if self._options.has_any_name and "Origin" not in request.headers:
            return None  # a program, or a page's GET, which changes nothing: only its Host could distinguish them
        problem = foreign(request, self._options.cors_origins)
        return _text(403, problem) if problem else None

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


async def _unless_malformed(
    request: web.BaseRequest, serve: Callable[[web.BaseRequest], Awaitable[ApiResponse]]
) -> ApiResponse:
    problem = problem_of(request)
    if problem:
        return _text(400, problem)
    try:
        return await serve(request)
    except web.RequestPayloadError:
        return _text(400, "The body does not match its Content-Length or Transfer-Encoding.")
    except web.HTTPRequestEntityTooLarge:
        return ApiResponse(413)
    except ConnectionResetError:
        return _text(400, "The body ended before its Content-Length.")  # to a client that is gone


def _text(status: int, text: str) -> ApiResponse:
    return ApiResponse(status, shown(text).encode(), {"Content-Type": TEXT_TYPE})


def _given_key(request: web.BaseRequest) -> str:
    in_url = (value for name, value in request.rel_url.query.items() if name.lower() == "code")
    return request.headers.get(FUNCTION_KEY_HEADER) or next(in_url, "")


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


async def _api_request(request: web.BaseRequest, path: str, *, is_local: bool) -> ApiRequest:
    # The Durable extension takes a body without a length (chunked) for one; Azure gives it to no function (`_body`).
    length = request.content_length
    has_body = (length is None and request.body_exists) or bool(length)
    origin, target = _address(request)
    return ApiRequest(
        method=request.method,
        path=path,
        query=Query(request.rel_url.raw_query_string),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read() if has_body else None,
        url=f"{origin}{target}",
        origin=origin,
        is_local=is_local,
    )


def _is_cancelled() -> bool:
    """Whether the server itself cancels this request, not the code that it called."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _address(request: web.BaseRequest) -> tuple[str, str]:
    """Return where the client sees this server, and the path and query that it asks for.

    A request line may also name a whole URL (as to a proxy); aiohttp forgets the port in it.
    """
    is_tls = request.transport is not None and request.transport.get_extra_info("sslcontext") is not None
    origin = f"{'https' if is_tls else 'http'}://{request.headers.get('Host', request.host)}"
    return origin, request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs


def _finish(response: ApiResponse) -> web.StreamResponse:
    if isinstance(response, SentResponse):
        return response.sent
    headers = dict(response.headers)
    # Joined by line breaks, which no header's value has: `headers` has one text for each name, and cookies may be many.
    cookies = headers.pop("Set-Cookie", "")
    answer = UntypedResponse(body=response.body, status=response.status, headers=headers)
    for cookie in filter(None, cookies.split("\n")):
        answer.headers.add("Set-Cookie", cookie)
    return answer
