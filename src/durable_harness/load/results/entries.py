"""Show operations in Locust's own tables and web UI, beside its rows for the raw requests.

    OP     start                 sending the POST until the 202
    OP     poll                  one poll
    OP     completion            sending the POST until the terminal status was seen
    OP     terminated            the same for an operation that the scenario ended before its time
    OP     finish                the intended start until the server had ended the operation
    OP     detection lag         from then until the terminal status was seen
    COUNT  polls per operation   a number of polls: where Locust says milliseconds, read polls
    COUNT  actions per operation, replayed events per operation, payload bytes per operation: likewise

A row is only there where its figure is known: a service that gives whole seconds has no finish and no detection lag.
Locust rounds these figures; the summary and the gates have their own histograms.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Any

from locust.stats import StatsEntry, bucket_response_time

from durable_harness.load.http import Exchange
from durable_harness.operations import Answer, OperationRecord, OperationState

OPERATION, COUNT = "OP", "COUNT"
START_STATES = (OperationState.REFUSED, OperationState.UNREACHABLE)
FLUSH_S = 0.5
"""How often Locust's statistics hear of what went well. Locust shows them every second or two."""
MOST_ROWS, MOST_ERRORS = 500, 500
"""Rows of the table, and errors listed below it, that a service can bring about by its URLs and words. Those beyond
are counted together."""
OTHER_ROW, OTHER_ERROR = "(other routes)", "(other errors)"
OWN_LISTENERS = 1
"""Locust's runner listens to its request event itself."""


class OperationError(Exception):
    """Why an operation or a poll failed, as Locust lists it."""


class LocustEntries:
    """Adds everything that happens to operations to Locust's statistics.

    An event for every poll would cost more than the poll: what went well is added up and handed over together, unless
    somebody else listens to Locust's request event and wants to hear of each.
    """

    def __init__(self, environment: Any) -> None:
        self._stats = environment.stats
        self._request_event = environment.events.request
        self._pending: defaultdict[tuple[str, str], _Pending] = defaultdict(_Pending)
        self._rows, self._errors = Few(MOST_ROWS, OTHER_ROW), Few(MOST_ERRORS, OTHER_ERROR)

    def started(self, record: OperationRecord) -> None:
        """Nothing to show yet."""

    def accepted(self, record: OperationRecord) -> None:
        self._add(OPERATION, "start", record.start_ms or 0.0, record.bytes_received)

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:  # noqa: ARG002 - a Watcher
        self._add(OPERATION, "poll", poll_ms, error=problem)

    def requested(self, method: str, route: str, exchange: Exchange, problem: str | None) -> None:
        result = exchange.result
        length = len(result.body) if isinstance(result, Answer) else 0
        self._add(method, self._rows.of(route), exchange.elapsed_ms, length, problem)

    def ended(self, record: OperationRecord) -> None:
        if record.state is OperationState.TERMINATED:
            self._add(OPERATION, "terminated", record.elapsed_ms or 0.0, record.bytes_received)
            return
        name = "start" if record.state in START_STATES else "completion"
        elapsed_ms = record.completion_ms if record.seen is not None else record.elapsed_ms
        self._add(OPERATION, name, elapsed_ms or 0.0, record.bytes_received, record.error)
        if record.seen is None:
            return
        self._add(COUNT, "polls per operation", record.polls)
        for row, value_ms in (("finish", record.finish_ms), ("detection lag", record.detection_lag_ms)):
            if value_ms is not None:
                # Locust's statistics cannot take a time below zero, which differing clocks produce; ours keep it.
                self._add(OPERATION, row, max(value_ms, 0.0))
        actions = None if record.actions is None else sum(record.actions.values())
        for cost, count in (
            ("actions", actions),
            ("replayed events", record.replayed_events),
            ("payload bytes", record.payload_bytes),
        ):
            if count is not None:
                self._add(COUNT, f"{cost} per operation", count)

    def flush(self) -> None:
        """Hand over what was added up."""
        pending, self._pending = self._pending, defaultdict(_Pending)
        now = time.time()
        for (kind, name), values in pending.items():
            entry = values.to_entry(self._stats, name, kind, now)
            self._stats.entries[name, kind].extend(entry)
            if kind != COUNT:
                # The total is of milliseconds; Locust itself, where somebody listens to each request, adds counts too.
                self._stats.total.extend(entry)

    def _add(self, kind: str, name: str, value: float, length: int = 0, error: str | None = None) -> None:
        if error is None and len(self._request_event._handlers) <= OWN_LISTENERS:  # noqa: SLF001 - nothing public tells
            pending = self._pending[kind, name]
            pending.values.append(value)
            pending.length += length
            return
        self._request_event.fire(
            request_type=kind,
            name=name,
            response_time=value,
            response_length=length,
            exception=None if error is None else OperationError(self._errors.of(error)),
            context={},
        )


class Few:
    """The first names of so many; any further one is called otherwise."""

    def __init__(self, most: int, other: str) -> None:
        self._most, self._other = most, other
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        if name not in self._known and len(self._known) < self._most:
            self._known.add(name)
        return name if name in self._known else self._other


class _Pending:
    """Values of one row since the last flush."""

    __slots__ = ("length", "values")

    def __init__(self) -> None:
        self.values: list[float] = []
        self.length = 0

    def to_entry(self, stats: Any, name: str, kind: str, now: float) -> Any:
        """Return what Locust would have counted had it been told one by one."""
        entry = StatsEntry(stats, name, kind)
        entry.num_requests = len(self.values)
        entry.total_response_time = sum(self.values)
        entry.min_response_time, entry.max_response_time = min(self.values), max(self.values)
        entry.total_content_length = self.length
        entry.response_times = Counter(map(bucket_response_time, self.values))
        entry.num_reqs_per_sec = {int(now): len(self.values)}
        entry.last_request_timestamp = now
        return entry
