"""HTTP functions by the app's web extension (azurefunctions-extensions-http-fastapi): its requests, its responses.

An app that imports the extension has all of its HTTP functions served by it, as in Azure: the extension's own web
application calls the function and turns what it returns into a response. It is called in this process, by ASGI. Bodies
are passed on piece by piece in both directions, and neither side runs ahead of the other.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from durable_harness.host.app.converters import EXTENSIONS, streams_http
from durable_harness.host.app.functions import Function
from durable_harness.host.app.invocation import Invoker, TraceContext
from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.host.failure_log import log_failure
from durable_harness.host.http.http_values import (
    LENGTH,
    UnusableResultError,
    declared_length,
    usable_headers,
    usable_status,
)
from durable_harness.host.http.untyped_responses import UntypedStream
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger

logger = own_logger(HOST_LOGGER)

EMPTY = frozenset({204, 304})
"""The statuses without a body, whatever length is declared."""
CALL = "durable_harness.call"
"""The key in the ASGI scope of the function to call."""
OWN_HEADERS = "durable_harness.headers"
"""The key on a request of the headers that the host adds to the response."""


_Members = MutableMapping[str, Any]  # type: ignore[explicit-any]  # which of them, depends on the type of the ASGI event


class _AsgiRequest(Protocol):
    """A request of the extension's framework."""

    @property
    def scope(self) -> _Members:
        """Return the ASGI scope that it was made from."""


@dataclass(frozen=True, kw_only=True)
class SentResponse(ApiResponse):
    """A response that is already on the wire."""

    sent: web.StreamResponse


class HttpStreams:
    """The extension's web application with the app's functions behind it."""

    def __init__(self, invoker: Invoker, body_limit_bytes: int) -> None:
        self._invoker = invoker
        self._body_limit_bytes = body_limit_bytes
        extensions = sys.modules[EXTENSIONS]
        self._synchronizer = extensions.RequestTrackerMeta.get_synchronizer()
        extension = importlib.import_module(extensions.ModuleTrackerMeta.get_module())
        application = extension.WebApp()
        request_type = extensions.RequestTrackerMeta.get_request_type()

        async def call(request: _AsgiRequest) -> object:
            return await self._call(request)

        call.__annotations__ = {"request": request_type}
        application.route(call)
        self._application = application.get_app()

    async def answer(
        self, request: web.BaseRequest, function: Function, route_params: Mapping[str, str], trace: TraceContext | None
    ) -> ApiResponse:
        """Call a function and pass its response on as it comes. A function that fails is logged and answered by 500."""
        exchange = _Exchange(request, self._body_limit_bytes)
        scope = {**_scope(request), CALL: (function, route_params, trace)}
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - user code may raise anything; it comes out of the web application
            if exchange.is_lost:
                logger.info("Function '%s': the client went away before the end.", function.name)
            elif not exchange.is_too_large:
                log_failure("Function", function.name, error, function)
        exchange.break_off()
        if exchange.response is None:
            return ApiResponse(413 if exchange.is_too_large else 500)
        return SentResponse(exchange.response.status, sent=exchange.response)

    async def _call(self, request: _AsgiRequest) -> object:
        function, route_params, trace = request.scope[CALL]
        self._synchronizer.sync_route_params(request, route_params)
        return await self._invoker.invoke(function, request, trace)


def http_streams(invoker: Invoker, body_limit_bytes: int) -> HttpStreams | None:
    """Return what serves the app's HTTP functions if it has imported a web extension."""
    return HttpStreams(invoker, body_limit_bytes) if streams_http() else None


class _Exchange:
    """The two channels of one request, as ASGI has them."""

    def __init__(self, request: web.BaseRequest, body_limit_bytes: int) -> None:
        self._request = request
        self._limit_bytes = body_limit_bytes
        self._size_bytes = 0
        self._left_bytes: int | None = None
        self._is_received = False
        self._is_sent = asyncio.Event()
        self.response: _Plain | None = None
        self.is_lost = False
        self.is_too_large = False

    async def receive(self) -> _Members:
        """Return the next piece of the request's body; after its end wait for the response's."""
        if self._is_received:
            await self._is_sent.wait()
            return {"type": "http.disconnect"}
        try:
            piece = await self._request.content.readany()
        except (OSError, web.RequestPayloadError):
            self.is_lost = True
            raise
        self._size_bytes += len(piece)
        if self._size_bytes > self._limit_bytes:
            self.is_too_large = True
            raise web.HTTPRequestEntityTooLarge(self._limit_bytes, self._size_bytes)
        self._is_received = not piece
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(self, message: _Members) -> None:
        """Take the next event of the response. Waits while the client reads more slowly than the function writes."""
        try:
            if message["type"] == "http.response.start":
                await self._begin(message)
            elif message["type"] == "http.response.body" and self.response is not None:
                if message.get("body"):
                    await self._write(message["body"])
                if not message.get("more_body"):
                    await self._end()
        except OSError:
            self.is_lost = True
            raise

    def break_off(self) -> None:
        """Close the connection on a response that has not come to its end, lest the client takes it for whole."""
        if self.response is not None and not self._is_sent.is_set() and self._request.transport is not None:
            self._request.transport.close()
        self._is_sent.set()

    async def _begin(self, message: _Members) -> None:
        if self.is_too_large:
            return
        given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        headers = usable_headers(given)
        headers.update(self._request.get(OWN_HEADERS, {}))
        length = declared_length(given)
        if length is not None:
            headers[LENGTH] = str(length)
        response = _Plain(status=usable_status(message["status"]), headers=headers)
        self._left_bytes = None if self._request.method == "HEAD" else length
        self.response = response
        await response.prepare(self._request)

    async def _write(self, piece: bytes) -> None:
        """Write a piece of the body. Raises UnusableResultError if the body is then longer than its header declares."""
        assert self.response is not None
        if self._left_bytes is not None:
            self._left_bytes -= len(piece)
            if self._left_bytes < 0:
                raise UnusableResultError(f"answered with a body longer than its {LENGTH}.")
        if self._request.method != "HEAD" and not self.response.must_be_empty:
            await self.response.write(piece)

    async def _end(self) -> None:
        """End the body. Raises UnusableResultError if it is shorter than its header declares."""
        assert self.response is not None
        if self._left_bytes and not self.response.must_be_empty:
            raise UnusableResultError(f"answered with a body {self._left_bytes} bytes shorter than its {LENGTH}.")
        await self.response.write_eof()
        self._is_sent.set()


class _Plain(UntypedStream):
    """A response of an ASGI application."""

    @property
    def must_be_empty(self) -> bool:
        return self.status in EMPTY


def _scope(request: web.BaseRequest) -> _Members:
    url = request.rel_url
    transport = request.transport

    def address(name: str) -> tuple[object, ...]:
        known: tuple[object, ...] = (transport.get_extra_info(name) if transport is not None else None) or (None,)
        return known[:2]

    is_encrypted = transport is not None and transport.get_extra_info("sslcontext") is not None
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": "https" if is_encrypted else "http",
        "path": url.path,
        "raw_path": url.raw_path.encode("ascii", "replace"),
        "query_string": url.raw_query_string.encode("ascii", "replace"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": address("peername"),
        "server": address("sockname"),
    }
