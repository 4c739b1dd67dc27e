"""The critical path of an instance: from its end back to its creation, each time to what was waited for last.

A turn begins when an outcome or an event has come. The one that came last decided when it could begin; what that waited
for is the next piece of the path. So of a fan-out the longest branch is on the path, and what ran beside it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from durable_harness.why.facts import ENTITY, SAME_NS, TURN, Event, Facts, WorkFacts
from durable_harness.why.segments import SCHEDULER, Part, Segment, split_by, tiled

ANSWERS = {
    "taskCompleted": ("taskScheduled", "taskScheduledId"),
    "taskFailed": ("taskScheduled", "taskScheduledId"),
    "subOrchestrationInstanceCompleted": ("subOrchestrationInstanceCreated", "taskScheduledId"),
    "subOrchestrationInstanceFailed": ("subOrchestrationInstanceCreated", "taskScheduledId"),
    "timerFired": ("timerCreated", "timerId"),
    "entityOperationCompleted": ("entityOperationCalled", "requestId"),
    "entityOperationFailed": ("entityOperationCalled", "requestId"),
    "entityLockGranted": ("entityLockRequested", "criticalSectionId"),
}
"""For each outcome: the event that asked for it, and the field that names which one."""
FAILURES = frozenset({"taskFailed", "subOrchestrationInstanceFailed"})
BEFORE = {
    "executionResumed": Part.SUSPENDED,
    "executionRewound": Part.UNKNOWN,
    "executionTerminated": Part.UNKNOWN,
    "timerFired": Part.TIMER,
    "taskCompleted": Part.ACTIVITY_WHOLE,
    "taskFailed": Part.ACTIVITY_WHOLE,
    "subOrchestrationInstanceCompleted": Part.UNKNOWN,
    "subOrchestrationInstanceFailed": Part.UNKNOWN,
    "entityOperationCompleted": Part.ENTITY,
    "entityOperationFailed": Part.ENTITY,
    "entityLockGranted": Part.ENTITY,
}
"""What the time before something came was spent on, if nothing says when it was asked for. Else it was an event."""


@dataclass(frozen=True, slots=True)
class _AskedStep:
    """What was asked for, and the number of the turn that did."""

    event: Event
    turn: int


def critical_path(facts: Facts) -> list[Segment]:
    """Return the path from the creation of an instance until it ended, or until now. It has no gaps."""
    path = list(_Walk(facts).path())
    path.sort(key=lambda segment: (segment.from_ns, segment.to_ns))
    filler = Segment(Part.UNKNOWN, 0, 0)
    return list(split_by(tiled(path, facts.created_ns, facts.until_ns, filler), list(facts.held)))


class _Walk:
    """One walk backwards through the turns of an instance."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._turns = facts.turns
        self._asked = {
            (asked.kind, identity(asked)): _AskedStep(asked, number)
            for number, turn in enumerate(self._turns)
            for asked in turn.asked
        }

    def path(self) -> Iterator[Segment]:
        """Yield the pieces, the last one first."""
        facts = self._facts
        number, until_ns = len(self._turns) - 1, facts.until_ns
        if not facts.has_ended:
            number, until_ns, pieces = self._present()
            yield from pieces
        while number >= 0:
            turn = self._turns[number]
            decisive = max(turn.given, key=lambda event: event.time_ns)
            came_ns = min(_effective_ns(decisive), until_ns)
            yield from self._turn_span(number, came_ns, until_ns)
            number, until_ns, pieces = self._before(decisive, number, came_ns)
            yield from pieces

    def _present(self) -> tuple[int, int, list[Segment]]:
        """Return what a living instance waits for now, as the last pieces of its path, and where to continue."""
        facts, now_ns, last = self._facts, self._facts.until_ns, len(self._turns) - 1
        under_way = facts.turn_under_way
        if under_way is not None and facts.came:
            decisive = max(facts.came, key=lambda event: event.time_ns)
            stages = [*under_way.stages(facts.orchestrator), present_stage(under_way, facts.orchestrator, now_ns)]
            span = list(tiled(stages, decisive.time_ns, now_ns, Segment(Part.HARNESS, 0, 0, by=SCHEDULER)))
            number, until_ns, pieces = self._before(decisive, last + 1, decisive.time_ns)
            return number, until_ns, [*span, *pieces]
        pending = unanswered(facts)
        if pending:
            oldest = min(pending, key=lambda event: event.time_ns)
            asked = self._asked[oldest.kind, identity(oldest)]
            return asked.turn, oldest.time_ns, list(self._outcome(oldest, now_ns))
        if last < 0:
            part = Part.UNKNOWN if facts.scheduled_start_ns is None else Part.TIMER
            return last, now_ns, [Segment(part, facts.created_ns, now_ns)]
        since_ns = self._turns[last].waits_from_ns
        part = Part.SUSPENDED if facts.status == "SUSPENDED" else Part.EVENT
        return last, since_ns, [Segment(part, since_ns, now_ns)]

    def _turn_span(self, number: int, came_ns: int, until_ns: int) -> Iterator[Segment]:
        """Yield the stages of a turn from the moment when what it waited for had come.

        If a turn of before was still under way then, its stages are what was waited for first.
        """
        name, stages = self._facts.orchestrator, list[Segment]()
        for place in range(number, -1, -1):
            earlier = self._turns[place]
            if earlier.ended_ns is not None and earlier.ended_ns <= came_ns:
                break
            stages += earlier.work.stages(name) if earlier.work is not None else []
        turn = self._turns[number]
        if turn.work is None:
            stages.append(Segment(Part.TURN_WHOLE, came_ns, until_ns, name, TURN))
        part = Part.HARNESS if self._facts.is_noted else Part.TURN_WHOLE
        yield from tiled(stages, came_ns, until_ns, Segment(part, 0, 0, name, TURN, SCHEDULER))

    def _before(self, decisive: Event, number: int, came_ns: int) -> tuple[int, int, list[Segment]]:
        """Return the pieces until an event came, and the turn and the moment at which to continue."""
        if decisive.kind == "executionStarted":
            return -1, came_ns, list(self._beginning(decisive, came_ns))
        if decisive.kind in ANSWERS:
            asking, field = ANSWERS[decisive.kind]
            asked = self._asked.get((asking, decisive.fields.get(field)))
            if asked is not None and asked.event.time_ns <= came_ns:
                pieces = list(self._outcome(asked.event, came_ns))
                return asked.turn, asked.event.time_ns, pieces
        earlier = self._last_turn_before(number, came_ns)
        if earlier < 0:
            return -1, came_ns, []
        since_ns = min(self._turns[earlier].waits_from_ns, came_ns)
        part = BEFORE.get(decisive.kind, Part.EVENT)
        return earlier, since_ns, [Segment(part, since_ns, came_ns, decisive.name)]

    def _last_turn_before(self, number: int, came_ns: int) -> int:
        """Return the last turn before a numbered one that had begun when something came, -1 if none had."""
        return next((n for n in range(number - 1, -1, -1) if self._turns[n].began_ns <= came_ns), -1)

    def _beginning(self, started: Event, came_ns: int) -> Iterator[Segment]:
        """Yield what was before the execution began: its scheduled start, or executions that are not kept."""
        if started.due_ns is not None:
            yield Segment(Part.TIMER, self._facts.created_ns, started.due_ns, "scheduled start")
        elif came_ns > self._facts.created_ns:
            yield Segment(Part.UNKNOWN, self._facts.created_ns, came_ns, "earlier executions")

    def _outcome(self, asked: Event, came_ns: int) -> Iterator[Segment]:
        """Yield the pieces between a request and its outcome."""
        if asked.kind == "taskScheduled":
            return self._of_work(self._facts.activity(asked), asked, came_ns, Part.ACTIVITY_WHOLE)
        if asked.kind == "timerCreated":
            return self._of_timer(asked, came_ns)
        if asked.kind == "subOrchestrationInstanceCreated":
            return self._of_child(asked, came_ns)
        if asked.kind == "entityOperationCalled":
            return self._of_work(self._batch(asked, came_ns), asked, came_ns, Part.ENTITY)
        return iter([Segment(Part.ENTITY, asked.time_ns, came_ns, ", ".join(asked.fields.get("entities", ())), ENTITY)])

    def _of_work(self, work: WorkFacts | None, asked: Event, came_ns: int, whole: Part) -> Iterator[Segment]:
        name = str(asked.fields.get("entity") or asked.name)
        stages = [] if work is None else work.stages(name)
        if work is not None and work.done_ns is None:
            stages.append(present_stage(work, name, came_ns))
        filler = Part.HARNESS if work is not None and whole is not Part.ENTITY else whole
        kind = ENTITY if whole is Part.ENTITY else "activity"
        return tiled(stages, asked.time_ns, came_ns, Segment(filler, 0, 0, name, kind, SCHEDULER))

    def _of_timer(self, created: Event, came_ns: int) -> Iterator[Segment]:
        due_ns = min(created.due_ns or came_ns, came_ns)
        creator = self._turns[self._asked["timerCreated", created.event_id].turn]
        is_retry = max(creator.given, key=lambda event: event.time_ns).kind in FAILURES
        yield Segment(Part.RETRY if is_retry else Part.TIMER, created.time_ns, due_ns)
        yield Segment(Part.HARNESS, due_ns, came_ns, by=SCHEDULER)

    def _of_child(self, created: Event, came_ns: int) -> Iterator[Segment]:
        child = self._facts.children.get(str(created.fields.get("instanceId")))
        pieces = critical_path(child) if child is not None else []
        filler = Segment(Part.UNKNOWN if child is None else Part.HARNESS, 0, 0, created.name, by=SCHEDULER)
        return tiled(pieces, created.time_ns, came_ns, filler)

    def _batch(self, called: Event, came_ns: int) -> WorkFacts | None:
        """Return the batch that answered a call: the last one that was done when the answer came."""
        works: Sequence[WorkFacts] = self._facts.entities.get(str(called.fields.get("entity")), ())
        done = [(one.done_ns, one) for one in works if one.done_ns is not None]
        answering = [one for done_ns, one in done if called.time_ns <= done_ns <= came_ns + SAME_NS]
        found = answering or list(works)
        return found[-1] if found else None


