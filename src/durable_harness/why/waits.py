"""What a living instance waits for now, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from durable_harness.why.facts import Event, Facts, Work
from durable_harness.why.path import unanswered
from durable_harness.why.segments import LABELS, Part

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

    def as_json(self) -> dict[str, Any]:
        age_s = None if self.age_ns is None else self.age_ns / 1e9
        return {"what": self.what, "does": self.does, "since_s": age_s, "part": self.part}


def waits_of(facts: Facts) -> Iterator[Wait]:
    """Yield what an instance waits for, those inside its sub-orchestrations too; nothing if it has ended."""
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
    if not pending and under_way is None and facts.status != "SUSPENDED":
        yield _of_nothing_asked(facts)


def _of_request(facts: Facts, event: Event) -> Iterator[Wait]:
    what = f"{WHAT[event.kind]} '{event.name}'" if event.name else WHAT[event.kind]
    if event.kind == "taskScheduled":
        work = facts.activity(event)
        if work is not None:
            yield _of_work(facts, work, what)
            return
        yield Wait(what, "was scheduled and has not ended", _age(facts, event.time_ns), Part.ACTIVITY_WHOLE)
    elif event.kind == "timerCreated":
        left_s = ((event.due_ns or 0) - facts.until_ns) / 1e9
        does = f"fires in {left_s:,.1f} s" if facts.now_ns and left_s > 0 else "has not fired"
        yield Wait(what, does, _age(facts, event.time_ns), Part.TIMER)
    elif event.kind == "subOrchestrationInstanceCreated":
        child = facts.children.get(str(event.fields.get("instanceId")))
        yield Wait(what, "has not ended", _age(facts, event.time_ns), Part.UNKNOWN)
        if child is not None:
            yield from waits_of(child)
    else:
        entities = event.fields.get("entity") or ", ".join(event.fields.get("entities", ()))
        yield Wait(f"{what} of {entities}", "has not been answered", _age(facts, event.time_ns), Part.ENTITY)


def _of_work(facts: Facts, work: Work, what: str) -> Wait:
    part, since_ns = work.now()
    return Wait(what, DOES.get(part, LABELS[part]), None if since_ns is None else _age(facts, since_ns), part)


def _of_nothing_asked(facts: Facts) -> Wait:
    """Return the wait of an instance that has asked for nothing else: only an event can bring it on."""
    due_ns = facts.scheduled_start_ns
    if due_ns is not None and due_ns > facts.until_ns:
        left = f"comes in {(due_ns - facts.until_ns) / 1e9:,.1f} s" if facts.is_timed else "has not come"
        return Wait("its scheduled start", left, None, Part.TIMER)
    if not facts.turns:
        return Wait(f"the first turn of orchestrator '{facts.orchestrator}'", "has not begun", None, Part.UNKNOWN)
    age_ns = _age(facts, facts.turns[-1].waits_from_ns)
    return Wait("an external event", "none has come that it takes", age_ns, Part.EVENT)


def _age(facts: Facts, since_ns: int) -> int | None:
    return facts.now_ns - since_ns if facts.is_timed and facts.now_ns is not None else None
