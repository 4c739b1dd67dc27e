"""The public API for tests of a Durable Functions app: assertions, and the types of the fixtures.

    from durable_harness.testing import assert_completed

    def test_greeting(operations):
        operation = operations.start("/api/greetings", {"name": "Ada"})
        assert_completed(operation, output="Hello, Ada!")

The fixtures and the options are in `durable_harness.pytest_plugin`.
"""

from durable_harness.testing.assertions import assert_called_once, assert_completed, assert_failed, assert_history
from durable_harness.testing.chat import ChatCall, ChatFake, ToolCall, ToolResult
from durable_harness.testing.durable_clock import DurableClock
from durable_harness.testing.fakes import DurableActivities, Fake, FakeCall, HttpAnswer
from durable_harness.testing.faults import DurableFaults, InjectedFault, Struck
from durable_harness.testing.measured_operation import OperationMeasurement
from durable_harness.testing.operations import Operations, StartedOperation, StuckOperationError
from durable_harness.testing.outside import DurableHttp, HttpCall, OutsideService
from durable_harness.testing.promised_events import EventResponse
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
    "HistoryRow",
    "HttpAnswer",
    "HttpCall",
    "InjectedFault",
    "InstanceStatus",
    "OperationMeasurement",
    "Operations",
    "OutsideService",
    "StartedOperation",
    "Struck",
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
