"""A scheduler's history as azure-functions-durable reads it.

The events are real `HistoryEvent` objects of the SDK, built without its text formats in between: the SDK spends four
fifths of a long replay on parsing time stamps, and looks only at those of OrchestratorStarted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType

from durable_harness.host.sdk.steps import SCHEDULING_KINDS
from durable_harness.protocol import pb, unwrap_text, wrap_text
from durable_harness.wording.places import described


@dataclass(eq=False, repr=False)
class ReplayEvent(HistoryEvent):  # type: ignore[misc, explicit-any]  # the SDK's class has no types
    """A history event made from a protocol event, with the attributes that the SDK's executor reads.

    It is kept for as long as its execution, so it holds values and not the protocol's event, which is a part of a whole
    request. What an event of its kind does not have is None by the class.
    """

    _event_type: HistoryEventType
    _event_id: int
    _is_played: bool
    _stamp: tuple[int, int]
    """Seconds and nanoseconds."""
    Name = InstanceId = TaskScheduledId = Reason = Details = Input = Result = None
    failed_with: ClassVar[str | None] = None
    """What an entity raised and where, which the SDK's own message leaves out."""
    _is_processed = False

    def set_played(self, is_played: bool) -> None:  # noqa: FBT001 - one value
        self._is_played = is_played

    @cached_property
    def timestamp(self) -> datetime:
        return _moment(*self._stamp)


class RaisedEvent(ReplayEvent):
    """An external event, which can be sent on to the next execution."""

    def to_protocol(self) -> pb.HistoryEvent:
        """Return the protocol event that this one was made from."""
        seconds, nanos = self._stamp
        raised = pb.EventRaisedEvent(name=self.Name, input=wrap_text(self.Input))
        return pb.HistoryEvent(
            eventId=self.event_id, timestamp={"seconds": seconds, "nanos": nanos}, eventRaised=raised
        )


class Scheduled(NamedTuple):
    """What history has under the id of a task. The event is kept only if all of it is compared, for one turn."""

    kind: str
    name: str | None
    event: pb.HistoryEvent | None


@dataclass
class HistoryReader:
    """Converts a history part by part. What comes while the instance is suspended is read after it was resumed."""

    keeps_scheduled: bool
    """Whether `scheduled` holds the events themselves."""
    scheduled: dict[int, Scheduled] = field(default_factory=dict)
    """What the history that was read so far has scheduled, by its id."""
    was_rewound: bool = False
    _held: list[ReplayEvent] | None = None

    def read(
        self, past: Iterable[pb.HistoryEvent], new: Iterable[pb.HistoryEvent]
    ) -> tuple[list[ReplayEvent], list[ReplayEvent]]:
        """Return the events of a history's next parts: those that user code has seen, and those that are new to it."""
        replayed: list[ReplayEvent] = []
        fresh: list[ReplayEvent] = []
        for is_played, part, events in ((True, past, replayed), (False, new, fresh)):
            for source in part:
                kind = source.WhichOneof("eventType")
                if kind in SCHEDULING_KINDS:
                    name, whole = getattr(getattr(source, kind), "name", None), source if self.keeps_scheduled else None
                    self.scheduled[source.eventId] = Scheduled(kind, name, whole)
                elif kind == "executionSuspended":
                    self._held = self._held or []
                elif kind == "executionResumed":
                    events.extend(self._resumed(is_played))
                elif kind == "executionRewound":
                    self.was_rewound = True
                known = _KINDS.get(kind)
                if known is None:
                    continue
                stamp = (source.timestamp.seconds, source.timestamp.nanos)
                event = known.made(known.event_type, source.eventId, is_played, stamp)
                if kind == "orchestratorStarted":  # the SDK reads the time of each of these, and of hardly any other
                    event.__dict__["timestamp"] = _moment(*stamp)
                if known.fields is not None:
                    event.__dict__.update(known.fields(getattr(source, kind)))
                (events if self._held is None or kind in _NEVER_HELD else self._held).append(event)
        return replayed, fresh

    def _resumed(self, is_played: bool) -> list[ReplayEvent]:  # noqa: FBT001 - one value
        held, self._held = self._held or [], None
        for event in held:
            event.set_played(is_played)
        return held


def _moment(seconds: int, nanos: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000)


