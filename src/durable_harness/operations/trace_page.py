"""The page of an instance at a host of this package: its path, and how it is read from an answer."""

from __future__ import annotations

from urllib.parse import quote

from durable_harness.operations.excerpts import redact_keys
from durable_harness.operations.http_messages import HttpResponse, NoResponse

TRACE_PATH = "/admin/durable-harness/trace"


def trace_path(instance_id: str) -> str:
    """Return the path at a host of an instance's page."""
    return f"{TRACE_PATH}?instance={quote(instance_id, safe='')}"


def page_in(answer: HttpResponse | NoResponse) -> str | None:
    """Return the page in an answer, without function keys; None if it is not one: another host may answer anything."""
    if not isinstance(answer, HttpResponse) or not answer.is_success or b"<main" not in answer.body:
        return None
    return redact_keys(answer.body.decode(errors="replace"))
