"""HTTP requests that functions send, by the clients that Python programs use.

`http.client` is what urllib, urllib3 and requests send by. aiohttp and httpx have engines of their own. Whatever else
opens a connection is noted as a connection.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit, urlunsplit

from durable_harness.host.library_methods import Method
from durable_harness.host.twice.auditing import CONNECTION
from durable_harness.host.twice.effects import IN_CLIENT, Effect, current_scope, within_client
from durable_harness.host.twice.patching import patch_each

if TYPE_CHECKING:
    from aiohttp import ClientSession

HTTP = "http"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})
"""Methods that ask for nothing to be done (RFC 9110, 9.2.1), and the one by which a proxy opens a tunnel."""
IDEMPOTENT = frozenset({"PUT", "DELETE"})
"""Methods whose repeat does what one request does (RFC 9110, 9.2.2)."""
KEY_HEADERS = frozenset({"idempotency-key", "x-idempotency-key", "repeatability-request-id", "paypal-request-id"})
"""By the same value in one of these a service knows a repeat."""
REFUSED_FROM, REFUSED_TO = 400, 500
EFFECT = "_durable_harness_effect"
"""Where a connection keeps the request that it has not got an answer to."""
REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r\n")


def watch_clients() -> list[str]:
    """Note the requests of each client that is installed; return their names."""
    _watch_http_client()
    return ["http.client", *(name for name, watch in _OTHERS.items() if watch())]


def noted_request(method: str, url: str, headers: Iterable[tuple[str, str]]) -> Effect | None:
    """Note a request; None if it is not watched, or asks for nothing to be done."""
    with contextlib.suppress(Exception):  # of what is not a request the client complains in its own words
        return _noted(method.upper(), url, headers)
    return None


def _noted(method: str, url: str, headers: Iterable[tuple[str, str]]) -> Effect | None:
    scope = current_scope()
    if scope is None or method in SAFE:
        return None
    keys = tuple(sorted((name.lower(), value) for name, value in headers if name.lower() in KEY_HEADERS))
    text = f"{method} {_shown(url)}"
    effect = Effect(HTTP, text, (method, url, keys), method in IDEMPOTENT or bool(keys))
    scope.note(effect)
    return effect


def _shown(url: str) -> str:
    """Return a URL without its query and its user, where keys are."""
    parts = urlsplit(url)
    query = "…" if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _answered(effect: Effect | None, status: int) -> None:
    if effect is not None:
        effect.was_refused = REFUSED_FROM <= status < REFUSED_TO


# -- http.client ------------------------------------------------------------------------------------------------------


def _watch_http_client() -> None:
    patch_each(http.client.HTTPConnection, {"send": _sending, "getresponse": _receiving})


def _sending(send: Method) -> Method:
    @functools.wraps(send)
    def watched(connection: http.client.HTTPConnection, data: object) -> object:
        scope = None if IN_CLIENT.get() else current_scope()
        sent = data if isinstance(data, bytes | bytearray) else b""
        line = REQUEST_LINE.match(sent) if scope is not None else None
        if line is None or scope is None:
            return send(connection, data)
        headers = list(_headers(bytes(sent[line.end() :])))
        connection.__dict__[EFFECT] = noted_request(line[1].decode(), _url(connection, line[2], headers), headers)
        try:
            return send(connection, data)
        finally:
            with contextlib.suppress(Exception):  # it may have been closed: the request is what it was for
                scope.drop(CONNECTION, connection.sock.getpeername()[:2], (connection.host, connection.port))

    return watched


def _receiving(getresponse: Method) -> Method:
    @functools.wraps(getresponse)
    def watched(connection: http.client.HTTPConnection, *arguments: object, **named: object) -> object:
        response = getresponse(connection, *arguments, **named)
        _answered(connection.__dict__.pop(EFFECT, None), response.status)
        return response

    return watched


def _url(connection: http.client.HTTPConnection, target: bytes, headers: Iterable[tuple[str, str]]) -> str:
    path = target.decode("latin-1")
    if not path.startswith("/"):
        return path
    scheme = "https" if isinstance(connection, http.client.HTTPSConnection) else "http"
    host = next((value for name, value in headers if name.lower() == "host"), connection.host)
    return f"{scheme}://{host}{path}"


def _headers(data: bytes) -> Iterable[tuple[str, str]]:
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip(), value.strip()


# -- aiohttp, httpx ---------------------------------------------------------------------------------------------------


def _watch_aiohttp() -> bool:
    def requesting(request: Method) -> Method:
        @functools.wraps(request)
        async def watched(session: ClientSession, method: str, url: object, **named: object) -> object:
            effect = noted_request(method, _absolute(session, url), _items(session.headers, named.get("headers")))
            with within_client():
                response = await request(session, method, url, **named)
            _answered(effect, response.status)
            return response

        return watched

    return patch_each("aiohttp.ClientSession", {"_request": requesting})


def _absolute(session: ClientSession, url: object) -> str:
    base = getattr(session, "_base_url", None)
    return str(url) if base is None else urljoin(str(base), str(url))


class _Request(Protocol):
    """A request of httpx."""

    method: str
    url: object
    headers: Mapping[str, str]


def _watch_httpx() -> bool:
    def sending(send: Method) -> Method:
        @functools.wraps(send)
        def watched(client: object, request: _Request, **named: object) -> object:
            effect = noted_request(request.method, str(request.url), request.headers.items())
            with within_client():
                response = send(client, request, **named)
            _answered(effect, response.status_code)
            return response

        return watched

    def sending_async(send: Method) -> Method:
        @functools.wraps(send)
        async def watched(client: object, request: _Request, **named: object) -> object:
            effect = noted_request(request.method, str(request.url), request.headers.items())
            with within_client():
                response = await send(client, request, **named)
            _answered(effect, response.status_code)
            return response

        return watched

    is_sync = patch_each("httpx.Client", {"send": sending})
    return patch_each("httpx.AsyncClient", {"send": sending_async}) and is_sync


_OTHERS: Mapping[str, Callable[[], bool]] = {"aiohttp": _watch_aiohttp, "httpx": _watch_httpx}


def _items(*mappings: object) -> Iterable[tuple[str, str]]:
    for mapping in mappings:
        pairs = mapping.items() if hasattr(mapping, "items") else mapping
        if isinstance(pairs, Iterable):
            yield from ((str(name), str(value)) for name, value in pairs)
