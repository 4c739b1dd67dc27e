"""What a living instance waits for now, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from durable_harness.protocol.values import LATEST_NS
from durable_harness.why.facts import Event, Facts, WorkFacts
from durable_harness.why.path import unanswered
from durable_harness.why.segments import LABELS, Part
from durable_harness.wording.lengths import readable

WHAT = {
    "taskScheduled": "activity",
    "timerCreated": "timer",
    "subOrchestrationInstanceCreated": "sub-orchestration",
    "entityOperationCalled": "entity",
    "entityLockRequested": "lock",
}
DOES = {
    Part.CODE: "runs",
    Part.ORCHESTRATOR: "runs",
    Part.DISPATCH: "waits for a host that takes it: none that is connected does",
    Part.SLOT: "waits for a slot",
    Part.THREAD: "waits for a thread",
    Part.HARNESS: "is on its way between scheduler and host",
    Part.UNKNOWN: "was handed to a host, which has noted nothing of it",
}


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that an instance waits for; `age_ns` is None if how long is not known."""

    what: str
    does: str
    age_ns: int | None
    part: Part
    line: str = ""
    """Where in the code, as `file:line`, if that is known."""
    note: str = ""
    """What else may be to blame."""
    on: str = ""
    """The ID of the sub-orchestration that is waited for; empty if it is something else."""
    of: str = ""
    """The ID of the instance that waits."""
    depth: int = 0
    """How far below the first instance that is."""
    orchestrator: str = ""

    @property
    def owner(self) -> str:
        """The instance that waits, unless that is the first one."""
        return f"{self.orchestrator} {self.of}" if self.depth else ""

    def as_json(self) -> dict[str, Any]:
        age_s = None if self.age_ns is None else self.age_ns / 1e9
        words = {"what": self.what, "does": self.does, "since_s": age_s, "part": self.part}
        return {**words, "line": self.line or None, "note": self.note or None, "instanceId": self.of}


def waits_of(facts: Facts, depth: int = 0) -> Iterator[Wait]:
    """Yield what an instance waits for, those inside its sub-orchestrations too; nothing if it has ended."""
    for wait in _own_waits(facts):
        yield replace(wait, of=facts.instance_id, depth=depth, orchestrator=facts.orchestrator)
        child = facts.children.get(wait.on)
        if child is not None:
            yield from waits_of(child, depth + 1)


def _own_waits(facts: Facts) -> Iterator[Wait]:
    if facts.has_ended:
        return
    if facts.status == "SUSPENDED":
        yield Wait("its resumption", "it is suspended", None, Part.SUSPENDED)
    under_way = facts.turn_under_way
    if under_way is not None:
        yield _of_work(facts, under_way, f"a turn of orchestrator '{facts.orchestrator}'")
    pending = unanswered(facts)
    for event in pending:
        yield from _of_request(facts, event)
    events = list(_of_events(facts))
    yield from events
    if not pending and not events and under_way is None and facts.status != "SUSPENDED":
        yield _of_nothing_asked(facts)


def _of_request(facts: Facts, event: Event) -> Iterator[Wait]:
    what = f"{WHAT[event.kind]} '{event.name}'" if event.name else WHAT[event.kind]
    if event.kind == "taskScheduled":
        yield replace(_of_activity(facts, event, what), note=_repeated(facts.repeats.get(event.event_id, 0)))
    elif event.kind == "timerCreated":
        yield Wait(what, _when_due(facts, event.due_ns or 0), _age(facts, event.time_ns), Part.TIMER)
    elif event.kind == "subOrchestrationInstanceCreated":
        age_ns, child_id = _age(facts, event.time_ns), str(event.fields.get("instanceId") or "")
        yield Wait(what, "has not ended", age_ns, Part.UNKNOWN, on=child_id)
    else:
        entities = event.fields.get("entity") or ", ".join(event.fields.get("entities", ()))
        yield Wait(f"{what} of {entities}", "has not been answered", _age(facts, event.time_ns), Part.ENTITY)


def _when_due(facts: Facts, due_ns: int) -> str:
    """Return when a timer fires. A time beyond what a scheduler keeps stands for "never"."""
    if due_ns >= LATEST_NS:
        return "is due after the year 2115"
    left_ns = due_ns - facts.until_ns
    return f"fires in {readable(left_ns)}" if facts.now_ns and left_ns > 0 else "has not fired"


def _of_activity(facts: Facts, event: Event, what: str) -> Wait:
    work = facts.activity(event)
    if work is not None:
        return _of_work(facts, work, what)
    return Wait(what, "was scheduled and has not ended", _age(facts, event.time_ns), Part.ACTIVITY_WHOLE)


def _repeated(count: int) -> str:
    times = "once" if count == 1 else f"{count} times"
    return f"handed out again {times}: the process or worker that had it ended" if count else ""


def _of_events(facts: Facts) -> Iterator[Wait]:
    """Yield the external events that the code waits for. One that came under another name may be a misspelt one."""
    if facts.awaits is None or not facts.turns:
        return
    line, note = facts.awaits.line or "", _unclaimed(facts.awaits.unclaimed)
    age_ns = _age(facts, _began_to_wait_ns(facts, facts.awaits.unclaimed))
    for name in facts.awaits.events:
        yield Wait(f"external event '{name}'", "has not come", age_ns, Part.EVENT, line=line, note=note)


def _began_to_wait_ns(facts: Facts, unclaimed: Sequence[str]) -> int:
    """Return since when it has waited. Turns for events that nothing takes do not count."""
    ignored = {name.casefold() for name in unclaimed}
    for turn in reversed(facts.turns):
        if turn.asked or any(one.kind != "eventRaised" or one.name.casefold() not in ignored for one in turn.given):
            return turn.waits_from_ns
    return facts.turns[0].waits_from_ns


def _unclaimed(names: Sequence[str]) -> str:
    counts = Counter(names)
    came = [f"'{name}' came{f' {count} times' if count > 1 else ''}" for name, count in counts.items()]
    return f"{' and '.join(came)}, and nothing waits for {'it' if len(came) == 1 else 'them'}" if came else ""


def _of_work(facts: Facts, work: WorkFacts, what: str) -> Wait:
    part, since_ns = work.now()
    return Wait(
        what, work.faked or DOES.get(part, LABELS[part]), None if since_ns is None else _age(facts, since_ns), part
    )


def _of_nothing_asked(facts: Facts) -> Wait:
    """Return the wait of an instance that has asked for nothing else: only an event can continue it."""
    due_ns = facts.scheduled_start_ns
    if due_ns is not None and due_ns > facts.until_ns:
        left = f"comes in {readable(due_ns - facts.until_ns)}" if facts.is_timed else "has not come"
        return Wait("its scheduled start", left, None, Part.TIMER)
    if not facts.turns:
        return Wait(f"the first turn of orchestrator '{facts.orchestrator}'", "has not begun", None, Part.UNKNOWN)
    age_ns = _age(facts, facts.turns[-1].waits_from_ns)
    last = next((event.name for event in reversed(facts.turns[-1].given) if event.kind == "eventRaised"), "")
    note = f"the last that came was '{last}'" if last else ""
    return Wait("an external event", "none has come that it takes", age_ns, Part.EVENT, note=note)


def _age(facts: Facts, since_ns: int) -> int | None:
    return facts.now_ns - since_ns if facts.is_timed and facts.now_ns is not None else None
