"""What a refusal of a scheduler is in HTTP."""

from __future__ import annotations

from durable_harness.dashboard.visit import PageError
from durable_harness.protocol import RpcError, RpcStatus

STATUS_CODES = {
    RpcStatus.INVALID_ARGUMENT: 400,
    RpcStatus.NOT_FOUND: 404,
    RpcStatus.ALREADY_EXISTS: 409,
    RpcStatus.FAILED_PRECONDITION: 409,
    RpcStatus.UNIMPLEMENTED: 501,
    RpcStatus.RESOURCE_EXHAUSTED: 503,
    RpcStatus.UNAVAILABLE: 503,
    RpcStatus.DEADLINE_EXCEEDED: 504,
}
GONE = frozenset({RpcStatus.UNAVAILABLE, RpcStatus.DEADLINE_EXCEEDED})


def status_of(error: PageError | RpcError) -> int:
    """Return the status of HTTP of an answer that refuses."""
    return error.status if isinstance(error, PageError) else STATUS_CODES.get(error.status, 502)


def is_gone(error: Exception) -> bool:
    """Return whether a scheduler does not answer, so that what became of an act is not known."""
    return isinstance(error, RpcError) and error.status in GONE