def _effective_ns(given: Event) -> int:
    """Return when something could be used: at once, but a start that was scheduled for later only then."""
    is_start = given.kind == "executionStarted" and given.due_ns is not None
    return max(given.time_ns, given.due_ns or 0) if is_start else given.time_ns


def identity(asked: Event) -> object:
    """Return the key by which an outcome refers to its request."""
    if asked.kind == "entityOperationCalled":
        return asked.fields.get("requestId")
    return asked.fields.get("criticalSectionId") if asked.kind == "entityLockRequested" else asked.event_id


def unanswered(facts: Facts) -> list[Event]:
    """Return what an instance asked for and has no outcome of yet."""
    answered = {
        (ANSWERS[event.kind][0], event.fields.get(ANSWERS[event.kind][1]))
        for event in [*facts.events, *facts.came]
        if event.kind in ANSWERS
    }
    awaited = {asking for asking, _ in ANSWERS.values()}
    asked = (event for turn in facts.turns for event in turn.asked)
    return [event for event in asked if event.kind in awaited and (event.kind, identity(event)) not in answered]


def present_stage(work: WorkFacts, name: str, now_ns: int) -> Segment:
    """Return the stage that unfinished work is in."""
    part, since_ns = work.now()
    return Segment(part, now_ns if since_ns is None else since_ns, now_ns, name, work.kind)
