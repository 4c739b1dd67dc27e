"""The culprit of a broken gate: which party holds most of what lies beyond the limit, or answered what failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from durable_harness.gate.gates import GateResult
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.metrics import COSTS
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.who.blame import Blame, blames_text, most_to_blame
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution

OFFERED_MARGIN = 1.02
"""A limit on throughput that is above what was offered, or hardly below it, cannot be met."""
AGE = re.compile(r" \(for [\d,.]+ s(?:, the oldest)?\)")
"""For how long one waits, by which the same waits of several operations would differ."""
OF_AUDIT: Mapping[str, Blame] = {
    "wrong_output": Blame(Party.APP, "its outputs are not those of their inputs"),
    "unrecorded": Blame(Party.GENERATOR, "it has no record of these operations"),
    "unknown": Blame(Party.UNKNOWN, "others started operations during the run"),
    "duplicated": Blame(Party.UNKNOWN, "operations were started twice"),
    "stuck": Blame(Party.UNKNOWN, "operations have not ended, and it is not known what they wait for"),
}
OF_OUR_AUDIT: Mapping[str, Blame] = {
    "lost": Blame(Party.SCHEDULER, "it no longer knew operations that were accepted"),
    "contradicted": Blame(Party.SCHEDULER, "operations have another status than they were seen to end with"),
}
"""For a host of this package. Of any other service it is not known which part of it forgot."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """Who broke a gate, and the evidence. `attribution` is of the operations beyond the limit of a gate on a time."""

    party: Party
    evidence: str
    attribution: Attribution | None = None

    @property
    def text(self) -> str:
        return f"{self.party}: {self.evidence}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run, or of one scenario of it, when culprits are looked for."""

    beyond: Mapping[str, Attribution | None] = field(default_factory=dict)
    """By the name of a broken gate on a time: the shares of operations beyond its limit."""
    tail: Attribution | None = None
    blames: Counter[Blame] = field(default_factory=Counter)
    is_ours: bool = False
    offered_per_s: float | None = None
    stuck: Sequence[StuckOperation] = ()
    """The first operations that have not ended."""
    host_died: str = ""
    """How the host ended; empty if it lives, or if that cannot be seen."""
    generator_late: str = ""
    """Why the run is invalid by its generator; empty if it kept up."""


def culprit_of(result: GateResult, known: Known) -> Culprit:
    """Return the culprit of a broken gate: in a run that the generator spoiled it, if the host died that."""
    if known.generator_late:
        return Culprit(Party.GENERATOR, known.generator_late)
    return Culprit(Party.HOST, known.host_died) if known.host_died else _of_gate(result, known)


def _of_gate(result: GateResult, known: Known) -> Culprit:
    gate = result.gate
    if gate.metric == "operations":
        return _of_operations(result, known)
    if gate.metric == AUDIT:
        return _of_audit(result, known)
    if gate.metric in COSTS:
        return Culprit(Party.APP, "its orchestrations ask for it")
    if known.beyond.get(gate.name) is None and result.measured is None:
        return _by_blames(known)
    return _by_time(known.beyond.get(gate.name), f"of operations beyond {gate.limit:,.6g}{_unit(gate.unit)}")


def _of_audit(result: GateResult, known: Known) -> Culprit:
    if result.measured is None:
        return _by_blames(known)  # nothing was audited, since the starts were refused
    statistic = result.gate.statistic
    if statistic == "stuck" and (waits := stuck_text(known.stuck)):
        return Culprit(Party.UNKNOWN, waits)
    rules = {**OF_AUDIT, **OF_OUR_AUDIT} if known.is_ours else OF_AUDIT
    return Culprit(*rules.get(statistic, Blame(Party.UNKNOWN, "the service does not report which part of it")))


def stuck_text(stuck: Iterable[StuckOperation]) -> str:
    """Return what the operations wait for, each wait once; empty if no wait is known."""
    waits = dict.fromkeys(AGE.sub("", wait) for one in stuck for wait in one.waits)
    return f"operations have not ended: they wait for {'; '.join(waits)}" if waits else ""


def _of_operations(result: GateResult, known: Known) -> Culprit:
    match result.gate.statistic:
        case "throughput_per_s":
            return _of_throughput(result, known)
        case "unexpected_answers":
            party = Party.HOST if known.is_ours else Party.UNKNOWN
            return Culprit(party, "requests beside the operations were not answered as they should be")
    return _by_blames(known)


def _of_throughput(result: GateResult, known: Known) -> Culprit:
    offered = known.offered_per_s
    if offered is not None and offered < result.gate.limit * OFFERED_MARGIN:
        return Culprit(Party.GENERATOR, f"it offered {offered:.3g} operations/s: raise --rate, or lower the limit")
    if known.blames:
        return _by_blames(known)
    return _by_time(known.tail, "of the slowest operations")


def _by_time(found: Attribution | None, of: str) -> Culprit:
    if found is None or found.largest is None:
        return Culprit(Party.UNKNOWN, f"the time {of} cannot be split", found)
    unknown = found.share_of(Party.UNKNOWN)
    party = Party.UNKNOWN if unknown.mean_ms > found.largest.mean_ms else found.largest.party
    operations = "operation" if found.operations == 1 else "operations"
    evidence = found.text.removeprefix(f"{party} ")
    return Culprit(party, f"{evidence}, the mean of {found.operations} {operations} beyond the limit", found)


def _by_blames(known: Known) -> Culprit:
    most = most_to_blame(known.blames)
    if most is None:
        return Culprit(Party.UNKNOWN, "it is not known who answered")
    return Culprit(most.party, blames_text(known.blames))


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""
