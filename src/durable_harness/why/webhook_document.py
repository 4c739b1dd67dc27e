"""The document of an instance of any other service: what its durable HTTP API reports. The rest is not known.

Its histories leave out turns, ids and the moments of dispatch; the end of an activity stands for its start too, with
the time at which it was scheduled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from durable_harness.operations.wire import read_epoch_s

KINDS = {
    "TaskCompleted": ("taskScheduled", "taskCompleted", "taskScheduledId"),
    "TaskFailed": ("taskScheduled", "taskFailed", "taskScheduledId"),
    "TimerFired": ("timerCreated", "timerFired", "timerId"),
    "SubOrchestrationInstanceCompleted": (
        "subOrchestrationInstanceCreated",
        "subOrchestrationInstanceCompleted",
        "taskScheduledId",
    ),
    "SubOrchestrationInstanceFailed": (
        "subOrchestrationInstanceCreated",
        "subOrchestrationInstanceFailed",
        "taskScheduledId",
    ),
}
ASKING = {
    "TaskScheduled": "taskScheduled",
    "TimerCreated": "timerCreated",
    "SubOrchestrationInstanceCreated": "subOrchestrationInstanceCreated",
}
GIVEN = {
    "EventRaised": "eventRaised",
    "ExecutionSuspended": "executionSuspended",
    "ExecutionResumed": "executionResumed",
    "ExecutionTerminated": "executionTerminated",
}
"""The kinds of rows that stand for one event."""


def document_of(instance_id: str, status: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document of an instance from its status and the rows of its history.

    Moments are those of the service's clock alone. `nowNs` is null: the present by that clock is not known.
    """
    state = str(status.get("runtimeStatus", "")).upper()
    created_ns = _ns(status.get("createdTime")) or 0
    events = list(_events(rows, created_ns))
    first_ns = min((event["timeNs"] for event in events), default=created_ns)
    return {
        "instanceId": instance_id,
        "orchestrator": str(status.get("name", "")),
        "status": state,
        "createdNs": max(created_ns, first_ns) if events else created_ns,
        "endedNs": _end(rows, status),
        "nowNs": None,
        "isTimed": created_ns > 0,
        "events": events,
        "came": [],
        "work": [],
        "entities": {},
        "children": [],
    }


def _end(rows: Sequence[Mapping[str, Any]], status: Mapping[str, Any]) -> int | None:
    ends = (_ns(row.get("Timestamp")) for row in rows if row.get("EventType") == "ExecutionCompleted")
    return next(ends, None) or _ns(status.get("lastUpdatedTime"))


def _events(rows: Sequence[Mapping[str, Any]], created_ns: int) -> Iterator[dict[str, Any]]:
    """Yield events turn by turn: each row that came to the orchestrator is a turn of its own."""
    started_ns = next((_ns(row.get("Timestamp")) for row in rows if row.get("EventType") == "ExecutionStarted"), None)
    begun_ns = started_ns or created_ns
    yield {"kind": "orchestratorStarted", "id": -1, "timeNs": begun_ns}
    yield {"kind": "executionStarted", "id": 0, "timeNs": begun_ns}
    for number, (moment_ns, _order, event) in enumerate(sorted(_moments(rows), key=lambda each: each[:2])):
        if not event.pop("isAsked"):
            yield {"kind": "orchestratorStarted", "id": -1, "timeNs": moment_ns}
        yield {"timeNs": moment_ns, "order": number, **event}


def _moments(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for number, row in enumerate(rows):
        kind, at_ns = str(row.get("EventType")), _ns(row.get("Timestamp"))
        name = str(row.get("FunctionName") or row.get("Name") or "")
        if at_ns is None:
            continue
        if kind in KINDS:
            asking, answer, field = KINDS[kind]
            asked_ns, task = _ns(row.get("ScheduledTime")), number + 1_000_000
            if asked_ns is not None:
                yield asked_ns, number, {"kind": asking, "id": task, "name": name, "isAsked": True}
            yield at_ns, number, {"kind": answer, "id": -1, field: task, "isAsked": False}
        elif kind in ASKING:
            yield at_ns, number, {"kind": ASKING[kind], "id": number + 2_000_000, "name": name, "isAsked": True}
        elif kind in GIVEN:
            yield at_ns, number, {"kind": GIVEN[kind], "id": -1, "name": name, "isAsked": False}


def _ns(text: object) -> int | None:
    moment_s = read_epoch_s(text) if isinstance(text, str) else None
    return None if moment_s is None else round(moment_s * 1e9)
