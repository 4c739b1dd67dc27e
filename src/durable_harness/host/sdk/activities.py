"""What both generations do to call an activity."""

from __future__ import annotations

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import TraceContext
from durable_harness.host.failure_log import log_failure
from durable_harness.host.failures import message_of
from durable_harness.protocol import pb


def find_activity(app: FunctionApp, name: str) -> Function:
    """Return an app's activity. Raises LookupError if it has none of this name."""
    function = app.activities.get(name.lower())
    if function is None:
        raise LookupError(app.unknown("activity", name))
    return function


def log_activity_failure(app: FunctionApp, request: pb.ActivityRequest, error: BaseException) -> None:
    """Log what an activity raised."""
    instance_id = request.orchestrationInstance.instanceId
    log_failure("Activity", request.name, error, app.activities.get(request.name.lower()), instance_id)


def trace_of_request(request: pb.ActivityRequest) -> TraceContext:
    """Return the trace context that an ActivityRequest carries."""
    return TraceContext(request.parentTraceContext.traceParent, request.parentTraceContext.traceState.value)


def not_serializable(function: Function, result: object, error: Exception) -> ValueError:
    """Return the error of an activity whose result is not JSON."""
    return ValueError(
        f"activity trigger output must be json serializable; '{function.durable_name}' returned"
        f" {type(result).__name__}: {message_of(error)}"
    )
