"""The client side of the Async HTTP API pattern: start, poll, end. It knows what HTTP means, but opens no socket."""

import warnings

from durable_harness.operations.adaptive import AdaptivePolling
from durable_harness.operations.description import (
    EventDescription,
    ServiceDescription,
    StartDescription,
    StatusDescription,
    TerminateDescription,
    UrlKind,
    UrlSource,
    durable_status_route,
    durable_webhooks,
)
from durable_harness.operations.excerpts import redact_keys
from durable_harness.operations.http_messages import HttpResponse, NoResponse, Request, key_headers
from durable_harness.operations.measurement import HostMeasurement
from durable_harness.operations.operation import Operation
from durable_harness.operations.operation_plan import OperationPlan
from durable_harness.operations.operation_record import OperationPhase, OperationRecord, OperationState, Workload
from durable_harness.operations.output_checks import OutputCheck, accept_any_output, check_echo
from durable_harness.operations.polling import ExponentialPolling, FixedPolling, PollStrategy, ServerDirectedPolling
from durable_harness.operations.service_file import load_service
from durable_harness.operations.strategies import STRATEGIES, poll_strategy

__all__ = [
    "STRATEGIES",
    "AdaptivePolling",
    "EventDescription",
    "ExponentialPolling",
    "FixedPolling",
    "HostMeasurement",
    "HttpResponse",
    "NoResponse",
    "Operation",
    "OperationPhase",
    "OperationPlan",
    "OperationRecord",
    "OperationState",
    "OutputCheck",
    "PollStrategy",
    "Request",
    "ServerDirectedPolling",
    "ServiceDescription",
    "StartDescription",
    "StatusDescription",
    "TerminateDescription",
    "UrlKind",
    "UrlSource",
    "Workload",
    "accept_any_output",
    "check_echo",
    "durable_status_route",
    "durable_webhooks",
    "key_headers",
    "load_service",
    "poll_strategy",
    "redact_keys",
]

_FORMER_NAMES = {"Answer": HttpResponse, "NoAnswer": NoResponse, "Measurement": HostMeasurement}
"""Scenarios and tests of users import them. They stay for one release."""


def __getattr__(name: str) -> type:
    if name not in _FORMER_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    renamed = _FORMER_NAMES[name]
    message = f"durable_harness.operations.{name} is now {renamed.__name__}; the former name goes with a later release"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return renamed
