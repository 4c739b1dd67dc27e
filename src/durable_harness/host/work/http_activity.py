"""The activity behind `context.call_http`: one HTTP request, followed through 202 answers until it is done."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TypedDict
from urllib.parse import urljoin

import aiohttp

from durable_harness.documents import JsonObject
from durable_harness.key_names import FUNCTION_KEY_HEADER
from durable_harness.network.redirects import REDIRECTS, follow, headers_for, is_downgrade

ACCEPTED = 202
MOST_REDIRECTS = 50
"""HttpClient's limit."""
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
NOT_FOR_POLLS = frozenset({"content-type", FUNCTION_KEY_HEADER})
"""Polls have no body; and the extension keeps a function's key back, which would not open the status anyway."""


class CallHttpAnswer(TypedDict):
    """The answer that the orchestrator gets."""

    statusCode: int
    headers: dict[str, str]
    content: str


class HttpActivity:
    """Sends durable HTTP requests. `poll_interval_s` is waited if a 202 answer names no time."""

    def __init__(self, poll_interval_s: float) -> None:
        self._poll_interval_s = poll_interval_s
        self._session: aiohttp.ClientSession | None = None

    async def call(self, request: JsonObject) -> CallHttpAnswer:
        """Send the request that `DurableHttpRequest.to_json` describes; return statusCode, headers and content."""
        if request.get("tokenSource"):
            raise NotImplementedError(
                "call_http with a token source needs a managed identity, which does not exist locally. Send the token"
                " in a header instead."
            )
        headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
        if request.get("content") is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        home = request["uri"]
        answer, where = await self._follow(request["method"], home, headers, request.get("content"))
        polling = {name: value for name, value in headers.items() if name.lower() not in NOT_FOR_POLLS}
        while answer["statusCode"] == ACCEPTED and "Location" in answer["headers"]:
            location = urljoin(where, answer["headers"]["Location"])
            await asyncio.sleep(_delay_s(answer["headers"].get("Retry-After"), self._poll_interval_s))
            # Whoever answers names the next place: the headers are for the origin that the orchestrator named.
            answer, where = await self._follow("GET", location, headers_for(location, polling, home), None)
        return answer

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], content: str | None
    ) -> tuple[CallHttpAnswer, str]:
        """Send a request and those that redirects ask for; return the answer and its URL.

        As .NET's HttpClient does for the extension: a redirect from https to http, or too many of them, is the answer,
        and Authorization is for the first URL only, so that what a redirect breaks in Azure is broken here too. Other
        headers HttpClient would take anywhere; here they stay with their origin.
        """
        answer = await self._send(method, url, headers, content)
        for _ in range(MOST_REDIRECTS):
            location = answer["headers"].get("Location")
            if answer["statusCode"] not in REDIRECTS or location is None or is_downgrade(url, location):
                break
            following = follow(answer["statusCode"], location, method, url, headers)
            method, url = following.method, following.url
            headers = {name: value for name, value in following.headers.items() if name.lower() != "authorization"}
            content = content if following.keeps_body else None
            answer = await self._send(method, url, headers, content)
        return answer, url

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _send(self, method: str, uri: str, headers: Mapping[str, str], content: str | None) -> CallHttpAnswer:
        if self._session is None:
            # One session for all: no answer to one orchestration may set a cookie that another one sends.
            # As the extension's HttpClient: bodies are not asked for compressed, and what comes so is left as it is.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
            )
        sending = self._session.request(method, uri, headers=headers, data=content, allow_redirects=False)
        async with sending as response:
            text = text_of(await response.read(), response.charset)
            names = {name.title(): ", ".join(response.headers.getall(name)) for name in response.headers}
            return {"statusCode": response.status, "headers": names, "content": text}


def text_of(body: bytes, charset: str | None) -> str:
    """Return a body as text, whatever it is: by its charset, its byte order mark or as UTF-8, else with U+FFFD."""
    if charset is not None:
        # A charset that is unknown, or a codec that gives no text, is no reason to fail: the status may be what counts.
        with contextlib.suppress(LookupError, ValueError):
            return body.decode(charset.strip("'\""), "replace").removeprefix("\ufeff")
    for mark, encoding in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode("utf-8", "replace")


def _delay_s(retry_after: str | None, default_s: float) -> float:
    if retry_after is None:
        return default_s
    with contextlib.suppress(ValueError):
        return max(0.0, float(retry_after))
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(retry_after)
        return max(0.0, moment.timestamp() - time.time())
    return default_s
