"""The history of an instance as rows of a table, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.dashboard.failure_texts import ShownFailure, failures_of
from durable_harness.dashboard.texts import status_label
from durable_harness.protocol import to_ns, unwrap_text
from durable_harness.wording.lengths import NS_PER_S

PAGE_SIZE = 200
NO_REPEATS: Mapping[int, int] = {}
PAYLOAD_FIELDS = ("input", "result", "output", "reason", "data")
LABELS = {
    "executionStarted": "Started",
    "executionCompleted": "Ended",
    "executionTerminated": "Terminated",
    "executionSuspended": "Suspended",
    "executionResumed": "Resumed",
    "executionRewound": "Rewound",
    "taskScheduled": "Activity scheduled",
    "taskCompleted": "Activity completed",
    "taskFailed": "Activity failed",
    "timerCreated": "Timer created",
    "timerFired": "Timer fired",
    "subOrchestrationInstanceCreated": "Sub-orchestration started",
    "subOrchestrationInstanceCompleted": "Sub-orchestration completed",
    "subOrchestrationInstanceFailed": "Sub-orchestration failed",
    "eventRaised": "Event raised",
    "eventSent": "Event sent",
    "entityOperationCalled": "Entity called",
    "entityOperationSignaled": "Entity signalled",
    "entityOperationCompleted": "Entity answered",
    "entityOperationFailed": "Entity failed",
    "entityLockRequested": "Lock requested",
    "entityLockGranted": "Lock granted",
    "entityUnlockSent": "Lock released",
    "continueAsNew": "Continued as new",
    "genericEvent": "Note",
}


@dataclass(frozen=True)
class HistoryRow:
    """One event. `number` counts from 1; a row that is a turn has nothing else."""

    number: int
    time_ns: int
    label: str
    name: str = ""
    event_id: int = -1
    detail: str = ""
    payload: str | None = None
    payload_name: str = ""
    failure: ShownFailure | None = None
    instance_id: str = ""
    due_ns: int = 0
    """When a timer fires; 0 if it is not a timer."""
    repeats: int = 0
    """How often an activity was handed out again, as far as that is known."""
    turn: int = 0
    """The number of the turn that begins here, 0 if none does."""


def rows_of(
    events: Sequence[Any], first: int, size: int = PAGE_SIZE, repeats: Mapping[int, int] = NO_REPEATS
) -> list[HistoryRow]:
    """Return the rows of some events, counted from 1. `repeats` are those of activities, by their ids."""
    rows = _Rows(repeats)
    return [row for row in rows.all(events) if first <= row.number < first + size]


class _Rows:
    def __init__(self, repeats: Mapping[int, int]) -> None:
        self._repeats = repeats
        self._names: dict[int, str] = {}
        """The names of what was asked for, by the ids that outcomes refer to."""
        self._turns = 0

    def all(self, events: Sequence[Any]) -> Iterator[HistoryRow]:
        for number, event in enumerate(events, 1):
            yield self._row(number, event)

    def _row(self, number: int, event: Any) -> HistoryRow:
        kind, time_ns = event.WhichOneof("eventType"), to_ns(event.timestamp)
        if kind is None:
            return HistoryRow(number, time_ns, "Unknown event")
        if kind == "orchestratorStarted":
            self._turns += 1
            return HistoryRow(number, time_ns, "Turn", turn=self._turns)
        body = getattr(event, kind)
        payload_name, payload = payload_of(body)
        return HistoryRow(
            number,
            time_ns,
            LABELS.get(kind, kind),
            self._name(event, body),
            event.eventId,
            _detail(kind, body),
            payload,
            payload_name,
            next(failures_of(body.failureDetails)) if _has(body, "failureDetails") else None,
            body.instanceId if kind == "subOrchestrationInstanceCreated" else "",
            _due_ns(body.fireAt) if kind == "timerCreated" else 0,
            self._repeats.get(event.eventId, 0) if kind == "taskScheduled" else 0,
        )

    def _name(self, event: Any, body: Any) -> str:
        """Return the name of what an event is about; outcomes have that of what was asked for."""
        if hasattr(body, "taskScheduledId"):
            return self._names.get(body.taskScheduledId, "")
        name = str(getattr(body, "name", "") or getattr(body, "operation", ""))
        if event.eventId >= 0:
            self._names[event.eventId] = name
        return name


def _due_ns(stamp: Any) -> int:
    """Return the time that a timer was set for; `to_ns` would move what is later than a scheduler keeps times."""
    return int(stamp.seconds) * NS_PER_S + int(stamp.nanos)


def payload_of(body: Any) -> tuple[str, str | None]:
    """Return the payload of an event and the name of its field; None if it has none."""
    for name in PAYLOAD_FIELDS:
        if _is_text(body, name) and (text := unwrap_text(body, name)) is not None:
            return name, text
    return "", None


def _is_text(body: Any, name: str) -> bool:
    found = body.DESCRIPTOR.fields_by_name.get(name)
    return found is not None and found.message_type is not None and found.message_type.name == "StringValue"


def _has(body: Any, name: str) -> bool:
    return name in body.DESCRIPTOR.fields_by_name and bool(body.HasField(name))


def _detail(kind: str, body: Any) -> str:
    """Return further details of an event."""
    if kind == "executionCompleted":
        return status_label(body.orchestrationStatus)
    if kind == "entityOperationCalled":
        return str(body.targetInstanceId.value)
    if kind == "entityLockRequested":
        return ", ".join(body.lockSet)
    if hasattr(body, "targetInstanceId"):
        return str(body.targetInstanceId.value)
    return ""
