"""The public API for tests of a Durable Functions app: assertions, and the types of the fixtures.

    from durable_harness.testing import assert_completed

    def test_greeting(operations):
        operation = operations.start("/api/greetings", {"name": "Ada"})
        assert_completed(operation, output="Hello, Ada!")

The fixtures and the options are in `durable_harness.pytest_plugin`.
"""

import warnings

from durable_harness.testing.assertions import assert_called_once, assert_completed, assert_failed, assert_history
from durable_harness.testing.chat import ChatCall, ChatFake, ToolCall, ToolResult
from durable_harness.testing.durable_clock import DurableClock
from durable_harness.testing.fakes import DurableActivities, Fake, FakeCall, HttpAnswer
from durable_harness.testing.faults import DurableFaults, FaultHit, InjectedFault
from durable_harness.testing.measured_operation import OperationMeasurement
from durable_harness.testing.operations import Operations
from durable_harness.testing.outside import DurableHttp, HttpCall, OutsideService
from durable_harness.testing.promised_events import EventResponse
from durable_harness.testing.started_operation import StartedOperation, StuckOperationError
from durable_harness.testing.triggering import TriggeredFunction, WrittenOutput
from durable_harness.testing.webhook_client import HistoryRow, InstanceStatus

__all__ = [
    "ChatCall",
    "ChatFake",
    "DurableActivities",
    "DurableClock",
    "DurableFaults",
    "DurableHttp",
    "EventResponse",
    "Fake",
    "FakeCall",
    "FaultHit",
    "HistoryRow",
    "HttpAnswer",
    "HttpCall",
    "InjectedFault",
    "InstanceStatus",
    "OperationMeasurement",
    "Operations",
    "OutsideService",
    "StartedOperation",
    "StuckOperationError",
    "ToolCall",
    "ToolResult",
    "TriggeredFunction",
    "WrittenOutput",
    "assert_called_once",
    "assert_completed",
    "assert_failed",
    "assert_history",
]


def __getattr__(name: str) -> type:
    if name != "Struck":  # tests of users import it; it stays for one release
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = "durable_harness.testing.Struck is now FaultHit; the former name goes with a later release"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return FaultHit
