"""The twins of the assertions for tests that are coroutines."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.testing import assertions
from durable_harness.testing.aio.async_started_operation import AsyncStartedOperation
from durable_harness.testing.blocking_calls import in_thread
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.started_operation import StartedOperation


def _sync(operation: object) -> StartedOperation:
    """Return the operation behind an async one. Raises UsageError for any other object."""
    __tracebackhide__ = True
    if isinstance(operation, AsyncStartedOperation):
        return operation.sync
    if inspect.iscoroutine(operation):
        operation.close()
    raise UsageError(
        f"This assertion is for an AsyncStartedOperation, got {type(operation).__name__}. Await a start first; of"
        " an operation of the fixture operations, call the assertion of the same name in durable_harness.testing."
    )


async def assert_completed(
    operation: AsyncStartedOperation, output: Any = NOTHING, *, timeout_s: float | None = None
) -> Any:
    """Wait for the end of an operation and assert that it completed, with the expected output if one is given.

        await assert_completed(await operations.start("/api/orders", {"id": 7}), output={"state": "paid"})

    Args:
        operation: the operation.
        output: the expected output, as a JSON value; by default any output passes.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Returns:
        The output of the operation.

    Raises:
        AssertionError: it did not complete, or has another output. The message explains why.
        StuckOperationError: it has not ended in time.
    """
    return await in_thread(assertions.assert_completed, _sync(operation), output, timeout_s=timeout_s)


async def assert_failed(operation: AsyncStartedOperation, match: str = "", *, timeout_s: float | None = None) -> str:
    """Wait for the end of an operation and assert that it failed.

        await assert_failed(await operations.start("/api/orders", {"id": 7}), match="the card is stolen")

    Args:
        operation: the operation.
        match: a regular expression that must be found in the reason of the failure.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Returns:
        The reason of the failure, which is the output of the operation.

    Raises:
        AssertionError: it did not fail, or failed for another reason.
        StuckOperationError: it has not ended in time.
        UsageError: `match` is not a regular expression.
    """
    return await in_thread(assertions.assert_failed, _sync(operation), match, timeout_s=timeout_s)


async def assert_called_once(
    operation: AsyncStartedOperation, activity: str, *, timeout_s: float | None = None
) -> None:
    """Wait for the end of an operation and assert that it scheduled an activity exactly once.

        await assert_called_once(operation, "charge_card")

    The activities of its sub-orchestrations count too.

    Args:
        operation: the operation.
        activity: the name of the activity.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Raises:
        AssertionError: the activity was not scheduled, or more than once.
        StuckOperationError: the operation has not ended in time.
    """
    await in_thread(assertions.assert_called_once, _sync(operation), activity, timeout_s=timeout_s)


async def assert_history(
    operation: AsyncStartedOperation, expected: Sequence[str], *, timeout_s: float | None = None
) -> None:
    """Wait for the end of an operation and assert that its history has exactly these events, in this order.

        await assert_history(operation, ["ExecutionStarted", "TaskCompleted say_hello", "ExecutionCompleted"])

    A call has one event, which is its outcome. An activity that has returned is one `TaskCompleted`, without its
    `TaskScheduled`.

    Args:
        operation: the operation.
        expected: event types, such as "TimerFired", or types with a name, such as "TaskCompleted say_hello".
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Raises:
        AssertionError: the history has other events. The message shows the first difference.
        StuckOperationError: the operation has not ended in time.
        UsageError: `expected` is a text, not a list.
    """
    await in_thread(assertions.assert_history, _sync(operation), expected, timeout_s=timeout_s)
