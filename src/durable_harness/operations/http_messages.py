"""HTTP requests and answers as values: what an operation sends and receives. It opens no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from durable_harness.key_names import FUNCTION_KEY_HEADER
from durable_harness.operations.excerpts import excerpt, redact_keys

UNKNOWN_STATUSES = frozenset({404, 410})
"""Of a status: the service does not know the operation, or no longer."""
RETRIED_STATUSES = frozenset({408, 425, 429})
"""The errors below 500 that a later try may not get: a timeout, too early, too many requests (RFC 9110, 8470, 6585)."""
SERVER_ERROR = 500


def key_headers(function_key: str | None) -> dict[str, str]:
    """Return the header that carries a function key to a host; an empty dict without a key.

        key_headers("KEY") == {"x-functions-key": "KEY"}

    Args:
        function_key: the key; None or empty for an app that needs none.
    """
    return {FUNCTION_KEY_HEADER: function_key} if function_key else {}


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to send. The operation reads redirects itself: do not follow them.

        Request("PUT", "http://localhost:7071/api/orders/7", {"Content-Type": "application/json"}, b'{"kind": "pdf"}')

    `body` is sent as it is; None sends no body.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {redact_keys(self.url)!r})"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP answer. Header names are in lower case.

    if answer.ok and answer.headers.get("content-type") == "application/json":
        pages = answer.json()["pages"]
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = field(default="", compare=False)
    """Which URL gave it, after the redirects that its client followed; empty if that is the URL that was asked."""

    def __repr__(self) -> str:
        """As for any dataclass, but for keys: pytest prints the values of assertions that fail."""
        return redact_keys(f"HttpResponse(status={self.status}, headers={dict(self.headers)!r}, body={self.body!r})")

    @property
    def is_success(self) -> bool:
        """Whether the status is from 200 to 299."""
        return self.status // 100 == 2  # noqa: PLR2004 - 2xx

    @property
    def ok(self) -> bool:
        """The same as `is_success`, by the name that requests has for it."""
        return self.is_success

    @property
    def text(self) -> str:
        """The body as text, in the charset that its Content-Type names, else UTF-8."""
        kind = Message()
        kind["content-type"] = self.headers.get("content-type", "")
        try:
            return self.body.decode(kind.get_content_charset("utf-8"), "replace")
        except LookupError:  # a charset that Python does not know
            return self.body.decode(errors="replace")

    def json(self) -> Any:  # type: ignore[explicit-any] # for tests, which know what they expect; as in requests
        """Return the body as a JSON value. Raises ValueError, with status and body's beginning, if it is not JSON.

        `json_value` returns None instead.
        """
        problem = self.json_problem()
        if problem is not None:
            raise ValueError(f"{redact_keys(self.url) or 'the request'} was answered with {self.status}: {problem}")
        return json.loads(self.body)

    @property
    def is_passing(self) -> bool:
        """Whether the same request may get another answer later: the server is busy or broken."""
        return self.status in RETRIED_STATUSES or self.status >= SERVER_ERROR

    def json_value(self) -> object:
        """Return the body as a JSON value; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def json_problem(self) -> str | None:
        """Return why the body is not JSON, with its beginning; None if it is."""
        try:
            json.loads(self.body)
        except RecursionError:
            return "the answer is JSON that is nested too deeply to be read"
        except ValueError:
            return f"the answer is not JSON: {excerpt(self.body)}" if self.body.strip() else "the answer is empty"
        return None

    def json_object(self) -> dict[str, object] | None:
        """Return the body if it is a JSON object, else None."""
        value = self.json_value()
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class NoResponse:
    """The request got no HTTP answer; `reason` is for people.

        NoResponse("Connection refused")

    Drivers pass it in place of an `HttpResponse`.
    """

    reason: str
