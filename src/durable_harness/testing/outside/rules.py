"""What a test answers to which requests."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from durable_harness.errors import UsageError
from durable_harness.testing.fakes import HttpAnswer

PORTS = {"http": 80, "https": 443}
EXPECTED = "expected one such as https://api.example/orders/*, or https://api.example for all of a service"


@dataclass(frozen=True)
class HttpCall:
    """A request that the app has sent. Header names are in lower case; `at_s` is in seconds since the epoch."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at_s: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """Return the body's JSON value. Raises ValueError, with the body, if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ValueError(f"{self.method} {self.url}: the body is no JSON: {self.text!r}") from None


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def checked_method(method: str | None) -> str | None:
    """Return a method in upper case, None for any. Raises UsageError for what is none."""
    if method is None or str(method).upper() in METHODS:
        return None if method is None else method.upper()
    raise UsageError(f"method is {method!r}; expected one of {', '.join(METHODS)}, or None for any.")


Answering = Callable[[HttpCall], Any]
"""Returns an HttpAnswer or the body of one; what it raises breaks the connection."""


@dataclass(frozen=True)
class UrlPattern:
    """URLs, with `*` for any text. One without a path means all of the service."""

    text: str
    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, text: str) -> UrlPattern:
        """Read a pattern. Raises UsageError if it names no service."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in PORTS or not host:
            raise UsageError(f"durable_http: got {text!r} as a URL; {EXPECTED}")
        usual = port in {None, PORTS[parts.scheme]}
        rest = f"{parts.path}{f'?{parts.query}' if parts.query else ''}" or "*"
        authority = host if usual else f"{host}:{port}"
        return cls(
            text=f"{parts.scheme}://{authority}{rest}",
            host=host,
            port=port or PORTS[parts.scheme],
            tls=parts.scheme == "https",
        )

    def fits(self, url: str) -> bool:
        # `?` begins the query of a URL: only `*` stands for other text.
        return fnmatch.fnmatchcase(url, self.text.replace("[", "[[]").replace("?", "[?]"))

    def place(self) -> dict[str, Any]:
        """Return what the host needs to know of it, as JSON."""
        return {"host": self.host, "port": self.port, "tls": self.tls}


@dataclass(frozen=True)
class Rule:
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
