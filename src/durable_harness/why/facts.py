"""The document of an instance as values: its events, its turns, its work."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from durable_harness.protocol import timings as noted
from durable_harness.why.segments import HOST, SCHEDULER, Part, Segment

TURN, ACTIVITY, ENTITY = "turn", "activity", "entity"
ASKING = frozenset(
    {
        "taskScheduled",
        "timerCreated",
        "subOrchestrationInstanceCreated",
        "entityOperationCalled",
        "entityLockRequested",
        "entityOperationSignaled",
        "entityUnlockSent",
        "eventSent",
    }
)
BOUNDS = frozenset({"orchestratorStarted", "orchestratorCompleted", "executionCompleted", "genericEvent"})
SAME_NS = 2_000_000
"""How far the moment of a dispatch and the beginning of its turn in the history may lie apart."""
WORK_KINDS = {noted.TURN: TURN, noted.ACTIVITY: ACTIVITY, noted.BATCH: ENTITY}
"""For each kind of work in the document, what findings and pages call it."""
ENDED = frozenset({"COMPLETED", "FAILED", "TERMINATED", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Event:
    """A history event in short."""

    kind: str
    event_id: int
    time_ns: int
    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.fields.get("name") or self.fields.get("operation") or "")

    @property
    def due_ns(self) -> int | None:
        return self.fields.get("dueNs")


class _Mark(NamedTuple):
    """The end of a stage, what the stage is, and who had to act in it."""

    part: Part
    until_ns: int | None
    by: str = ""


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """A piece of work and its moments; None if one has not happened or is not known."""

    kind: str
    task: int
    waited_for: str
    ready_ns: int | None
    offered_ns: int | None
    sent_ns: int | None
    done_ns: int | None
    is_hosted: bool = False
    """Whether the host has notes on it."""
    received_ns: int | None = None
    asked_ns: int | None = None
    begun_ns: int | None = None
    ended_ns: int | None = None
    answered_ns: int | None = None
    replayed_events: int = 0
    replay_ns: int | None = None
    held_ns: int = 0
    faked: str = ""
    """What it waits for where a test answers for its function."""

    def stages(self, name: str) -> list[Segment]:
        """Return its stages. Without notes of the host, its time there is not known."""
        waits = {"slot": Part.SLOT, "worker": Part.DISPATCH}.get(self.waited_for, Part.HARNESS)
        marks = [_Mark(Part.HARNESS, self.offered_ns, SCHEDULER), _Mark(waits, self.sent_ns, SCHEDULER)]
        if not self.is_hosted:
            marks.append(_Mark(Part.UNKNOWN, self.done_ns))
            return self._segments(marks, name)
        marks += [_Mark(Part.HARNESS, self.received_ns, SCHEDULER), _Mark(Part.HARNESS, self.asked_ns, HOST)]
        marks.append(_Mark(Part.HARNESS if self.asked_ns is None else Part.THREAD, self.begun_ns, HOST))
        if self.begun_ns is not None and self.replay_ns:
            marks.append(_Mark(Part.REPLAY, self.begun_ns + self.replay_ns))
        marks.append(_Mark(Part.ORCHESTRATOR if self.kind == TURN else Part.CODE, self.ended_ns))
        marks += [_Mark(Part.HARNESS, self.answered_ns, HOST), _Mark(Part.HARNESS, self.done_ns, SCHEDULER)]
        return self._segments(marks, name)

    def _segments(self, marks: Sequence[_Mark], name: str) -> list[Segment]:
        segments, at_ns = [], self.ready_ns
        for part, until_ns, by in marks:
            if until_ns is not None and at_ns is not None:
                segments.append(Segment(part, at_ns, until_ns, name, self.kind, by if part is Part.HARNESS else ""))
                at_ns = until_ns
        return segments

    def now(self) -> tuple[Part, int | None]:
        """Return what it waits for or does now, and since when."""
        if self.sent_ns is None:
            waits = {"slot": Part.SLOT, "worker": Part.DISPATCH}.get(self.waited_for, Part.HARNESS)
            return waits, self.ready_ns if self.offered_ns is None else self.offered_ns
        if not self.is_hosted:
            return Part.UNKNOWN, self.sent_ns
        if self.ended_ns is not None:
            return Part.HARNESS, self.ended_ns
        if self.begun_ns is not None:
            return (Part.ORCHESTRATOR if self.kind == TURN else Part.CODE), self.begun_ns
        return (Part.THREAD, self.asked_ns) if self.asked_ns is not None else (Part.HARNESS, self.received_ns)


@dataclass
class TurnFacts:
    """A turn as the history has it: when it was dispatched, what it was given, what it asked for."""

    began_ns: int
    given: list[Event] = field(default_factory=list)
    asked: list[Event] = field(default_factory=list)
    work: WorkFacts | None = None

    @property
    def ended_ns(self) -> int | None:
        """When its answer was accepted; None if neither the scheduler nor the history has it."""
        if self.work is not None and self.work.done_ns is not None:
            return self.work.done_ns
        return self.asked[0].time_ns if self.asked else None

    @property
    def waits_from_ns(self) -> int:
        """Return from when an orchestrator waited that asked for nothing: its answer, or else its beginning."""
        return self.began_ns if self.ended_ns is None else self.ended_ns


@dataclass(frozen=True, slots=True)
class Awaits:
    """The external events that the code of an instance waits for: its host replayed it to know."""

    events: Sequence[str]
    unclaimed: Sequence[str]
    """Events that came and that nothing has taken so far."""
    line: str | None
    """Where it waits, as `file:line`."""


@dataclass(frozen=True)
class Facts:
    """One instance and its sub-orchestrations."""

    instance_id: str
    orchestrator: str
    status: str
    created_ns: int
    ended_ns: int | None
    now_ns: int | None
    is_timed: bool
    events: Sequence[Event]
    came: Sequence[Event]
    work: Sequence[WorkFacts]
    entities: Mapping[str, Sequence[WorkFacts]]
    children: Mapping[str, Facts]
    limits: Mapping[str, int]
    held: Sequence[Segment]
    awaits: Awaits | None = None
    """None if no host reports it."""
    repeats: Mapping[int, int] = field(default_factory=dict)
    """How often activities were handed out again, by their ids, as far as the scheduler noted it."""

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def until_ns(self) -> int:
        """Where its path ends: its end, or the present; the latest event of a service that says neither."""
        last_ns = max((event.time_ns for event in self.events), default=self.created_ns)
        return (self.ended_ns if self.has_ended else self.now_ns) or last_ns

    @property
    def is_noted(self) -> bool:
        """Whether a scheduler of this project noted moments of its work."""
        return bool(self.work)

    @cached_property
    def turns(self) -> list[TurnFacts]:
        turns: list[TurnFacts] = []
        for event in self.events:
            if event.kind == "orchestratorStarted":
                turns.append(TurnFacts(event.time_ns))
            elif event.kind not in BOUNDS and turns:
                (turns[-1].asked if event.kind in ASKING else turns[-1].given).append(event)
        for turn in turns if self._done_turns else ():
            turn.work = self._work_of(turn)
        return [turn for turn in turns if turn.given]

    def _work_of(self, turn: TurnFacts) -> WorkFacts | None:
        """Return the work that was handed out when a turn began."""
        place = bisect(self._done_turns, turn.began_ns, key=itemgetter(0))
        near = self._done_turns[max(0, place - 1) : place + 1]
        distance_ns, nearest = min(((abs(at_ns - turn.began_ns), work) for at_ns, work in near), key=itemgetter(0))
        return nearest if distance_ns <= SAME_NS else None

    @cached_property
    def _done_turns(self) -> list[tuple[int, WorkFacts]]:
        """The turns that were handed out and answered, by when they were handed out."""
        turns = (one for one in self.work if one.kind == TURN and one.done_ns is not None)
        return sorted(((one.sent_ns, one) for one in turns if one.sent_ns is not None), key=itemgetter(0))

    @cached_property
    def _activities(self) -> dict[int, list[WorkFacts]]:
        """The work of activities by their ids, which begin again with each execution."""
        found: dict[int, list[WorkFacts]] = {}
        for one in self.work:
            if one.kind == ACTIVITY:
                found.setdefault(one.task, []).append(one)
        return found

    @property
    def scheduled_start_ns(self) -> int | None:
        """When an instance that has not begun is to start; None if it need not wait for that."""
        starts = (event for event in self.came if event.kind == "executionStarted")
        return next((start.due_ns for start in starts), None) if not self.turns else None

    @property
    def turn_under_way(self) -> WorkFacts | None:
        """The turn that is ready or with a host now."""
        waiting = [one for one in self.work if one.kind == TURN and one.done_ns is None]
        return waiting[-1] if waiting and not self.has_ended else None

    def activity(self, event: Event) -> WorkFacts | None:
        """Return the work of the activity that an event scheduled."""
        same = self._activities.get(event.event_id, ())
        since = [one for one in same if (one.ready_ns or 0) >= event.time_ns - SAME_NS]
        return since[0] if since else None


def read_facts(document: Mapping[str, Any]) -> Facts:
    """Return the values of a document."""
    children = {str(child["instanceId"]): read_facts(child) for child in document["children"]}
    held = [Segment(Part.LOOP, hold["fromNs"], hold["toNs"], hold["function"]) for hold in document.get("holds") or ()]
    return Facts(
        instance_id=str(document["instanceId"]),
        orchestrator=str(document["orchestrator"]),
        status=str(document["status"]),
        created_ns=document["createdNs"],
        ended_ns=document["endedNs"],
        now_ns=document["nowNs"],
        is_timed=bool(document["isTimed"]),
        events=[_event(row) for row in document["events"]],
        came=[_event(row) for row in document["came"]],
        work=[_work(row) for row in document["work"]],
        entities={name: [_work(row) for row in rows] for name, rows in document["entities"].items()},
        children=children,
        limits=dict(document.get("limits") or {}),
        held=held,
        awaits=_awaits(document.get("awaits")),
        repeats={int(task): int(count) for task, count in (document.get("repeats") or {}).items()},
    )


def _awaits(given: Mapping[str, Any] | None) -> Awaits | None:
    if not given:
        return None
    events, unclaimed = ([str(name) for name in given[key]] for key in ("events", "unclaimed"))
    return Awaits(events, unclaimed, given["line"])


def _event(row: Mapping[str, Any]) -> Event:
    return Event(str(row["kind"]), int(row["id"]), int(row["timeNs"]), row)


def _work(row: Mapping[str, Any]) -> WorkFacts:
    host = row.get("host") or {}
    return WorkFacts(
        kind=WORK_KINDS[row["kind"]],
        task=row["task"],
        waited_for=row["waitedFor"],
        ready_ns=row["readyNs"],
        offered_ns=row["offeredNs"],
        sent_ns=row["sentNs"],
        done_ns=row["doneNs"],
        is_hosted=bool(host),
        received_ns=host.get("receivedNs"),
        asked_ns=host.get("askedNs"),
        begun_ns=host.get("begunNs"),
        ended_ns=host.get("endedNs"),
        answered_ns=host.get("answeredNs"),
        replayed_events=host.get("replayedEvents", 0),
        replay_ns=host.get("replayNs"),
        held_ns=host.get("heldNs", 0),
        faked=str(host.get("faked") or ""),
    )
