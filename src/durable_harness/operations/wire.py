"""Read what a server that follows the pattern answers: where to poll, how an operation stands.

Two shapes of status are understood, since both name things alike: the durable webhook's (`statusQueryGetUri`) and that
of an app's own `status/{instanceId}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urljoin

ACCEPTED = 202
NOT_FOUND = 404
RETRIED_STATUSES = frozenset({408, 425, 429})
SERVER_ERROR = 500

SUCCEEDED = "Completed"
TERMINAL_STATES = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
NOT_BEGUN = "Pending"
EXCERPT_CHARS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any] | None:
        """Return the body if it is a JSON object, else None."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request got no HTTP answer; `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A start that was accepted: whom to follow, and where."""

    instance_id: str | None
    status_url: str
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """How an operation stands. Times are seconds since the epoch, None if the server does not tell them."""

    runtime_status: str
    output: Any
    created_epoch_s: float | None
    updated_epoch_s: float | None
    update_is_coarse: bool
    running_epoch_s: float | None = None
    """When the work itself began, if the output tells it."""

    @property
    def is_terminal(self) -> bool:
        return self.runtime_status in TERMINAL_STATES


class UnreadableAnswerError(Exception):
    """Raised when an answer is not one that the pattern allows; the message says what it was."""


def read_accepted(answer: Answer, start_url: str, status_template: str | None = None) -> Accepted:
    """Read the answer to a start.

    `status_template` is the URL of the app's own status route with `{instance_id}` in it; without it the server's
    `statusQueryGetUri`, or else `Location`, is followed. Raises UnreadableAnswerError if the start was not accepted, or
    says neither of them.
    """
    if answer.status != ACCEPTED:
        raise UnreadableAnswerError(f"{answer.status} {excerpt(answer.body)}".strip())
    body = answer.json_object() or {}
    instance_id = body.get("id") if isinstance(body.get("id"), str) else None
    return Accepted(
        instance_id=instance_id,
        status_url=_status_url(body, answer.headers, start_url, instance_id, status_template),
        retry_after_s=read_retry_after_s(answer.headers),
    )


def _status_url(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    start_url: str,
    instance_id: str | None,
    status_template: str | None,
) -> str:
    if status_template is not None:
        if instance_id is None:
            raise UnreadableAnswerError("202 without an id, which the app's status route needs")
        return status_template.replace("{instance_id}", quote(instance_id, safe=""))
    told = body.get("statusQueryGetUri") or headers.get("location")
    if not isinstance(told, str):
        raise UnreadableAnswerError("202 without statusQueryGetUri or Location")
    return urljoin(start_url, told)


def read_status(answer: Answer) -> Status:
    """Read the answer to a poll, or raise UnreadableAnswerError if it does not tell a runtimeStatus."""
    body = answer.json_object()
    runtime_status = body.get("runtimeStatus") if body else None
    if body is None or not isinstance(runtime_status, str):
        raise UnreadableAnswerError(f"{answer.status} {excerpt(answer.body)}".strip())
    updated_epoch_s, is_coarse = _finished_at(body)
    return Status(
        runtime_status=runtime_status,
        output=body.get("output"),
        created_epoch_s=read_epoch_s(body.get("createdTime")),
        updated_epoch_s=updated_epoch_s,
        update_is_coarse=is_coarse,
        running_epoch_s=_told_by_output(body, "startedAt"),
    )


def _finished_at(body: Mapping[str, Any]) -> tuple[float | None, bool]:
    """Find the finest time of the last update: the durable webhook tells whole seconds, the sample's output finer."""
    updated = body.get("lastUpdatedTime")
    if isinstance(updated, str) and "." in updated:
        return read_epoch_s(updated), False
    finished = _told_by_output(body, "finishedAt")
    if finished is not None:
        return finished, False
    coarse = read_epoch_s(updated)
    return coarse, coarse is not None


def _told_by_output(body: Mapping[str, Any], key: str) -> float | None:
    """Read a time that the sample app's output carries, in microseconds; None for other apps."""
    output = body.get("output")
    return read_epoch_s(output.get(key)) if isinstance(output, dict) else None


def read_epoch_s(text: object) -> float | None:
    """Turn an ISO 8601 time with a zone into seconds since the epoch; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def read_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After as seconds from now, given as a number or as an HTTP date beside a Date; None if unusable."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError):
        return None


def excerpt(body: bytes) -> str:
    """Return the beginning of a body on one line, without the function keys that a URL in it may carry."""
    text = " ".join(body[: 4 * EXCERPT_CHARS].decode("utf-8", "replace").split())
    text = redact_keys(text)
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def redact_keys(text: str) -> str:
    """Blank the `code` parameter of every URL in a text."""
    return re.sub(r"([?&]code=)[^&\s\"'#]+", r"\1…", text)
