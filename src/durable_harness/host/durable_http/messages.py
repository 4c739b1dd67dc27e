"""Requests and responses of the durable HTTP API, free of any web framework, and how it reads query strings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qsl

from durable_harness.host.durable_http.status_json import STATUS_NAMES, STATUS_VALUES
from durable_harness.protocol import pb

JSON_TYPE = "application/json; charset=utf-8"
CONTINUATION_HEADER = "x-ms-continuation-token"
"""In a request and in its response: where the next page of a list begins."""
LARGEST_INTEGER = 2**31 - 1
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?|\.[0-9]+")
"""As a JSON number without sign and exponent, up to 30 years: no NaN, no infinity, nothing that a timer cannot wait."""
SHOWN_CHARS = 60
_AS_UTF8 = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)
_AS_ASCII = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class ApiRequest:
    """A call of the durable HTTP API. `path` is percent-encoded, without the base; `body` is None if there is none."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes | None
    url: str
    origin: str
    is_local: bool = False


@dataclass(frozen=True)
class ApiResponse:
    """What the API answers. An empty body goes without a content type."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """Raised by a handler to answer with an error object of the Durable extension's shape."""

    def __init__(self, status: int, message: str, *, error_type: str = "", detail: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.error_type = status, message, error_type
        self.detail = message if detail is None else detail

    def response(self) -> ApiResponse:
        body = {"Message": self.message}
        if self.error_type:
            body |= {
                "ExceptionMessage": self.detail,
                "ExceptionType": self.error_type,
                "StackTrace": f"   at durable_harness.host ({self.error_type})",
            }
        return json_response(body, self.status)


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> ApiResponse:
    """Return compact JSON, as the Durable extension writes it."""
    try:
        text = _AS_UTF8.encode(body).encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8; its escape has
        text = _AS_ASCII.encode(body).encode()
    except ValueError:  # NaN and infinities, which JSON has not: written as texts, as in Azure
        return json_response(json.loads(json.dumps(body), parse_constant=str), status, headers)
    return ApiResponse(status, text, {"Content-Type": JSON_TYPE, **(headers or {})})


def bad_argument(message: str, detail: str | None = None) -> ApiError:
    return ApiError(400, message, error_type="System.ArgumentException", detail=detail)


def invalid_operation(message: str) -> ApiError:
    return ApiError(500, message, error_type="System.InvalidOperationException")


class Query(dict[str, str]):
    """A query string: names in lower case, names and values trimmed, values of a repeated name joined by commas.

    Its methods find a name in any case.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        for name, value in parse_qsl(text, keep_blank_values=True) if text else ():
            key = name.strip().lower()
            before = self.get(key)
            self[key] = value.strip() if before is None else f"{before},{value.strip()}"

    def text(self, name: str) -> str | None:
        return self.get(name.lower()) or None

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.get(name.lower(), "").lower()
        return value == "true" if value in {"true", "false"} else default

    def integer(self, name: str) -> int | None:
        """Return a 32-bit whole number; other text counts as absent."""
        value = self.text(name) or ""
        number = int(value) if re.fullmatch(r"[+-]?[0-9]{1,10}", value) else None
        return number if number is not None and abs(number) <= LARGEST_INTEGER else None

    def seconds(self, name: str) -> float | None:
        """Return a number of seconds, None if it is absent; raise ApiError for any other text."""
        value = self.get(name.lower())
        if not value:
            return None
        if not SECONDS.fullmatch(value):
            raise bad_argument(f"{name}={value[:SHOWN_CHARS]}: expected a number of seconds, such as 10 or 0.5.")
        return float(value)

    def moment(self, name: str) -> datetime | None:
        """Return a point in time, UTC if no zone is given, None if it is absent; raise ApiError for any other text.

        The Durable extension takes a time that it cannot read for absent: a list, or a purge, then covers everything.
        """
        value = self.text(name)
        if value is None:
            return None
        from dateutil.parser import parse  # noqa: PLC0415 - a host starts without it

        try:
            parsed = parse(value)
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        except (ValueError, OverflowError, TypeError, ArithmeticError, IndexError, AttributeError) as error:
            # dateutil documents the first two; text by chance finds the others too.
            expected = "expected a time from year 1 to 9999, such as 2026-01-31T12:00:00Z"
            raise bad_argument(f"{name}={value[:SHOWN_CHARS]}: {expected}.") from error

    def statuses(self, name: str) -> list[pb.OrchestrationStatus]:
        """Return runtime statuses by name (case counts) or number; unknown ones are dropped."""
        found: list[pb.OrchestrationStatus] = []
        for part in (self.text(name) or "").split(","):
            word = part.strip()
            if word in STATUS_VALUES:
                found.append(STATUS_VALUES[word])
            elif word.isascii() and word.isdigit() and int(word) in STATUS_NAMES:
                found.append(cast("pb.OrchestrationStatus", int(word)))
        return found
