"""Instances and histories as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from durable_harness.terminal.tables import aligned
from durable_harness.testing.reports.waiting_report import moment_of, name_of
from durable_harness.testing.webhook_client import HistoryRow, Instance
from durable_harness.wording.foreign_text import middle_cut

TRACE = "\n Traceback (most recent call last):"
"""What SDK 1.x adds to a message."""
COLUMNS = ("at", "took", "event", "name", "detail")
DETAIL_KEYS = ("Reason", "Result", "OrchestrationStatus", "FireAt", "Input")
MAX_DETAIL_CHARS = 160
"""Of data, whose middle is left out."""
MAX_REASON_CHARS = 2_000


def tree_lines(root: Instance, indent: str = "") -> Iterator[str]:
    """Yield a line for an instance and for each one below it."""
    output = str(root.status.get("output") or "")
    reason = f": {_line(output.partition(TRACE)[0], MAX_REASON_CHARS)}" if root.state == "Failed" else ""
    yield f"{indent}{root.status.get('name')} {root.instance_id} {root.state}{reason}"
    for child in root.children:
        yield from tree_lines(child, f"{indent}  ")


def history_table(history: list[HistoryRow]) -> list[str]:
    """Return a history as a table: seconds since its first event, how long an outcome took, what it is, of what."""
    if not history:
        return ["(empty)"]
    begin = history[0].get("Timestamp")
    return aligned([COLUMNS, *(_cells(row, begin) for row in history)])


def _cells(row: HistoryRow, begin: object) -> tuple[str, ...]:
    at, scheduled = row.get("Timestamp"), row.get("ScheduledTime")
    detail = next((_detail(key, row[key]) for key in DETAIL_KEYS if row.get(key) not in (None, "")), "")
    return _seconds(begin, at), _seconds(scheduled, at), str(row.get("EventType")), name_of(row), detail


def _seconds(begin: object, end: object) -> str:
    first, last = moment_of(begin), moment_of(end)
    return f"{(last - first).total_seconds():.3f}" if first and last else ""


def _detail(key: str, value: object) -> str:
    if key == "Reason":
        return _line(str(value).partition(TRACE)[0], MAX_REASON_CHARS)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return _line(text, MAX_DETAIL_CHARS)


def _line(text: str, most_chars: int) -> str:
    return middle_cut(" ".join(text.split()), most_chars)
