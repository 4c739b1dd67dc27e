"""The activity behind `context.call_http`: one HTTP request, followed through 202 answers until it is done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import aiohttp

ACCEPTED = 202


class HttpActivity:
    """Sends durable HTTP requests. `poll_interval_s` is waited where a 202 answer does not say how long."""

    def __init__(self, poll_interval_s: float) -> None:
        self._poll_interval_s = poll_interval_s
        self._session: aiohttp.ClientSession | None = None

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send the request that `DurableHttpRequest.to_json` describes; return statusCode, headers and content."""
        if request.get("tokenSource"):
            raise NotImplementedError(
                "call_http with a token source needs a managed identity, which there is none of locally. Send the token"
                " in a header instead."
            )
        headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
        if request.get("content") is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        answer = await self._send(request["method"], request["uri"], headers, request.get("content"))
        while answer["statusCode"] == ACCEPTED and "Location" in answer["headers"]:
            location = urljoin(request["uri"], answer["headers"]["Location"])
            await asyncio.sleep(_delay_s(answer["headers"].get("Retry-After"), self._poll_interval_s))
            polling = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            answer = await self._send("GET", location, polling, None)
        return answer

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _send(self, method: str, uri: str, headers: dict[str, str], content: str | None) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.request(method, uri, headers=headers, data=content) as response:
            text = await response.text()
            names = {name.title(): ", ".join(response.headers.getall(name)) for name in response.headers}
            return {"statusCode": response.status, "headers": names, "content": text}


def _delay_s(retry_after: str | None, default_s: float) -> float:
    if retry_after is None:
        return default_s
    with contextlib.suppress(ValueError):
        return max(0.0, float(retry_after))
    with contextlib.suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(retry_after)
        return max(0.0, moment.timestamp() - time.time())
    return default_s
