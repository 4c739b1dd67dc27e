"""An instance as a Gantt chart: its turns, and what it asked for, each with its waits and its work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from durable_harness.why.facts import Event, Facts, TurnFacts, WorkFacts
from durable_harness.why.path import ANSWERS, FAILURES, identity
from durable_harness.why.waits import WHAT

UNITS = 1000
"""The width of a chart in the units of its drawing."""
LEAST_UNITS = 2
"""Bars are at least that wide, to be seen at all."""
MOST_LANES = 200
BARS_KEY = (
    ("turn", "turn"),
    ("replayed", "turn with replay"),
    ("queued", "waits to run"),
    ("running", "runs"),
    ("failed", "failed"),
    ("whole", "activity, waits included"),
    ("timer", "timer, delay, event"),
    ("child", "sub-orchestration"),
    ("entity", "entity"),
)
"""The kinds of bars, with what they mean, as the key of a chart lists them."""
_SHOWN_AS = {"delay": "timer", "wait": "timer"}


@dataclass(frozen=True, slots=True)
class LaneBar:
    """A span of time in a lane. `title` says in words what it shows."""

    kind: str
    from_ns: int
    to_ns: int
    title: str

    @property
    def length_ns(self) -> int:
        return max(0, self.to_ns - self.from_ns)


@dataclass(slots=True)
class Lane:
    """One thing that an instance did or asked for; of a task with retries all attempts."""

    what: str
    name: str
    bars: list[LaneBar] = field(default_factory=list)
    attempts: int = 1
    instance_id: str = ""
    """The sub-orchestration that it is."""
    is_open: bool = False
    """Whether it has not ended."""

    @property
    def rank(self) -> int:
        """Where it stands if not all have room: the orchestrator and what failed, what has not ended, the rest."""
        if self.what == "orchestrator" or any(bar.kind == "failed" for bar in self.bars):
            return 0
        return 1 if self.is_open else 2

    @property
    def from_ns(self) -> int:
        return min(bar.from_ns for bar in self.bars)

    @property
    def length_ns(self) -> int:
        return max(bar.to_ns for bar in self.bars) - self.from_ns


@dataclass(frozen=True)
class Timeline:
    """The lanes of an instance in the order in which they begin."""

    lanes: Sequence[Lane]
    from_ns: int
    to_ns: int
    left_out: int = 0
    """How many lanes are not among them, because there would be too many."""

    @property
    def length_ns(self) -> int:
        return max(self.to_ns - self.from_ns, 1)

    @property
    def key(self) -> list[tuple[str, str]]:
        """The kinds of bars that there are, with what they mean."""
        kinds = {_SHOWN_AS.get(bar.kind, bar.kind) for lane in self.lanes for bar in lane.bars}
        return [(kind, meaning) for kind, meaning in BARS_KEY if kind in kinds]

    def x(self, bar: LaneBar) -> float:
        """Return where a bar begins, in the units of the drawing."""
        return min(round(UNITS * (bar.from_ns - self.from_ns) / self.length_ns, 1), UNITS - LEAST_UNITS)

    def width(self, bar: LaneBar) -> float:
        return max(round(UNITS * bar.length_ns / self.length_ns, 1), LEAST_UNITS)


def timeline_of(facts: Facts) -> Timeline:
    """Return the chart of an instance."""
    found = sorted(_Lanes(facts).all(), key=lambda lane: lane.from_ns)
    lanes = [*_turns(facts), *found]
    ends = [bar.to_ns for lane in lanes for bar in lane.bars]
    shown = _chosen(lanes)
    return Timeline(shown, facts.created_ns, max([facts.until_ns, *ends]), len(lanes) - len(shown))


def _chosen(lanes: Sequence[Lane]) -> list[Lane]:
    """Return as many lanes as have room, in their order: what failed is among them first, then what has not ended."""
    by_rank = sorted(range(len(lanes)), key=lambda place: lanes[place].rank)
    return [lanes[place] for place in sorted(by_rank[:MOST_LANES])]


def _turns(facts: Facts) -> Iterator[Lane]:
    """Yield the lane of the orchestrator's own turns: each waits, then runs."""
    lane = Lane("orchestrator", facts.orchestrator)
    for number, turn in enumerate(facts.turns, 1):
        lane.bars += _turn_bars(turn, number)
    under_way = facts.turn_under_way
    if under_way is not None:
        lane.bars += _work_bars(under_way, facts.until_ns, "turn", f"turn {len(facts.turns) + 1}")
        lane.is_open = True
    if lane.bars:
        yield lane


