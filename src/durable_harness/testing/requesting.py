"""Plain HTTP requests that always end in an `Answer` or in `NoAnswer`, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from durable_harness.operations import Answer, NoAnswer, redact_keys

REQUEST_TIMEOUT_S = 30.0
KEY_HEADER = "x-functions-key"


class Nothing:
    """The type of NOTHING, which is not the same as a JSON null."""


NOTHING: Final = Nothing()


class HttpClient:
    """Sends requests to one deployment; a URL that begins with a slash is a path there."""

    def __init__(self, base_url: str, function_key: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._key = {KEY_HEADER: function_key} if function_key else {}
        is_here = urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1"}
        handlers = [urllib.request.ProxyHandler({})] if is_here else []
        self._opener = urllib.request.build_opener(*handlers)

    def request(
        self,
        method: str,
        url: str,
        payload: Any = NOTHING,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Answer | NoAnswer:
        """Send a request, its payload as JSON, and return what came."""
        absolute = f"{self.base_url}{url}" if url.startswith("/") else url
        sent = {**self._key_for(absolute), **(headers or {})}
        body = None if payload is NOTHING else json.dumps(payload).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(absolute, body, sent, method=method)  # noqa: S310 - the deployment's URLs
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                return _answer(response.status, response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error)
        except (OSError, http.client.HTTPException) as error:
            return NoAnswer(redact_keys(f"{type(error).__name__}: {error}"))

    def _key_for(self, url: str) -> Mapping[str, str]:
        """Return the header with the deployment's key; not for others, nor for URLs that carry a key: it would win."""
        carries_one = "code" in parse_qs(urlsplit(url).query)
        return self._key if url.startswith(f"{self.base_url}/") and not carries_one else {}


def _answer(status: int, response: Any) -> Answer:
    return Answer(status, {name.lower(): value for name, value in response.headers.items()}, response.read())
