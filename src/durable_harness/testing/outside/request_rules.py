"""What a test answers to which requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.testing.fakes import HttpAnswer
from durable_harness.testing.url_patterns import UrlPattern


@dataclass(frozen=True)
class HttpCall:
    """A request that the app sent to an outside service."""

    method: str
    """The HTTP method, such as "GET"."""
    url: str
    """The whole URL, with its query."""
    headers: Mapping[str, str] = field(repr=False)
    """The request headers, by names in lower case."""
    body: bytes = field(repr=False)
    """The body as bytes."""
    at_s: float
    """When the request came, in seconds since the epoch."""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Return the JSON value of the body.

        Raises:
            ValueError: the body is not JSON. The message shows the body.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise ValueError(f"{self.method} {self.url}: the body is no JSON: {self.text!r}") from None


Answering = Callable[[HttpCall], Any]
"""Returns an HttpAnswer or the body of one; what it raises breaks the connection."""


@dataclass(frozen=True)
class RequestRule:
    """What is answered to requests of a pattern."""

    pattern: UrlPattern
    method: str | None
    answer: Answering
    calls: list[HttpCall] = field(default_factory=list)

    def fits(self, call: HttpCall) -> bool:
        return self.method in {None, call.method} and self.pattern.fits(call.url)


def http_answer(value: Any) -> HttpAnswer:
    """Return a value as the answer that it means: its body, unless it is an answer."""
    return value if isinstance(value, HttpAnswer) else HttpAnswer(value)


def encoded(answer: HttpAnswer) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of an answer. Raises UsageError if the body is no JSON value, text or bytes."""
    headers = dict(answer.headers or {})
    named = {name.lower() for name in headers}
    if isinstance(answer.body, bytes):
        return answer.body, headers
    if isinstance(answer.body, str):
        return answer.body.encode(), headers if "content-type" in named else headers | {"Content-Type": "text/plain"}
    try:
        body = json.dumps(answer.body).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"durable_http: {answer.body!r} is neither text nor bytes nor JSON ({error}).") from None
    return body, headers if "content-type" in named else headers | {"Content-Type": "application/json"}
