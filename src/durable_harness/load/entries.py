"""Show operations in Locust's own tables and web UI, beside its rows for the raw requests.

    OP     start                 sending the POST until the 202
    OP     poll                  one poll
    OP     completion            sending the POST until the terminal status was seen
    OP     detection lag         the server's last update until the terminal status was seen
    COUNT  polls per operation   a number of polls: where Locust says milliseconds, read polls

Locust rounds these figures; the summary and the gates have their own histograms.
"""

from __future__ import annotations

from typing import Any

from durable_harness.operations import OperationRecord, OperationState

OPERATION, COUNT = "OP", "COUNT"
START_STATES = (OperationState.REFUSED, OperationState.UNREACHABLE)


class OperationError(Exception):
    """Why an operation or a poll failed, as Locust lists it."""


class LocustEntries:
    """Fires Locust's request event for everything that happens to operations."""

    def __init__(self, request_event: Any) -> None:
        self._request_event = request_event

    def started(self, record: OperationRecord) -> None:
        """Nothing to show yet."""

    def accepted(self, record: OperationRecord) -> None:
        self._fire(OPERATION, "start", record.start_ms or 0.0, record.bytes_received)

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:  # noqa: ARG002 - a Watcher
        self._fire(OPERATION, "poll", poll_ms, error=problem)

    def ended(self, record: OperationRecord) -> None:
        name = "start" if record.state in START_STATES else "completion"
        elapsed_ms = record.completion_ms if record.seen is not None else record.elapsed_ms
        self._fire(OPERATION, name, elapsed_ms or 0.0, record.bytes_received, record.error)
        if record.seen is None:
            return
        self._fire(COUNT, "polls per operation", record.polls)
        if record.detection_lag_ms is not None:
            # Locust's statistics cannot take a time below zero, which differing clocks produce; ours keep it.
            self._fire(OPERATION, "detection lag", max(record.detection_lag_ms, 0.0))

    def _fire(self, kind: str, name: str, value: float, length: int = 0, error: str | None = None) -> None:
        self._request_event.fire(
            request_type=kind,
            name=name,
            response_time=value,
            response_length=length,
            exception=None if error is None else OperationError(error),
            context={},
        )
