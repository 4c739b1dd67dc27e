"""What a call of the durable HTTP API asks for beside its input, checked before anything is started."""

from __future__ import annotations

import re

from durable_harness.host.durable_http.messages import ApiError, ApiRequest, bad_argument
from durable_harness.protocol import pb

MAX_INSTANCE_ID_CHARS = 256
FORBIDDEN_IN_ID = re.compile(r"[/\\?#\x00-\x1f\x7f-\x9f]")
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")


def check_instance_id(instance_id: str) -> None:
    """Refuse ids that the Durable extension refuses: 1 to 256 characters, no leading @, no / \\ ? # or control.

    Beyond that `.` and `..`: every client takes them out of a URL, so no management URL would lead to them.
    """
    if instance_id in {".", ".."}:
        raise bad_argument("Instance IDs must not be '.' or '..', which no URL can name.")
    if instance_id.startswith("@"):
        raise bad_argument("Orchestration instance ids must not start with @.")
    if len(instance_id) > MAX_INSTANCE_ID_CHARS:
        raise bad_argument(f"Instance ID lengths must not exceed {MAX_INSTANCE_ID_CHARS} characters.")
    if FORBIDDEN_IN_ID.search(instance_id):
        raise bad_argument("Instance IDs must not contain '/', '\\', '#', '?', or control characters.")


def has_moment(request: ApiRequest, name: str) -> bool:
    try:
        return request.query.moment(name) is not None
    except ApiError:
        return False


def read_wait_s(request: ApiRequest) -> float | None:
    """Return how long a start waits for the end, None if it does not; raise ApiError before anything is started.

    The Durable extension compares the two after the start: the caller of a refused start then has an instance.
    """
    timeout_s, interval_s = request.query.seconds("timeout"), request.query.seconds("pollingInterval")
    if timeout_s is None or interval_s is None:
        return None
    if interval_s > timeout_s:
        raise bad_argument(f"Total timeout {timeout_s:g} should be bigger than retry timeout {interval_s:g}")
    return timeout_s


def set_trace(start: pb.CreateInstanceRequest, request: ApiRequest) -> None:
    """Hand the caller's trace on. The headers are those of W3C Trace Context; others are refused.

    A function's own client hands on whatever the function was called with: there they count as absent instead, as W3C
    has it for whoever is not the first to read them.
    """
    parent, state = request.headers.get("traceparent", ""), request.headers.get("tracestate", "")
    if TRACE_PARENT.fullmatch(parent) and state.isascii() and (state.isprintable() or not state):
        start.parentTraceContext.traceParent = parent
        if state:
            start.parentTraceContext.traceState.value = state
    elif parent and not request.is_local:
        raise bad_argument("The headers traceparent and tracestate must be those of W3C Trace Context.")
