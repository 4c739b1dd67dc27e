"""The whole message of a host that refused a request: the names that it lists help the user."""

from __future__ import annotations

from durable_harness.operations import HttpResponse, redact_keys
from durable_harness.wording.foreign_text import shown_lines

SERVER_ERROR = 500


def refusal_of(answer: HttpResponse) -> str:
    """Return the message of an answer in the durable HTTP API's shape; empty if it has none."""
    body = answer.json_object() or {}
    message, detail = (body.get(name) for name in ("Message", "ExceptionMessage"))
    if answer.is_success or answer.status >= SERVER_ERROR or not isinstance(message, str):
        return ""
    return shown_lines(redact_keys(detail if isinstance(detail, str) else message))
