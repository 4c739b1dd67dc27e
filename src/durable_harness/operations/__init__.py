"""The client side of the Async HTTP API pattern: start, poll, end. It knows what HTTP means, but opens no socket."""

from durable_harness.operations.adaptive import AdaptivePolling
from durable_harness.operations.checks import OutputCheck, accept_any_output, check_echo
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
from durable_harness.operations.measurement import Measurement
from durable_harness.operations.messages import Answer, NoAnswer, Request, key_headers
from durable_harness.operations.operation import Operation, OperationPlan
from durable_harness.operations.polling import ExponentialPolling, FixedPolling, PollStrategy, ServerDirectedPolling
from durable_harness.operations.record import OperationPhase, OperationRecord, OperationState, Workload
from durable_harness.operations.service_file import load_service
from durable_harness.operations.strategies import STRATEGIES, poll_strategy

__all__ = [
    "STRATEGIES",
    "AdaptivePolling",
    "Answer",
    "EventDescription",
    "ExponentialPolling",
    "FixedPolling",
    "Measurement",
    "NoAnswer",
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
