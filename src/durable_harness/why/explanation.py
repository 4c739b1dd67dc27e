"""One instance explained: its critical path, the parts of it, what it waits for now, and the knob that binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durable_harness.why.facts import Facts, read_facts
from durable_harness.why.findings import Finding, findings_of
from durable_harness.why.path import critical_path
from durable_harness.why.segments import LABELS, Part, Segment, totals
from durable_harness.why.waits import Wait, waits_of
from durable_harness.wording.lengths import NS_PER_MS

NOT_TIMED = (
    "Its times are no measurements: the clock of its scheduler was moved or set while it lived, or its events are not"
    " stamped. How long things took is not known."
)
NOT_NOTED = (
    "There are no notes of its work (its scheduler is not of this project, was started again, or it is too long ago):"
    " which part of it were waits for dispatch, slots and threads is not known."
)


@dataclass(frozen=True)
class Explanation:
    """What an instance spent its time on. Without a reliable clock it has no path."""

    facts: Facts
    path: tuple[Segment, ...]
    waits: tuple[Wait, ...]
    findings: tuple[Finding, ...]
    not_known: tuple[str, ...]

    @property
    def total_ns(self) -> int | None:
        """From its creation until its end, or until now; None if that is not known."""
        return self.facts.until_ns - self.facts.created_ns if self.path else None

    @property
    def parts(self) -> dict[Part, int]:
        """The nanoseconds of each part of the path, the largest first."""
        return totals(self.path)

    def as_json(self) -> dict[str, Any]:
        total_ns, created_ns = self.total_ns, self.facts.created_ns
        return {
            "instanceId": self.facts.instance_id,
            "orchestrator": self.facts.orchestrator,
            "status": self.facts.status,
            "total_ms": None if total_ns is None else total_ns / NS_PER_MS,
            "parts": [
                {"part": part, "label": LABELS[part], "ms": ns / NS_PER_MS, "share": ns / total_ns if total_ns else 0.0}
                for part, ns in self.parts.items()
            ],
            "path": [
                {
                    "part": segment.part,
                    "name": segment.name,
                    "from_ms": (segment.from_ns - created_ns) / NS_PER_MS,
                    "to_ms": (segment.to_ns - created_ns) / NS_PER_MS,
                }
                for segment in self.path
            ],
            "waits": [wait.as_json() for wait in self.waits],
            "findings": [finding.as_json() for finding in self.findings],
            "notKnown": list(self.not_known),
        }


def explain(document: Mapping[str, Any]) -> Explanation:
    """Return the explanation of an instance from its document."""
    facts = read_facts(document)
    path = critical_path(facts) if facts.is_timed else []
    not_known = [] if facts.is_timed else [NOT_TIMED]
    if facts.is_timed and not facts.is_noted:
        not_known.append(NOT_NOTED)
    waits = waits_of(facts)
    return Explanation(facts, tuple(path), tuple(waits), tuple(findings_of(facts, path)), tuple(not_known))
