"""Assertions on operations: each waits until it can be decided, and explains what it found instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.testing.reports.instance_tables import TRACE
from durable_harness.testing.reports.waiting_report import name_of
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.started_operation import StartedOperation
from durable_harness.testing.webhook_client import HistoryRow
from durable_harness.wording.foreign_text import middle_cut
from durable_harness.wording.json_places import first_place, shown

MOST_CHARS = 100
"""Of a value in the first line of a report; the lines below have all of it."""
CALL_EVENTS = frozenset({"TaskScheduled", "TaskCompleted", "TaskFailed"})


def assert_completed(operation: StartedOperation, output: Any = NOTHING, *, timeout_s: float | None = None) -> Any:
    """Wait for the end of an operation and assert that it completed, with the expected output if one is given.

        assert_completed(operations.start("/api/orders", {"id": 7}), output={"state": "paid"})

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
    __tracebackhide__ = True
    _check_is_sync(operation)
    status = operation.wait(timeout_s)
    found = status.get("output")
    if status["runtimeStatus"] != "Completed":
        raise AssertionError(operation.explain("was expected to complete", (f"output: {_output(found)}",)))
    if output is not NOTHING and found != output:
        where, wanted, got = first_place(output, found, "output")
        details = (f"expected {where}: {wanted}", f"got      {where}: {got}")
        first = f"{where} is {middle_cut(got, MOST_CHARS)}, expected {middle_cut(wanted, MOST_CHARS)}"
        raise AssertionError(operation.explain("completed with another output", details, first))
    return found


def assert_failed(operation: StartedOperation, match: str = "", *, timeout_s: float | None = None) -> str:
    """Wait for the end of an operation and assert that it failed.

        assert_failed(operations.start("/api/orders", {"id": 7}), match="the card is stolen")

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
    __tracebackhide__ = True
    _check_is_sync(operation)
    try:
        re.compile(match)
    except re.error as error:
        raise UsageError(f"assert_failed: match is {match!r}, no regular expression: {error}. Try re.escape.") from None
    status = operation.wait(timeout_s)
    output = status.get("output")
    reason = output if isinstance(output, str) else shown(output)
    if status["runtimeStatus"] != "Failed":
        raise AssertionError(operation.explain("was expected to fail", (f"output: {reason}",)))
    if not re.search(match, reason):
        details = (f"expected a match of: {match}", f"got: {reason}")
        raise AssertionError(operation.explain("failed for another reason", details))
    return reason


def assert_called_once(operation: StartedOperation, activity: str, *, timeout_s: float | None = None) -> None:
    """Wait for the end of an operation and assert that it scheduled an activity exactly once.

        assert_called_once(operation, "charge_card")

    The activities of its sub-orchestrations count too.

    Args:
        operation: the operation.
        activity: the name of the activity.
        timeout_s: how long to wait, in seconds; by default the limit of the fixture.

    Raises:
        AssertionError: the activity was not scheduled, or more than once.
        StuckOperationError: the operation has not ended in time.
    """
    __tracebackhide__ = True
    _check_is_sync(operation)
    operation.wait(timeout_s)
    tree = operation.tree()
    rows = [row for instance in tree.walk() for row in instance.history] if tree else []
    calls = [name_of(row) for row in rows if row.get("EventType") in CALL_EVENTS]
    if calls.count(activity) != 1:
        others = ", ".join(sorted(set(calls) - {activity})) or "none"
        problem = f"called activity {activity} {calls.count(activity)} times, expected once"
        raise AssertionError(operation.explain(problem, (f"other activities called: {others}",)))


def assert_history(operation: StartedOperation, expected: Sequence[str], *, timeout_s: float | None = None) -> None:
    """Wait for the end of an operation and assert that its history has exactly these events, in this order.

        assert_history(operation, ["ExecutionStarted", "TaskCompleted say_hello", "ExecutionCompleted"])

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
    __tracebackhide__ = True
    _check_is_sync(operation)
    if isinstance(expected, str):
        raise UsageError(f"assert_history: got the text {expected!r}; expected a list of events.")
    operation.wait(timeout_s)
    history = operation.history()
    for number in range(max(len(expected), len(history))):
        wanted = expected[number] if number < len(expected) else "the end"
        found = _described(history[number]) if number < len(history) else "the end"
        if found != wanted and found.split(" ")[0] != wanted:
            details = (f"expected: {wanted}", f"got:      {found}")
            raise AssertionError(operation.explain(f"has another history from event {number + 1} on", details))


def _check_is_sync(operation: object) -> None:
    __tracebackhide__ = True
    if not isinstance(operation, StartedOperation):
        raise UsageError(
            f"This assertion is for a StartedOperation, got {type(operation).__name__}. Of an async operation, await"
            " the assertion of the same name in durable_harness.testing.aio; a start needs an await, too."
        )


def _output(output: Any) -> str:
    """Return an output as text; of a failure what came before the stack trace, which has a place of its own."""
    return output.partition(TRACE)[0] if isinstance(output, str) and TRACE in output else shown(output)


def _described(row: HistoryRow) -> str:
    return f"{row.get('EventType')} {name_of(row)}".rstrip()
