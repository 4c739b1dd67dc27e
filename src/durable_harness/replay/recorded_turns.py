"""A recorded history split into turns: the events that each received, and the steps that it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf import wrappers_pb2

from durable_harness.host.sdk.steps import SCHEDULING_KINDS, Step, step_of_ending, step_of_event
from durable_harness.protocol import pb
from durable_harness.protocol.history_file import RecordedHistory

WRITTEN_AFTER_TURN = frozenset({"orchestratorCompleted", "executionCompleted", "continueAsNew", None})
NO_EXECUTION_ID = wrappers_pb2.StringValue()


class Past(Sequence[Any]):
    """The first events of a history. Each turn has one, and a copy for each would take the square of the history."""

    def __init__(self, events: Sequence[Any], length: int) -> None:
        self._events = events
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self._events[position] for position in range(*key.indices(self._length))]
        return self._events[range(self._length)[key]]


@dataclass
class RecordedTurn:
    """One turn, with the names of an OrchestratorRequest, so that an execution can be taken through it."""

    number: int
    """From 1."""
    first_event: int
    """The position of its `orchestratorStarted`."""
    instanceId: str  # noqa: N815 - the protocol's name
    pastEvents: Sequence[pb.HistoryEvent]  # noqa: N815 - same
    newEvents: list[pb.HistoryEvent] = field(default_factory=list)  # noqa: N815 - same
    steps: list[Step] = field(default_factory=list)
    """What it asked for, and the end of the execution if that came here."""
    is_terminated: bool = False
    """The instance was terminated here, without running its code."""
    requiresHistoryStreaming: bool = False  # noqa: N815 - same
    executionId: wrappers_pb2.StringValue = field(default_factory=lambda: NO_EXECUTION_ID)  # noqa: N815 - same

    def as_request(self) -> pb.OrchestratorRequest:
        """Return it as an execution takes it: a message would copy the whole history at each turn."""
        return cast("pb.OrchestratorRequest", self)


def split_turns(history: RecordedHistory) -> list[RecordedTurn]:
    """Return the turns of a history."""
    turns: list[RecordedTurn] = []
    for position, event in enumerate(history.events):
        kind = event.WhichOneof("eventType")
        if kind == "orchestratorStarted":
            past = Past(history.events, position)
            turns.append(RecordedTurn(len(turns) + 1, position, history.instance_id, past, [event]))
        elif turns:
            _add(turns[-1], kind, event, history.lacks)
    return turns


def _add(turn: RecordedTurn, kind: str | None, event: Any, lacks: frozenset[str]) -> None:
    if kind in SCHEDULING_KINDS:
        turn.steps.append(step_of_event(event, lacks))
    elif kind == "executionCompleted":
        turn.steps.append(step_of_ending(event.executionCompleted))
    elif kind == "continueAsNew":
        turn.steps.append(step_of_ending(_renewal(event.continueAsNew)))
    elif kind not in WRITTEN_AFTER_TURN:
        turn.newEvents.append(event)
        turn.is_terminated |= kind == "executionTerminated"


def _renewal(event: Any) -> Any:
    return pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
        result=event.input if event.HasField("input") else None,
    )


def outcome_of(event: Any) -> int | None:
    """Return the id of the step whose outcome an event is; None if it is not the outcome of a step with an id."""
    detail = getattr(event, event.WhichOneof("eventType"))
    for key in ("taskScheduledId", "timerId"):
        if hasattr(detail, key):
            return int(getattr(detail, key))
    return None


def copy_for(outcome: Any, event_id: int) -> Any:
    """Return the outcome of one step as that of another."""
    copied = pb.HistoryEvent()
    copied.CopyFrom(outcome)
    detail = getattr(copied, copied.WhichOneof("eventType"))
    setattr(detail, "timerId" if hasattr(detail, "timerId") else "taskScheduledId", event_id)
    return copied