def _turn_bars(turn: TurnFacts, number: int) -> list[LaneBar]:
    name = f"turn {number}"
    if turn.work is None:
        return [LaneBar("turn", turn.began_ns, turn.ended_ns or turn.began_ns, name)]
    replayed = turn.work.replayed_events
    if replayed:
        name += f", {replayed:,} events replayed"
    return _work_bars(turn.work, turn.ended_ns or turn.began_ns, "replayed" if replayed else "turn", name)


def _work_bars(work: WorkFacts, until_ns: int, kind: str, name: str) -> list[LaneBar]:
    """Return the bars of a piece of work: what it waited until code ran, and its code, as far as that is known."""
    # A host that has not begun it says so; of one that says nothing the work counts as begun once it has it.
    waits = work.is_hosted and work.done_ns is None
    begun_ns = work.begun_ns or (None if waits else work.sent_ns)
    ended_ns = work.ended_ns or work.done_ns or until_ns
    ready_ns = work.ready_ns if work.ready_ns is not None else begun_ns
    if ready_ns is None:
        return []
    if begun_ns is None:
        return [LaneBar("queued", ready_ns, until_ns, f"{name}: waits to run")]
    return [LaneBar("queued", ready_ns, begun_ns, f"{name}: waited to run"), LaneBar(kind, begun_ns, ended_ns, name)]


@dataclass
class _Retrying:
    """A lane whose task failed, and the timer that its next attempt waits for."""

    lane: Lane
    name: str
    timer_id: int | None = None