Fields = dict[str, object]
_Reader = Callable[[Any], Fields]  # type: ignore[explicit-any]  # each has its own detail
_Completed = pb.TaskCompletedEvent | pb.SubOrchestrationInstanceCompletedEvent
_Failed = pb.TaskFailedEvent | pb.SubOrchestrationInstanceFailedEvent
_ToEntity = pb.EntityOperationCalledEvent | pb.EntityOperationSignaledEvent
_NEVER_HELD = frozenset({"orchestratorStarted", "orchestratorCompleted", "executionStarted", *SCHEDULING_KINDS})


class _Kind(NamedTuple):
    """A kind of event: what it is to the SDK, and which attributes it has there beside those that all events have."""

    event_type: HistoryEventType
    fields: _Reader | None = None
    made: type[ReplayEvent] = ReplayEvent


def _completed(detail: _Completed) -> Fields:
    result = detail.result.value if detail.HasField("result") else None
    return {"TaskScheduledId": detail.taskScheduledId, "Result": result}


def _failed(detail: _Failed) -> Fields:
    failure = detail.failureDetails
    stack_trace = unwrap_text(failure, "stackTrace") or ""
    return {"TaskScheduledId": detail.taskScheduledId, "Reason": failure.errorMessage, "Details": stack_trace}


def _execution_started(detail: pb.ExecutionStartedEvent) -> Fields:
    return {
        "Name": detail.name,
        "Input": detail.input.value if detail.HasField("input") else None,
        "Version": detail.version.value if detail.HasField("version") else None,
    }


def _timer_fired(detail: pb.TimerFiredEvent) -> Fields:
    return {"TimerId": detail.timerId}


def _entity_message(detail: _ToEntity) -> Fields:
    return {"Input": json.dumps({"id": detail.requestId})}


def _event_raised(detail: pb.EventRaisedEvent) -> Fields:
    return {"Name": detail.name, "Input": unwrap_text(detail, "input")}


def _entity_completed(detail: pb.EntityOperationCompletedEvent) -> Fields:
    output = unwrap_text(detail, "output")
    return {"Name": detail.requestId, "Input": json.dumps({"result": "null" if output is None else output})}


def _entity_failed(detail: pb.EntityOperationFailedEvent) -> Fields:
    failure = detail.failureDetails
    message = {"result": json.dumps(failure.errorMessage), "exceptionType": failure.errorType or "Error"}
    return {"Name": detail.requestId, "Input": json.dumps(message), "failed_with": described(failure)}


_KINDS: dict[str | None, _Kind] = {
    "orchestratorStarted": _Kind(HistoryEventType.ORCHESTRATOR_STARTED),
    "orchestratorCompleted": _Kind(HistoryEventType.ORCHESTRATOR_COMPLETED),
    "executionStarted": _Kind(HistoryEventType.EXECUTION_STARTED, _execution_started),
    "taskScheduled": _Kind(HistoryEventType.TASK_SCHEDULED),
    "taskCompleted": _Kind(HistoryEventType.TASK_COMPLETED, _completed),
    "taskFailed": _Kind(HistoryEventType.TASK_FAILED, _failed),
    "subOrchestrationInstanceCreated": _Kind(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_CREATED),
    "subOrchestrationInstanceCompleted": _Kind(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_COMPLETED, _completed),
    "subOrchestrationInstanceFailed": _Kind(HistoryEventType.SUB_ORCHESTRATION_INSTANCE_FAILED, _failed),
    "timerCreated": _Kind(HistoryEventType.TIMER_CREATED),
    "timerFired": _Kind(HistoryEventType.TIMER_FIRED, _timer_fired),
    "eventRaised": _Kind(HistoryEventType.EVENT_RAISED, _event_raised, RaisedEvent),
    "entityOperationCalled": _Kind(HistoryEventType.EVENT_SENT, _entity_message),
    "entityOperationSignaled": _Kind(HistoryEventType.EVENT_SENT, _entity_message),
    "entityOperationCompleted": _Kind(HistoryEventType.EVENT_RAISED, _entity_completed),
    "entityOperationFailed": _Kind(HistoryEventType.EVENT_RAISED, _entity_failed),
    "executionSuspended": _Kind(HistoryEventType.EXECUTION_SUSPENDED),
    "executionResumed": _Kind(HistoryEventType.EXECUTION_RESUMED),
}
