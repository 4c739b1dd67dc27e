"""A scheduler's history as azure-functions-durable reads it.

The events are real `HistoryEvent` objects of the SDK, built without its text formats in between: the SDK spends four
fifths of a long replay on parsing time stamps, and looks only at those of OrchestratorStarted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType

from durable_harness.host.sdk.steps import SCHEDULING_KINDS
from durable_harness.places import described
from durable_harness.protocol import pb, unwrap_text, wrap_text


class ReplayEvent(HistoryEvent):  # type: ignore[misc]
    """A history event made from a protocol event (`source`), with the attributes that the SDK's executor reads.

    It is kept for as long as its execution, so it holds values and not the source, which is a part of a whole request.
    What an event of its kind does not have is None by the class.
    """

    Name = InstanceId = TaskScheduledId = Reason = Details = Input = Result = None
    failed_with: str | None = None
    """What an entity raised and where, which the SDK's own message leaves out."""
    _is_processed = False

    def __init__(
        self, event_type: HistoryEventType, source: pb.HistoryEvent, *, is_played: bool, **fields: object
    ) -> None:
        self._event_type = event_type
        self._event_id = source.eventId
        self._is_played = is_played
        self._stamp = (source.timestamp.seconds, source.timestamp.nanos)
        for name, value in fields.items():
            setattr(self, name, value)

    def set_played(self, is_played: bool) -> None:  # noqa: FBT001 - one value
        self._is_played = is_played

    @property
    def timestamp(self) -> datetime:
        seconds, nanos = self._stamp
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000)


class RaisedEvent(ReplayEvent):
    """An external event, which can be sent on to the next execution."""

    def to_protocol(self) -> pb.HistoryEvent:
        """Return the protocol event that this one was made from."""
        seconds, nanos = self._stamp
        raised = pb.EventRaisedEvent(name=self.Name, input=wrap_text(self.Input))
        return pb.HistoryEvent(
            eventId=self.event_id, timestamp={"seconds": seconds, "nanos": nanos}, eventRaised=raised
        )


class HistoryReader:
    """Converts histories part by part. What comes while the instance is suspended is read after it was resumed."""

    def __init__(self) -> None:
        self._held: list[ReplayEvent] | None = None

    def read(self, past: Iterable[pb.HistoryEvent], new: Iterable[pb.HistoryEvent]) -> list[ReplayEvent]:
        """Return the events of a history's next parts: those that user code has seen, and those that are new to it."""
        events: list[ReplayEvent] = []
        for is_played, part in ((True, past), (False, new)):
            for source in part:
                self._add(source, is_played, events)
        return events

    def _add(self, source: pb.HistoryEvent, is_played: bool, events: list[ReplayEvent]) -> None:  # noqa: FBT001
        kind = source.WhichOneof("eventType")
        if kind == "executionSuspended":
            self._held = self._held or []
        elif kind == "executionResumed":
            for event in self._held or ():
                event.set_played(is_played)
                events.append(event)
            self._held = None
        convert = _CONVERTERS.get(kind)
        if convert is None:
            return
        event = convert(source, getattr(source, kind), is_played)
        if self._held is not None and kind not in _NEVER_HELD:
            self._held.append(event)
        else:
            events.append(event)


_Converter = Callable[[pb.HistoryEvent, Any, bool], ReplayEvent]  # type: ignore[explicit-any]  # each has its own detail
_Completed = pb.TaskCompletedEvent | pb.SubOrchestrationInstanceCompletedEvent
_Failed = pb.TaskFailedEvent | pb.SubOrchestrationInstanceFailedEvent
_ToEntity = pb.EntityOperationCalledEvent | pb.EntityOperationSignaledEvent
_NEVER_HELD = frozenset({"orchestratorStarted", "orchestratorCompleted", "executionStarted", *SCHEDULING_KINDS})


def _bare(event_type: HistoryEventType) -> _Converter:
    def convert(source: pb.HistoryEvent, _detail: object, is_played: bool) -> ReplayEvent:  # noqa: FBT001
        return ReplayEvent(event_type, source, is_played=is_played)

    return convert


def _completed(event_type: HistoryEventType) -> _Converter:
    def convert(source: pb.HistoryEvent, detail: _Completed, is_played: bool) -> ReplayEvent:  # noqa: FBT001
        return ReplayEvent(
            event_type,
            source,
            is_played=is_played,
            TaskScheduledId=detail.taskScheduledId,
            Result=unwrap_text(detail, "result"),
        )

    return convert


