"""What an operation costs in whole numbers, and when it ran: one definition for every scheduler.

An *action* is a message dispatched to the app; the history has one event for each. An orchestration of n activities in
a row is 1 + 2n actions: its start, n starts of activities and n results. What never reached the app (a result that came
after the end, an event that was not read) is not in the history and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from durabletask.internal import orchestrator_service_pb2 as pb

ORCHESTRATION, ACTIVITY, TIMER, EVENT, ENTITY, CONTROL, RESULT = range(7)
ACTION_KINDS = ("orchestration", "activity", "timer", "event", "entity", "control", "result")
"""The kinds of actions, each at the index that its constant names.

- orchestration: the start of an orchestration, of a sub-orchestration, or of a new execution by continue-as-new
- activity: the start of an activity
- timer: a timer that fires
- event: an external event
- entity: an operation of an entity that the orchestration called or signalled, counted when it is sent
- control: a suspension, resumption or termination
- result: of an activity, an entity call, an entity lock or a sub-orchestration, success or failure
"""

MEASURE_METHOD = "/durable_harness.Measuring/MeasureInstances"
"""The gRPC method by which a host asks a scheduler of this project, in a process of its own, for what it measured.

A JSON list of ids -> a JSON object of measurements by id. Other schedulers answer UNIMPLEMENTED.
"""

COUNTED_EVENTS: Mapping[str, tuple[int, str]] = {
    "executionStarted": (ORCHESTRATION, "input"),
    "taskScheduled": (ACTIVITY, "input"),
    "timerFired": (TIMER, ""),
    "eventRaised": (EVENT, "input"),
    "entityOperationCalled": (ENTITY, "input"),
    "entityOperationSignaled": (ENTITY, "input"),
    "executionSuspended": (CONTROL, ""),
    "executionResumed": (CONTROL, ""),
    "executionTerminated": (CONTROL, ""),
    "taskCompleted": (RESULT, "result"),
    "taskFailed": (RESULT, ""),
    "entityOperationCompleted": (RESULT, "output"),
    "entityOperationFailed": (RESULT, ""),
    "entityLockGranted": (RESULT, ""),
    "subOrchestrationInstanceCompleted": (RESULT, "result"),
    "subOrchestrationInstanceFailed": (RESULT, ""),
}
"""For each history event that is an action: its kind, and the field that holds its payload ("" for none).

`subOrchestrationInstanceCreated` is not here: the child's own `executionStarted` is that action.
"""


class CostsDocument(TypedDict):
    """Costs in JSON: kinds of actions that did not occur are left out."""

    actions: dict[str, int]
    replayedEvents: int
    payloadBytes: int | None


class MeasurementDocument(TypedDict):
    """A measurement in JSON."""

    createdNs: int | None
    begunNs: int | None
    endedNs: int | None
    costs: CostsDocument | None


@dataclass(slots=True)
class Costs:
    """Counts of one instance, or of a whole operation. `actions` has one number for each of ACTION_KINDS."""

    actions: list[int] = field(default_factory=([0] * len(ACTION_KINDS)).copy)
    replayed_events: int = 0
    """History events that turns were given again, as a worker without a cache replays them."""
    payload_bytes: int | None = 0
    """UTF-8 bytes of inputs, results, events, custom statuses and output; None if only the rest is known."""

    def count(self, events: Iterable[pb.HistoryEvent], times: int = 1) -> None:
        """Add the actions among history events; `times` -1 takes back what will be counted again."""
        actions, size = self.actions, 0
        for event in events:
            kind = event.WhichOneof("eventType")
            if kind in COUNTED_EVENTS:
                action, payload = COUNTED_EVENTS[kind]
                actions[action] += times
                if payload:
                    text = getattr(getattr(event, kind), payload).value
                    size += len(text) if text.isascii() else payload_size(text)
        if self.payload_bytes is not None:
            self.payload_bytes += times * size

    def count_turn(self, events: Iterable[pb.HistoryEvent], replayed: int, custom_status: str = "") -> None:
        """Add a turn: its own events, and how many of earlier turns it was given again.

        `custom_status` is the status that the turn changed, "" if it changed none.
        """
        self.replayed_events += replayed
        self.count(events)
        if custom_status and self.payload_bytes is not None:
            self.payload_bytes += payload_size(custom_status)

    def add(self, other: Costs) -> None:
        """Add the costs of another part of the same operation."""
        self.actions = [mine + its for mine, its in zip(self.actions, other.actions, strict=True)]
        self.replayed_events += other.replayed_events
        known = self.payload_bytes is not None and other.payload_bytes is not None
        self.payload_bytes = (self.payload_bytes or 0) + (other.payload_bytes or 0) if known else None

    def as_json(self) -> CostsDocument:
        """Return the object that the host's endpoint answers with."""
        actions = {kind: number for kind, number in zip(ACTION_KINDS, self.actions, strict=True) if number}
        return {"actions": actions, "replayedEvents": self.replayed_events, "payloadBytes": self.payload_bytes}

    @classmethod
    def from_json(cls, document: CostsDocument) -> Costs:
        """Return the costs that `as_json` wrote."""
        actions = [document["actions"].get(kind, 0) for kind in ACTION_KINDS]
        return cls(actions, document["replayedEvents"], document["payloadBytes"])


@dataclass(frozen=True, slots=True)
class Measurement:
    """When an operation was created, began and ended by the scheduler's clock, and what it cost.

    Times are nanoseconds since the epoch: its creation, the dispatch of its first turn, its end. None is what has not
    happened or cannot be known. `costs` are those of the instance, its sub-orchestrations and all their executions;
    None unless every part has ended and was counted whole.
    """

    created_ns: int | None
    begun_ns: int | None
    ended_ns: int | None
    costs: Costs | None

    def as_json(self) -> MeasurementDocument:
        """Return the object that the host's endpoint answers with."""
        return {
            "createdNs": self.created_ns,
            "begunNs": self.begun_ns,
            "endedNs": self.ended_ns,
            "costs": None if self.costs is None else self.costs.as_json(),
        }

    @classmethod
    def from_json(cls, document: MeasurementDocument) -> Measurement:
        """Return the measurement that `as_json` wrote."""
        costs = None if document["costs"] is None else Costs.from_json(document["costs"])
        return cls(document["createdNs"], document["begunNs"], document["endedNs"], costs)


def payload_size(text: str) -> int:
    """Return the size of a payload in UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode())


def costs_of(history: Iterable[pb.HistoryEvent]) -> Costs:
    """Return the costs of one execution from its history; what came after its end was never dispatched."""
    costs, events = Costs(), list[pb.HistoryEvent]()
    for position, event in enumerate(history):
        if event.HasField("executionCompleted"):
            break
        if event.HasField("orchestratorStarted"):  # a turn begins: all before it is replayed
            costs.replayed_events += position
        events.append(event)
    costs.count(events)
    return costs
