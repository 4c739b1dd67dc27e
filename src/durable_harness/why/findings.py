"""The setting that is the bottleneck: waits on the path that a setting, or a change to a function, would shorten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.why.entity_names import shown_names, summed
from durable_harness.why.facts import ACTIVITY, ENTITY, TURN, Facts
from durable_harness.why.segments import Part, Segment, totals
from durable_harness.wording.lengths import readable

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
SLOTS: Mapping[str, tuple[str, str, str]] = {
    TURN: ("maxConcurrentOrchestratorFunctions", "turn", "orchestrator turns"),
    ACTIVITY: ("maxConcurrentActivityFunctions", "activity", "activities"),
    ENTITY: ("maxConcurrentEntityFunctions", "batch", "entity batches"),
}
"""For each kind of work: its setting in host.json, its name among the limits of a host, and what it is called."""
LEAST_SHARE = 0.05
"""Parts with a smaller share of the path get no sentence."""
MOST_NAMES = 3
LEAST_NAME_SHARE = 0.005
"""Of several functions those below this share of the path are counted together."""


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
    """Yield the findings on a path, or on those of several operations together, the largest share first."""
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
        yield from _slots(facts, share, pieces)
    elif part is Part.REPLAY:
        yield _replay(facts, share)
    elif say:
        yield Finding(part, share, f"{share:.0%} {say.format(_names(pieces, share, operations))}".replace(" .", "."))


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


def _slots(facts: Facts, share: float, pieces: Sequence[Segment]) -> Iterator[Finding]:
    """Yield a finding for each kind of work that waits: each has a setting of its own."""
    lengths = Counter[str]()
    for piece in pieces:
        lengths[piece.work] += piece.length_ns
    whole_ns = sum(lengths.values())
    for number, (kind, length_ns) in enumerate(lengths.most_common()):
        of_kind = share * length_ns / whole_ns if whole_ns else 0.0
        if kind in SLOTS and (not number or of_kind >= LEAST_SHARE):
            yield _slot(facts, of_kind, kind)


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
            f"The async function '{name}' keeps the event loop to itself for up to {readable(held_ns)}: no other"
            " function, answer or turn of this host runs meanwhile. Make it a plain function, or await what it waits"
            " for.",
        )


def _names(pieces: Sequence[Segment], share: float, operations: int) -> str:
    """Return what some pieces belong to: the only name, or each of several with its own share of the path."""
    own_lengths = Counter[str]()
    for piece in pieces:
        own_lengths[piece.name] += piece.length_ns
    shown_as = shown_names(own_lengths)
    lengths = summed(own_lengths, shown_as)
    counts = summed(Counter(piece.name for piece in pieces), shown_as)
    in_a_row = {name: _in_a_row(count // operations) for name, count in counts.items()}
    if len(lengths) == 1:
        (name,) = lengths
        return f"'{name}'" + (f" ({in_a_row[name]})" if in_a_row[name] else "") if name else ""
    whole_ns = sum(lengths.values())
    shares = {name: share * length_ns / whole_ns for name, length_ns in lengths.most_common() if name and whole_ns}
    shown = [name for name, own in shares.items() if own >= LEAST_NAME_SHARE][:MOST_NAMES]
    words = [f"'{name}' ({', '.join(filter(None, (f'{shares[name]:.0%}', in_a_row[name])))})" for name in shown]
    more, more_share = len(shares) - len(shown), sum(shares.values()) - sum(shares[name] for name in shown)
    return listed([*words, *([f"{more} more ({more_share:.0%})"] if more_share >= LEAST_NAME_SHARE else ())])


def _in_a_row(count: int) -> str:
    return f"{count} one after the other" if count > 1 else ""


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


_SENTENCES: Mapping[Part, str] = {
    Part.CODE: "is the code of {}.",
    Part.ORCHESTRATOR: "is the code of orchestrator {}.",
    Part.ACTIVITY_WHOLE: "is activities, with what they waited for: {}.",
    Part.TURN_WHOLE: "is turns of orchestrators, with what they waited for: {}.",
    Part.LOOP: "waits for the event loop while it is kept by {}.",
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
