"""What the server reports after a run about every operation that it had accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class AuditProblem(StrEnum):
    """What can be wrong with an operation at the server; the value is the word that reports and gates use."""

    LOST = "lost", "the server accepted, and no longer knows"
    STUCK = "stuck", "have not ended, although the run follows them no longer"
    CONTRADICTED = "contradicted", "ended otherwise than the run saw and counted, or changed after their end"
    WRONG_OUTPUT = "wrong output", "completed with an output that does not belong to their input"
    DUPLICATED = "duplicated", "were started twice: two have the same token, or two starts were given the same ID"
    UNRECORDED = (
        "unrecorded",
        "this run started, but has no record of: the start was not answered, or the process that kept it was killed",
    )
    UNKNOWN = "unknown", "were created during the run, but not by it; on a service that others use that is no fault"

    meaning: str
    """Completes the sentence "Operations that …"."""

    def __new__(cls, word: str, meaning: str) -> AuditProblem:  # noqa: PYI034 - an enum's members
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One operation with a problem."""

    problem: AuditProblem
    instance_id: str
    token: str = ""
    detail: str = ""
    scenario: str = ""
    """Empty if it is not known."""


@dataclass(frozen=True, slots=True)
class ScenarioAudit:
    """The result of an audit for the operations of one scenario."""

    accepted: int = 0
    confirmed: int = 0
    unseen: int = 0
    counts: Mapping[AuditProblem, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit."""

    method: str
    """How the server was asked, in words."""
    accepted: int = 0
    """Operations that the records name as accepted, those of the warm-up too."""
    confirmed: int = 0
    """Accepted operations that ended once, and not otherwise than they were seen to end."""
    unseen: int = 0
    """Those of the confirmed operations whose end the run did not see: it no longer followed them."""
    counts: Mapping[AuditProblem, int] = field(default_factory=dict)
    findings: tuple[AuditFinding, ...] = ()
    """Examples of each problem, not all of them."""
    incomplete: str | None = None
    """Why it does not cover all operations; None if it does."""
    elapsed_s: float = 0.0
    not_checked: Mapping[AuditProblem, str] = field(default_factory=dict)
    """The problems that it did not look for in all operations, and why."""
    scenarios: Mapping[str, ScenarioAudit] = field(default_factory=dict)

    def of_scenario(self, scenario: str) -> Audit:
        """Return the result for one scenario. What the audit may have missed anywhere, it may have missed there."""
        own = self.scenarios.get(scenario, ScenarioAudit())
        findings = tuple(finding for finding in self.findings if finding.scenario == scenario)
        not_checked = {problem: why for problem, why in self.not_checked.items() if problem not in OF_NO_SCENARIO}
        return replace(
            self,
            accepted=own.accepted,
            confirmed=own.confirmed,
            unseen=own.unseen,
            counts=own.counts,
            findings=findings,
            not_checked=not_checked,
            scenarios={},
        )

    def count(self, problem: AuditProblem) -> int:
        """Return how many operations were found that have a problem."""
        return self.counts.get(problem, 0)

    def known(self, problem: AuditProblem) -> int | None:
        """Return how many operations have a problem; None if it was not found and not all were looked at."""
        return self.count(problem) or (None if self.doubt(problem) else 0)

    def doubt(self, problem: AuditProblem) -> str:
        """Return why there may be more operations with a problem than were found; empty if there cannot be."""
        if self.incomplete is not None:
            return f"the audit is incomplete: {self.incomplete}"
        return self.not_checked.get(problem, "")

    @property
    def not_checked_sentence(self) -> str:
        """Which problems it did not look for, by their reasons; empty if it looked for all."""
        names: dict[str, list[str]] = {}
        for problem, reason in self.not_checked.items():
            names.setdefault(reason, []).append(problem)
        return "; ".join(f"{', '.join(problems)} ({reason})" for reason, problems in names.items())

    @property
    def is_clean(self) -> bool:
        """Whether every accepted operation is accounted for, and only operations of others were found beside them."""
        return self.incomplete is None and not any(n for problem, n in self.counts.items() if problem in OURS)

    @property
    def sentence(self) -> str:
        """The result in one line."""
        is_once = AuditProblem.DUPLICATED not in self.not_checked
        # Beside operations without a record, those with one are not all that the run's figures count as accepted.
        known = "accepted operations with a record" if self.count(AuditProblem.UNRECORDED) else "accepted operations"
        words = f"{self.confirmed:,} of {self.accepted:,} {known} ended{' once' if is_once else ''}"
        seen, unseen = self.confirmed - self.unseen, self.unseen
        as_seen = " and as they were seen" if is_once else " as they were seen"
        words += f": {seen:,} as they were seen, {unseen:,} unseen" if unseen else as_seen
        problems = ", ".join(f"{count:,} {problem}{REMARKS.get(problem, '')}" for problem, count in self.counts.items())
        rest = f"; {problems}" if problems else ""
        return f"{words}{rest} ({self.method}, {self.elapsed_s:.1f} s)"


REMARKS = {AuditProblem.UNKNOWN: " (no token of this run: probably started by others)"}
OURS = frozenset(AuditProblem) - {AuditProblem.UNKNOWN}
OF_NO_SCENARIO = (AuditProblem.UNRECORDED, AuditProblem.UNKNOWN)
"""Such an operation has no record, and so no scenario."""
