"""Recording a history from the durable HTTP API, for deployments where no other source can be reached.

`historyEvents` has no ids and no turns: outcomes carry the name and the time of what they are the outcome of. Steps get
their ids by the time at which they were scheduled, and each event that came in makes a turn of its own. So it is not
known which steps were one turn's, nor from which time timers were reckoned; `lacks` says so, and a replay compares the
rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from durable_harness.host.durable_http.status_json import STATUS_VALUES
from durable_harness.protocol import pb, wrap_text
from durable_harness.protocol.history_file import RecordedHistory, UnreadableHistoryError, from_events
from durable_harness.replay.activity_inputs import unpack_activity_inputs

Row = dict[str, Any]
IGNORED = frozenset({"OrchestratorStarted", "OrchestratorCompleted", "GenericEvent", "HistoryState"})
SCHEDULED_AS = {
    "TaskScheduled": "task",
    "TaskCompleted": "task",
    "TaskFailed": "task",
    "SubOrchestrationInstanceCreated": "subOrchestrationInstance",
    "SubOrchestrationInstanceCompleted": "subOrchestrationInstance",
    "SubOrchestrationInstanceFailed": "subOrchestrationInstance",
    "TimerCreated": "timer",
}


@dataclass
class _Scheduled:
    """The step of a row, and when it was scheduled."""

    what: str
    row: Row
    at: datetime
    number: int = -1


def history_from_rows(instance_id: str, rows: Iterable[Row]) -> RecordedHistory:
    """Return the history in `historyEvents`, requested with showInput and showHistoryOutput.

    Raises UnreadableHistoryError if they are not complete enough.
    """
    reported = [row for row in rows if row.get("EventType") not in IGNORED]
    scheduled = _scheduled(reported)
    received = list(filter(None, (_received(instance_id, row, scheduled) for row in reported)))
    events: list[Any] = []
    for position, event in enumerate(received):
        is_last = position + 1 == len(received)
        until = None if is_last else _moment(received[position + 1].timestamp)
        events += _turn(event, [step for step in scheduled if until is None or step.at < until])
        scheduled = [step for step in scheduled if until is not None and step.at >= until]
    events += [_completed(row) for row in reported if row["EventType"] == "ExecutionCompleted"]
    unpack_activity_inputs(events)
    lacks = {"turns", "dueTimes"} | ({"inputs"} if _lacks_inputs(reported) else set())
    return from_events(instance_id, events, lacks)


def _scheduled(rows: list[Row]) -> list[_Scheduled]:
    found = [
        _Scheduled(SCHEDULED_AS[row["EventType"]], row, _time(row.get("ScheduledTime") or row["Timestamp"]))
        for row in rows
        if row["EventType"] in SCHEDULED_AS
    ]
    found.sort(key=lambda step: step.at)
    for number, step in enumerate(found):
        step.number = number
    return found


def _turn(received: Any, steps: list[_Scheduled]) -> list[Any]:
    started = pb.HistoryEvent(eventId=-1, timestamp=received.timestamp, orchestratorStarted={})
    return [started, received, *map(_scheduling, steps)]


def _scheduling(step: _Scheduled) -> Any:
    row, given = step.row, _text(step.row.get("Input"))
    if step.what == "timer":
        event = pb.HistoryEvent(timerCreated={})
    elif step.what == "task":
        event = pb.HistoryEvent(taskScheduled=pb.TaskScheduledEvent(name=_name(row), input=given))
    else:
        child = pb.SubOrchestrationInstanceCreatedEvent(
            name=_name(row), instanceId=str(row.get("InstanceId") or ""), input=given
        )
        event = pb.HistoryEvent(subOrchestrationInstanceCreated=child)
    event.eventId = step.number
    event.timestamp.FromDatetime(step.at)
    return event


def _received(instance_id: str, row: Row, scheduled: list[_Scheduled]) -> Any | None:
    """Return the event that came in; None for any other row."""
    kind = row["EventType"]
    if kind in {"ExecutionCompleted", "TaskScheduled", "SubOrchestrationInstanceCreated", "TimerCreated"}:
        return None
    make = _MAKERS.get(kind)
    if make is None:
        raise UnreadableHistoryError(
            f"instance {instance_id}",
            f"the durable HTTP API does not report enough of its {kind}. Record it from its scheduler: --scheduler",
        )
    event = make(row, _number_of(row, scheduled))
    event.eventId = -1
    event.timestamp.FromDatetime(_time(row["Timestamp"]))
    return event


def _number_of(row: Row, scheduled: list[_Scheduled]) -> int:
    """Return the id of the step whose outcome a row is; -1 if it is not an outcome."""
    if row["EventType"] == "TimerFired":
        same = [s for s in scheduled if s.what == "timer" and s.row.get("FireAt") == row.get("FireAt")]
        if not same:
            return -1
        step = same[0]
        step.row = {**step.row, "FireAt": None}
        return step.number
    return next((step.number for step in scheduled if step.row is row), -1)


def _started(row: Row, _number: int) -> Any:
    started = pb.ExecutionStartedEvent(name=_name(row), input=_text(row.get("Input")))
    return pb.HistoryEvent(executionStarted=started)


def _task_completed(row: Row, number: int) -> Any:
    done = pb.TaskCompletedEvent(taskScheduledId=number, result=_text(row.get("Result")))
    return pb.HistoryEvent(taskCompleted=done)


def _child_completed(row: Row, number: int) -> Any:
    done = pb.SubOrchestrationInstanceCompletedEvent(taskScheduledId=number, result=_text(row.get("Result")))
    return pb.HistoryEvent(subOrchestrationInstanceCompleted=done)


def _failure(row: Row) -> Any:
    details = row.get("Details")
    return pb.TaskFailureDetails(
        errorMessage=str(row.get("Reason") or ""), stackTrace=wrap_text(str(details) if details else None)
    )


_MAKERS: dict[str, Callable[[Row, int], Any]] = {
    "ExecutionStarted": _started,
    "TaskCompleted": _task_completed,
    "TaskFailed": lambda row, number: pb.HistoryEvent(
        taskFailed=pb.TaskFailedEvent(taskScheduledId=number, failureDetails=_failure(row))
    ),
    "SubOrchestrationInstanceCompleted": _child_completed,
    "SubOrchestrationInstanceFailed": lambda row, number: pb.HistoryEvent(
        subOrchestrationInstanceFailed=pb.SubOrchestrationInstanceFailedEvent(
            taskScheduledId=number, failureDetails=_failure(row)
        )
    ),
    "TimerFired": lambda _row, number: pb.HistoryEvent(timerFired=pb.TimerFiredEvent(timerId=number)),
    "EventRaised": lambda row, _number: pb.HistoryEvent(
        eventRaised=pb.EventRaisedEvent(name=_name(row), input=_text(row.get("Input")))
    ),
    "ExecutionSuspended": lambda _row, _number: pb.HistoryEvent(executionSuspended={}),
    "ExecutionResumed": lambda _row, _number: pb.HistoryEvent(executionResumed={}),
    "ExecutionTerminated": lambda _row, _number: pb.HistoryEvent(executionTerminated={}),
}


def _completed(row: Row) -> Any:
    status = STATUS_VALUES.get(str(row.get("OrchestrationStatus")), pb.ORCHESTRATION_STATUS_COMPLETED)
    result = None if status == pb.ORCHESTRATION_STATUS_FAILED else _text(row.get("Result"))
    ending = pb.ExecutionCompletedEvent(orchestrationStatus=status, result=result)
    event = pb.HistoryEvent(eventId=-1, executionCompleted=ending)
    event.timestamp.FromDatetime(_time(row["Timestamp"]))
    return event


def _lacks_inputs(rows: list[Row]) -> bool:
    asked = (row for row in rows if row["EventType"] in SCHEDULED_AS and row["EventType"] != "TimerCreated")
    return any(row.get("Input") is None for row in asked)


def _name(row: Row) -> str:
    return str(row.get("FunctionName") or row.get("Name") or "")


def _text(value: Any) -> Any:
    return None if value is None else wrap_text(json.dumps(value))


def _time(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds, UTC).replace(microsecond=stamp.nanos // 1000)
