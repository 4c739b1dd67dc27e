"""Assertions on operations: each waits until it can be decided, and explains what it found instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.foreign_text import middle_cut
from durable_harness.json_places import first_place, shown
from durable_harness.testing.operations import StartedOperation
from durable_harness.testing.requesting import NOTHING
from durable_harness.testing.tables import TRACE
from durable_harness.testing.waiting import name_of
from durable_harness.testing.webhook import HistoryRow

MOST_CHARS = 100
"""Of a value in the first line of a report; the lines below have all of it."""
CALL_EVENTS = frozenset({"TaskScheduled", "TaskCompleted", "TaskFailed"})


def assert_completed(operation: StartedOperation, output: Any = NOTHING, *, timeout_s: float | None = None) -> Any:
    """Wait for the end; fail unless it completed, with this output if one is given. Returns the output."""
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
    """Wait for the end; fail unless it failed, with a reason in which the pattern is found. Returns the reason."""
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
    """Wait for the end; fail unless the operation and its sub-orchestrations scheduled this activity exactly once."""
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
    """Wait for the end; fail unless its history has exactly these events in this order.

    Each is an event type, such as "TimerFired", or a type and a name, such as "TaskCompleted say_hello". Outcomes stand
    for what they are the outcome of: a call that has returned is one TaskCompleted, without its TaskScheduled.
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
