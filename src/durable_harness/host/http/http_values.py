"""Between the web server and azure-functions: a request as `HttpRequest`, what a function returns as a response."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from azure.functions import HttpResponse
from azure.functions.http import HttpRequest
from multidict import CIMultiDict

from durable_harness.documents import JsonObject
from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.protocol import is_too_deep

TEXT_TYPE = "text/plain; charset=utf-8"
FRAMING = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""The headers of one connection. Those of a function would contradict what is sent."""
FIRST_STATUS, LAST_STATUS = 200, 999
"""1xx statuses are no ends of a request."""
LENGTH = "Content-Length"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n\0]")


class UnusableResultError(Exception):
    """Raised when an HTTP function answers with what cannot be a response."""


def function_request(  # noqa: PLR0913 - the parts of an HTTP request
    *, method: str, url: str, headers: Mapping[str, str], query: str, route_params: Mapping[str, str], body: bytes
) -> HttpRequest:
    """Return a request as functions see it: lower-case header names, empty query values dropped, repeats joined."""
    params: dict[str, str] = {}
    for name, value in parse_qsl(query) if query else ():
        params[name] = f"{params[name]},{value}" if name in params else value
    return HttpRequest(
        method=method, url=url, headers=headers, params=params, route_params=route_params, body_type="bytes", body=body
    )


def function_response(result: object, *, is_head: bool = False) -> ApiResponse:
    """Return the response for a function's return value; raise UnusableResultError if there can be none.

    Only the answer to a HEAD request has the length that the function declares: that of the body which GET would have.
    """
    if isinstance(result, str):
        return _from_text(result)
    if not isinstance(result, HttpResponse):
        raise UnusableResultError(
            f"returned {type(result).__name__}; an HTTP function must return a func.HttpResponse or a str."
        )
    given = usable_headers(result.headers.items())
    headers = {name.title(): value for name, value in given.items() if name.lower() != "set-cookie"}
    cookies = given.getall("Set-Cookie", ())
    if "Content-Type" not in headers:
        mimetype = result.mimetype
        headers["Content-Type"] = f"{mimetype}; charset={result.charset}" if mimetype.startswith("text/") else mimetype
    if cookies:  # one text for all: `handlers.handler` sends them one by one
        headers["Set-Cookie"] = "\n".join(cookies)
    body = result.get_body() or b""
    if is_head and not body and (length := declared_length(result.headers.items())):
        headers[LENGTH] = str(length)
    return ApiResponse(usable_status(int(result.status_code)), body, headers)


def _from_text(text: str) -> ApiResponse:
    """The real host tries to read returned text as JSON first and writes it back in its own way."""
    if is_too_deep(text):
        return ApiResponse(200, text.encode(), {"Content-Type": TEXT_TYPE})
    try:
        value = json.loads(text)
    except ValueError:
        return ApiResponse(200, text.encode(), {"Content-Type": TEXT_TYPE})
    if isinstance(value, dict) and "body" in {key.lower() for key in value}:
        return _from_response_object({key.lower(): item for key, item in value.items()})
    return ApiResponse(200, _plain_text(value).encode(), {"Content-Type": TEXT_TYPE})


def _from_response_object(value: JsonObject) -> ApiResponse:
    given = usable_headers((str(name), str(item)) for name, item in (value.get("headers") or {}).items())
    headers = {name.title(): item for name, item in given.items()}
    body = value["body"]
    headers.setdefault("Content-Type", TEXT_TYPE)
    status = usable_status(int(value.get("statuscode") or value.get("status") or 200))
    return ApiResponse(status, _plain_text(body).encode(), headers)


def _plain_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False)


def usable_status(status: int) -> int:
    """Return a status. Raises UnusableResultError if no response can have it."""
    if not FIRST_STATUS <= status <= LAST_STATUS:
        raise UnusableResultError(
            f"answered with the status {status}; expected a status from {FIRST_STATUS} on, such as 200 or 404."
        )
    return status


def usable_headers(given: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return the headers without those of the connection. Raises UnusableResultError if one breaks the response."""
    headers = CIMultiDict(given)
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise UnusableResultError(f"answered with the header {name!r}; this is not a header name.")
        if _BREAKS.search(value):
            raise UnusableResultError(f"answered with the header {name} with a line break or NUL in its value.")
    for name in FRAMING & {name.lower() for name in headers}:
        headers.popall(name)
    return headers


def declared_length(given: Iterable[tuple[str, str]]) -> int | None:
    """Return the length that headers declare, None if they declare no valid one."""
    declared = next((value.strip() for name, value in given if name.lower() == LENGTH.lower()), "")
    return int(declared) if declared.isascii() and declared.isdigit() else None