def _failed(event_type: HistoryEventType) -> _Converter:
    def convert(source: pb.HistoryEvent, detail: _Failed, is_played: bool) -> ReplayEvent:  # noqa: FBT001
        return ReplayEvent(
            event_type,
            source,
            is_played=is_played,
            TaskScheduledId=detail.taskScheduledId,
            Reason=detail.failureDetails.errorMessage,
            Details=unwrap_text(detail.failureDetails, "stackTrace") or "",
        )

    return convert


def _execution_started(source: pb.HistoryEvent, detail: pb.ExecutionStartedEvent, is_played: bool) -> ReplayEvent:  # noqa: FBT001
    return ReplayEvent(
        HistoryEventType.EXECUTION_STARTED,
        source,
        is_played=is_played,
        Name=detail.name,
        Input=unwrap_text(detail, "input"),
        Version=unwrap_text(detail, "version"),
    )


def _timer_fired(source: pb.HistoryEvent, detail: pb.TimerFiredEvent, is_played: bool) -> ReplayEvent:  # noqa: FBT001
    return ReplayEvent(HistoryEventType.TIMER_FIRED, source, is_played=is_played, TimerId=detail.timerId)


def _entity_message(source: pb.HistoryEvent, detail: _ToEntity, is_played: bool) -> ReplayEvent:  # noqa: FBT001
    message = json.dumps({"id": detail.requestId})
    return ReplayEvent(HistoryEventType.EVENT_SENT, source, is_played=is_played, Input=message)


def _event_raised(source: pb.HistoryEvent, detail: pb.EventRaisedEvent, is_played: bool) -> ReplayEvent:  # noqa: FBT001
    return RaisedEvent(
        HistoryEventType.EVENT_RAISED,
        source,
        is_played=is_played,
        Name=detail.name,
        Input=unwrap_text(detail, "input"),
    )


def _entity_completed(
    source: pb.HistoryEvent,
    detail: pb.EntityOperationCompletedEvent,
    is_played: bool,  # noqa: FBT001
) -> ReplayEvent:
    output = unwrap_text(detail, "output")
    message = json.dumps({"result": "null" if output is None else output})
    return ReplayEvent(HistoryEventType.EVENT_RAISED, source, is_played=is_played, Name=detail.requestId, Input=message)


def _entity_failed(source: pb.HistoryEvent, detail: pb.EntityOperationFailedEvent, is_played: bool) -> ReplayEvent:  # noqa: FBT001
    failure = detail.failureDetails
    message = json.dumps({"result": json.dumps(failure.errorMessage), "exceptionType": failure.errorType or "Error"})
    return ReplayEvent(
        HistoryEventType.EVENT_RAISED,
        source,
        is_played=is_played,
        Name=detail.requestId,
        Input=message,
        failed_with=described(failure),
    )


_CONVERTERS: dict[str | None, _Converter] = {
    "orchestratorStarted": _bare(HistoryEventType.ORCHESTRATOR_STARTED),
    "orchestratorCompleted": _bare(HistoryEventType.ORCHESTRATOR_COMPLETED),
    "executionStarted": _execution_started,
    "taskScheduled": _bare(HistoryEventType.TASK_SCHEDULED),
    "taskCompleted": _completed(HistoryEventType.TASK_COMPLETED),
    "taskFailed": _failed(HistoryEventType.TASK_FAILED),
    "subOrchestrationInstanceCreated": _bare(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_CREATED),
    "subOrchestrationInstanceCompleted": _completed(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_COMPLETED),
    "subOrchestrationInstanceFailed": _failed(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_FAILED),
    "timerCreated": _bare(HistoryEventType.TIMER_CREATED),
    "timerFired": _timer_fired,
    "eventRaised": _event_raised,
    "entityOperationCalled": _entity_message,
    "entityOperationSignaled": _entity_message,
    "entityOperationCompleted": _entity_completed,
    "entityOperationFailed": _entity_failed,
    "executionSuspended": _bare(HistoryEventType.EXECUTION_SUSPENDED),
    "executionResumed": _bare(HistoryEventType.EXECUTION_RESUMED),
}
