"""The knob that binds: what of the path is a wait that a setting, or another way to write a function, would shorten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.why.facts import ACTIVITY, ENTITY, TURN, Facts
from durable_harness.why.segments import Part, Segment, totals

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
SLOTS: Mapping[str, tuple[str, str, str]] = {
    TURN: ("maxConcurrentOrchestratorFunctions", "turn", "orchestrator turns"),
    ACTIVITY: ("maxConcurrentActivityFunctions", "activity", "activities"),
    ENTITY: ("maxConcurrentEntityFunctions", "batch", "entity batches"),
}
"""For each kind of work: its setting in host.json, its name among the limits of a host, and what it is called."""
LEAST_SHARE = 0.05
"""Parts below this share of the path are not worth a sentence."""
NEARLY_ALL = 0.995
"""From this share of a part on it is put down to one name: the rest would be written as 0 %."""
MOST_NAMES = 3
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What takes a share of the path, in a sentence. `knob` is the setting that binds, if one does."""

    part: Part
    share: float
    text: str
    knob: str = ""
    value: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "share": self.share,
            "text": self.text,
            "knob": self.knob or None,
            "value": self.value,
        }


def findings_of(facts: Facts, path: Sequence[Segment], operations: int = 1) -> Iterator[Finding]:
    """Yield what is worth saying of a path, or of those of several operations together, the largest share first."""
    sums = totals(path)
    total_ns = sum(sums.values())
    for part, part_ns in sums.items():
        share = part_ns / total_ns if total_ns else 0.0
        if share >= LEAST_SHARE:
            yield from _of_part(facts, part, total_ns, [one for one in path if one.part is part], operations)
    yield from _blocking(facts)


def _of_part(facts: Facts, part: Part, total_ns: int, pieces: Sequence[Segment], operations: int) -> Iterator[Finding]:
    say = _SENTENCES.get(part)
    share = sum(piece.length_ns for piece in pieces) / total_ns
    if part is Part.THREAD:
        yield _thread(facts, share)
    elif part is Part.SLOT:
        yield from _slots(facts, total_ns, pieces)
    elif part is Part.REPLAY:
        yield _replay(facts, share)
    elif say:
        yield Finding(part, share, f"{share:.0%} {say.format(_names(pieces, total_ns, operations))}".replace(" .", "."))


def _thread(facts: Facts, share: float) -> Finding:
    threads = facts.limits.get("threads")
    known = "" if threads is None else f": {threads} plain (not async) functions at once, {THREADS} is {threads}"
    return Finding(
        Part.THREAD,
        share,
        f"{share:.0%} waits for a thread{known}. Raise it, or make functions that wait for something async.",
        THREADS,
        threads,
    )


def _slots(facts: Facts, total_ns: int, pieces: Sequence[Segment]) -> Iterator[Finding]:
    """Yield one finding for each kind of work that waits for slots: each kind has its own setting."""
    lengths = Counter[str]()
    for piece in pieces:
        lengths[piece.work] += piece.length_ns
    for number, (kind, length_ns) in enumerate(lengths.most_common()):
        if not number or length_ns >= LEAST_SHARE * total_ns:
            yield _slot(facts, length_ns / total_ns, kind)


def _slot(facts: Facts, share: float, kind: str) -> Finding:
    setting, limit_name, plural = SLOTS[kind]
    limit = facts.limits.get(limit_name)
    known = "" if limit is None else f": {limit} {plural} at once, {setting} is {limit}"
    return Finding(
        Part.SLOT,
        share,
        f"{share:.0%} waits for a slot{known}. Raise extensions.durableTask.{setting} in host.json.",
        setting,
        limit,
    )


def _replay(facts: Facts, share: float) -> Finding:
    turns = [work for work in facts.work if work.kind == TURN and work.replayed_events]
    events = sum(work.replayed_events for work in turns)
    return Finding(
        Part.REPLAY,
        share,
        f"{share:.0%} is replay: {len(turns)} turns replayed {events:,} events. Shorten the history:"
        " sub-orchestrations, continue_as_new, fewer and larger activities; and keep what orchestrators compute small.",
    )


def _blocking(facts: Facts) -> Iterator[Finding]:
    """Yield the functions that keep the event loop to themselves, the longest first."""
    longest: dict[str, int] = {}
    for held in facts.held:
        if held.from_ns < facts.until_ns:
            longest[held.name] = max(longest.get(held.name, 0), held.length_ns)
    for name, held_ns in sorted(longest.items(), key=lambda item: -item[1]):
        yield Finding(
            Part.LOOP,
            0.0,
            f"The async function '{name}' keeps the event loop to itself for up to {held_ns / MS:,.0f} ms: no other"
            " function, answer or turn of this host goes on meanwhile. Make it a plain function, or await what it waits"
            " for.",
        )


def _names(pieces: Sequence[Segment], total_ns: int, operations: int) -> str:
    """Name what some pieces belong to. Of several names each has its share of the path."""
    lengths, counts = Counter[str](), Counter[str]()
    for piece in pieces:
        lengths[piece.name] += piece.length_ns
        counts[piece.name] += 1
    whole_ns = sum(lengths.values())
    largest = lengths.most_common(MOST_NAMES)
    if largest and largest[0][1] >= NEARLY_ALL * whole_ns:
        return _name(largest[0][0], counts, operations)
    shown = [f"{_name(name, counts, operations)} {length_ns / total_ns:.0%}" for name, length_ns in largest if name]
    others = len([name for name in lengths if name]) - len(shown)
    rest_ns = whole_ns - sum(length_ns for name, length_ns in largest if name)
    more = [f"{others} more {rest_ns / total_ns:.0%}"] if others else []
    return ", ".join([*shown, *more])


def _name(name: str, counts: Counter[str], operations: int) -> str:
    """Return a name, and how many pieces of it an operation has, if it has several."""
    if not name:
        return ""
    of_one = counts[name] // operations
    return f"'{name}'" + (f" ({of_one} one after the other)" if of_one > 1 else "")


_SENTENCES: Mapping[Part, str] = {
    Part.CODE: "is the code of {}.",
    Part.ORCHESTRATOR: "is the code of orchestrator {}.",
    Part.ACTIVITY_WHOLE: "is activity {}, with what it waited for.",
    Part.TURN_WHOLE: "is turns of orchestrator {}, with what they waited for.",
    Part.LOOP: "waits for the event loop, kept by {}.",
    Part.TIMER: "waits for timers {}.",
    Part.RETRY: "waits between attempts of what failed.",
    Part.EVENT: "waits for an external event {}.",
    Part.SUSPENDED: "is spent suspended.",
    Part.ENTITY: "waits for an entity that is busy or locked: {}.",
    Part.DISPATCH: "waits for a host that takes the work of {}: none that was connected did.",
    Part.SLIP: "is a late start by the load generator: not the service's.",
    Part.START: "is the request that starts the operation, until its orchestration is created.",
    Part.DETECTION: "passes between the end and the poll that sees it: a shorter poll interval sees it earlier.",
    Part.REQUESTS: "is the start request and the detection lag, which two clocks do not tell apart.",
    Part.HARNESS: "passes between scheduler and host.",
}
