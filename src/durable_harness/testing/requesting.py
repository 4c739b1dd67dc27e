"""Plain HTTP requests that always end in an `HttpResponse` or a `NoResponse`, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from durable_harness.errors import UsageError
from durable_harness.network.bounded_http import Limit, bounded_opener, failure_words, read_bounded
from durable_harness.network.redirects import (
    MAX_REDIRECTS,
    REDIRECTS,
    BadUrlError,
    ascii_url,
    follow,
    is_same_origin,
    origin_of,
)
from durable_harness.operations import HttpResponse, NoResponse, key_headers, redact_keys

REQUEST_TIMEOUT_S = 30.0


class Nothing:
    """The type of NOTHING, which is not the same as a JSON null."""


NOTHING: Final = Nothing()


class HttpClient:
    """Sends requests to one deployment; a URL that begins with a slash is a path there."""

    def __init__(self, base_url: str, function_key: str | None = None, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self.base_url = base_url.rstrip("/")
        self._key = key_headers(function_key)
        is_here = urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}
        proxies = [urllib.request.ProxyHandler({})] if is_here else []
        self._opener = bounded_opener(_NoRedirects(), *proxies)

    def request(
        self,
        method: str,
        url: str,
        payload: Any = NOTHING,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> HttpResponse | NoResponse:
        """Send a request, its payload as JSON, and return what came in this time, by default the client's."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        absolute = f"{self.base_url}{url}" if url.startswith("/") else url
        sent = {**self._key_for(absolute), **(headers or {})}
        body = None if payload is NOTHING else _json_of(payload)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            with Limit(limit_s):
                return self._follow(method, absolute, sent, body, limit_s)
        except BadUrlError as error:
            return NoResponse(f"cannot be asked for: {error}")
        except (OSError, http.client.HTTPException) as error:
            return NoResponse(redact_keys(failure_words(error)))

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> HttpResponse | NoResponse:
        """Send a request and those that redirects ask for. urllib by itself would take all headers to any server."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(method, url, headers, body, timeout_s)
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer
            following = follow(answer.status, answer.headers["location"], method, url, headers)
            method, url, headers = following.method, following.url, following.headers
            body = body if following.keeps_body else None
        return NoResponse(f"more than {MAX_REDIRECTS} redirects")

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> HttpResponse:
        origin_of(url)  # urllib opens file: too, and a server names URLs
        request = urllib.request.Request(ascii_url(url), body, dict(headers), method=method)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                return _answer(url, response.status, response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(url, error.code, error)

    def _key_for(self, url: str) -> Mapping[str, str]:
        """Return the header with the deployment's key; not for others, nor for URLs that carry a key: it would win."""
        carries_one = "code" in parse_qs(urlsplit(url).query)
        return self._key if is_same_origin(url, self.base_url) and not carries_one else {}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Returns a redirect as an answer instead of following it."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def _answer(url: str, status: int, response: Any) -> HttpResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(status, headers, read_bounded(response), url)


def _json_of(payload: Any) -> bytes:
    try:
        return json.dumps(payload).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"the payload {payload!r} cannot be sent: {error}. Expected what JSON has.") from None
