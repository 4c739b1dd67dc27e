"""Instances and histories as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from durable_harness.testing.waiting import moment_of, name_of
from durable_harness.testing.webhook import HistoryRow, Instance

COLUMNS = ("at", "took", "event", "name", "detail")
DETAIL_KEYS = ("Reason", "Result", "OrchestrationStatus", "FireAt", "Input")
MAX_DETAIL_CHARS = 60


def tree_lines(root: Instance, indent: str = "") -> Iterator[str]:
    """Give an instance and those below it, one a line."""
    output = root.status.get("output")
    told = f": {_short(output)}" if root.state == "Failed" else ""
    yield f"{indent}{root.status.get('name')} {root.instance_id} {root.state}{told}"
    for child in root.children:
        yield from tree_lines(child, f"{indent}  ")


def history_table(history: list[HistoryRow]) -> list[str]:
    """Return a history as a table: seconds since its first event, how long an outcome took, what it is, of what."""
    if not history:
        return ["(empty)"]
    begin = history[0].get("Timestamp")
    rows = [COLUMNS, *(_cells(row, begin) for row in history)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _cells(row: HistoryRow, begin: object) -> tuple[str, ...]:
    at, scheduled = row.get("Timestamp"), row.get("ScheduledTime")
    detail = next((_short(row[key]) for key in DETAIL_KEYS if row.get(key) not in (None, "")), "")
    return _seconds(begin, at), _seconds(scheduled, at), str(row.get("EventType")), name_of(row), detail


def _seconds(begin: object, end: object) -> str:
    first, last = moment_of(begin), moment_of(end)
    return f"{(last - first).total_seconds():.3f}" if first and last else ""


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    line = " ".join(text.split())
    return line if len(line) <= MAX_DETAIL_CHARS else f"{line[: MAX_DETAIL_CHARS - 1]}…"