class _Lanes:
    """Makes the lanes of what an instance asked for."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._answers: dict[tuple[str, object], list[Event]] = {}
        for event in [*facts.events, *facts.came]:
            if event.kind in ANSWERS:
                asking, field_name = ANSWERS[event.kind]
                self._answers.setdefault((asking, event.fields.get(field_name)), []).append(event)
        self._lanes: list[Lane] = []
        self._by_request: dict[tuple[str, object], Lane] = {}
        self._retrying: list[_Retrying] = []

    def all(self) -> list[Lane]:
        for number, turn in enumerate(self._facts.turns):
            self._note_failures(turn)
            fired = {event.fields.get("timerId") for event in turn.given if event.kind == "timerFired"}
            due = [one for one in self._retrying if one.timer_id in fired]
            for event in turn.asked:
                self._add(event, due)
            self._add_events(turn, number)
            self._retrying = [one for one in self._retrying if one.timer_id is not None and one not in due]
        self._add_present_waits()
        return [lane for lane in self._lanes if lane.bars]

    def _note_failures(self, turn: TurnFacts) -> None:
        """Remember what has failed: a timer that is asked for in this turn may be the delay before its next attempt."""
        for event in turn.given:
            if event.kind in FAILURES:
                lane = self._by_request.get((ANSWERS[event.kind][0], event.fields.get(ANSWERS[event.kind][1])))
                if lane is not None:
                    self._retrying.append(_Retrying(lane, lane.name))

    def _add(self, event: Event, due: list[_Retrying]) -> None:
        if event.kind not in WHAT:
            return
        if event.kind == "timerCreated":
            waiting = next((one for one in self._retrying if one.timer_id is None), None)
            if waiting is not None:
                waiting.timer_id = event.event_id
                waiting.lane.bars.append(self._timer_bar(event, "delay"))
                return
        again = next((one for one in due if one.name == event.name), None)
        if again is not None:
            due.remove(again)
            self._retrying.remove(again)
            again.lane.attempts += 1
        lane = again.lane if again is not None else Lane(WHAT[event.kind], _name(event))
        if again is None:
            self._lanes.append(lane)
        self._by_request[event.kind, identity(event)] = lane
        lane.bars += self._bars(event, lane)

    def _bars(self, event: Event, lane: Lane) -> list[LaneBar]:
        answer = self._answer(event)
        lane.is_open = answer is None and not self._facts.has_ended
        if event.kind == "timerCreated":
            return [self._timer_bar(event, "timer")]
        until_ns = self._facts.until_ns if answer is None else answer.time_ns
        kind = "failed" if answer is not None and answer.kind.endswith("Failed") else ""
        name = f"{lane.what} {lane.name}" + (f", attempt {lane.attempts}" if lane.attempts > 1 else "")
        if event.kind == "taskScheduled":
            work = self._facts.activity(event)
            if work is not None:
                return _work_bars(work, until_ns, kind or "running", name)
            return [LaneBar(kind or "whole", event.time_ns, until_ns, name)]
        if event.kind == "subOrchestrationInstanceCreated":
            lane.instance_id = str(event.fields.get("instanceId", ""))
            return [LaneBar(kind or "child", event.time_ns, until_ns, name)]
        return [LaneBar(kind or "entity", event.time_ns, until_ns, name)]

    def _answer(self, event: Event) -> Event | None:
        """Return the first outcome since a request: SDK 2.x asks for each attempt under one id."""
        answers = self._answers.get((event.kind, identity(event)), ())
        return next((answer for answer in answers if answer.time_ns >= event.time_ns), None)

    def _timer_bar(self, event: Event, kind: str) -> LaneBar:
        answer = self._answer(event)
        title = "delay before the next attempt" if kind == "delay" else "timer"
        if answer is not None:
            return LaneBar(kind, event.time_ns, answer.time_ns, title)
        # One that was cancelled never fires: it ends with the instance.
        until_ns = min(event.due_ns or self._facts.until_ns, self._facts.until_ns)
        return LaneBar(kind, event.time_ns, until_ns, f"{title}, has not fired")

    def _add_events(self, turn: TurnFacts, number: int) -> None:
        """Add the external events that a turn was given: the time before each may have been spent waiting for it."""
        before = self._facts.turns[number - 1].waits_from_ns if number else self._facts.created_ns
        for event in turn.given:
            if event.kind == "eventRaised":
                bar = LaneBar("wait", min(before, event.time_ns), event.time_ns, f"before event {event.name} came")
                self._lanes.append(Lane("event", event.name, [bar]))
            elif event.kind == "executionResumed":
                bar = LaneBar("wait", min(before, event.time_ns), event.time_ns, "suspended")
                self._lanes.append(Lane("suspended", "", [bar]))

    def _add_present_waits(self) -> None:
        facts = self._facts
        is_idle = not facts.has_ended and facts.turn_under_way is None and bool(facts.turns)
        if is_idle and not any(lane.is_open for lane in self._lanes):
            since_ns = facts.turns[-1].waits_from_ns
            awaited = facts.awaits.events if facts.awaits is not None else ()
            events = " and ".join(f"event {name}" for name in awaited) or "an external event"
            waits_for = "its resumption" if facts.status == "SUSPENDED" else events
            bar = LaneBar("wait", since_ns, facts.until_ns, f"waits for {waits_for}")
            self._lanes.append(Lane("waits for", waits_for, [bar], is_open=True))


def _name(event: Event) -> str:
    entity = event.fields.get("entity") or ", ".join(event.fields.get("entities", ()))
    return f"{entity} {event.name}".strip() if entity else event.name
