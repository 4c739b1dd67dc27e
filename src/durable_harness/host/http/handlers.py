"""What each request goes through on its way in and out, whatever its route.

A malformed one is refused with 400 before anything reads it, as Kestrel does in Azure.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.host.http.http_values import TEXT_TYPE
from durable_harness.host.http.streams import SentResponse
from durable_harness.host.http.untyped_responses import UntypedResponse
from durable_harness.network.redirects import DEFAULT_PORTS
from durable_harness.wording.foreign_text import shown

S = TypeVar("S")

HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=-]*(:\d{0,5})?|\[[0-9A-Fa-f:.]+\](:\d{0,5})?")
NUL = re.compile("%00|\x00")
HALF_OF_PAIR = re.compile("[\ud800-\udfff]")
"""aiohttp keeps bytes that are no UTF-8 as halves of surrogate pairs, which nothing that follows can encode."""


def handler(
    serve: Callable[[S, web.BaseRequest], Awaitable[ApiResponse]],
) -> Callable[[S, web.BaseRequest], Coroutine[object, object, web.StreamResponse]]:
    """Make a method that answers well-formed requests a handler of the web server."""

    @functools.wraps(serve)
    async def handle(self: S, request: web.BaseRequest) -> web.StreamResponse:
        problem = problem_of(request)
        try:
            response = refused(400, problem) if problem else await serve(self, request)
        except web.RequestPayloadError:
            response = refused(400, "The body does not match its Content-Length or Transfer-Encoding.")
        except web.HTTPRequestEntityTooLarge:
            response = ApiResponse(413)
        except ConnectionResetError:
            response = refused(400, "The body ended before its Content-Length.")  # to a client that is gone
        if isinstance(response, SentResponse):
            return response.sent
        headers = dict(response.headers)
        # Joined by line breaks, which no header's value has: there is one text for each name, and cookies may be many.
        cookies = headers.pop("Set-Cookie", "")
        kind = web.Response if "Content-Type" in headers else UntypedResponse
        answer = kind(body=response.body, status=response.status, headers=headers)
        for cookie in filter(None, cookies.split("\n")):
            answer.headers.add("Set-Cookie", cookie)
        return answer

    return handle


def refused(status: int, problem: str) -> ApiResponse:
    """Return the answer to a request that is refused."""
    return ApiResponse(status, shown(problem).encode(), {"Content-Type": TEXT_TYPE})


def problem_of(request: web.BaseRequest) -> str:
    """Return what is wrong with a request's line or headers, "" if nothing is."""
    target = request.raw_path
    if not target.isascii() or NUL.search(target.partition("?")[0]):
        return "The URL must be ASCII, other characters percent-encoded, without NUL in its path."
    headers = "".join(part for header in request.headers.items() for part in header)
    if not headers.isascii() and HALF_OF_PAIR.search(headers):
        return "A header is not UTF-8 text."
    hosts = request.headers.getall("Host", ())
    if len(hosts) > 1 or not all(HOST.fullmatch(host) for host in hosts):
        return "The Host header must be one host name or address, with a port or without."
    if not target.startswith("/") and not _is_own(target, hosts):
        return "The request line names a URL of another host than the Host header does."
    return ""


def _is_own(target: str, hosts: Sequence[str]) -> bool:
    """Whether the target of a request line is one for all (`*`) or a whole URL of the host that was asked for."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return target == "*" or (
        parts.scheme in DEFAULT_PORTS and [parts.netloc.lower()] == [host.lower() for host in hosts]
    )
