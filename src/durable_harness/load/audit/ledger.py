"""Compare the records of a run with the server's account. It does no input or output."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from durable_harness.gate.audit import Audit, AuditFinding, AuditProblem, ScenarioAudit
from durable_harness.operations import OperationState
from durable_harness.operations.wire import MOST_ID_CHARS, Phase
from durable_harness.wording.foreign_text import shown

FINDINGS_PER_PROBLEM = 50
CONFIRMED, UNSEEN = "confirmed", "unseen"
REASONS_SHOWN = 3
NO_LISTING = "operations were asked for one by one: nothing lists what the service has beside them"
NO_TOKENS = "the inputs that the service lists do not have the tokens of their starts"
NOT_COMPARED = "were not compared with their starts"
MOST_WORD_CHARS = 200
CHANGE_TOLERANCE_S = 2.0
"""How much later than its end was seen the server may have changed an operation: times are in whole seconds."""
EXPECTED = {
    OperationState.COMPLETED: {Phase.SUCCEEDED},
    OperationState.WRONG_OUTPUT: {Phase.SUCCEEDED},
    OperationState.FAILED: {Phase.FAILED, Phase.TERMINATED},
    OperationState.TERMINATED: {Phase.TERMINATED, Phase.FAILED},
}


class LedgerEntry(NamedTuple):
    """An operation as the run knows it. It is identified by its key: its id, or else its token."""

    token: str
    state: str
    seen_s: float | None
    """Seconds since the epoch, by the clock here."""
    instance_id: str | None = None
    """None if the service gave it none."""
    is_output_checked: bool = False
    """Whether the run compared its output with its start."""
    scenario: str = ""


@dataclass(frozen=True, slots=True)
class AtServer:
    """An operation as the server knows it."""

    instance_id: str
    phase: Phase
    word: str
    name: str | None = None
    token: str | None = None
    """The run's token in its input; None if the input has none of this run, or the server does not return it."""
    has_token_in_output: bool | None = None
    """None if that cannot be known."""
    updated_s: float | None = None
    """Seconds since the epoch, by the server's clock."""
    created_s: float | None = None
    """Likewise."""


class _Carrier(NamedTuple):
    """An operation whose input has a token of the run."""

    instance_id: str
    name: str | None


@dataclass(slots=True)
class Ledger:
    """Takes every operation that the server has once, then returns the audit."""

    accepted: Mapping[str, LedgerEntry]
    """By key."""
    given_twice: Iterable[str] = ()
    """Ids that the server gave to two starts."""
    not_accepted: Mapping[str, str] = field(default_factory=dict)
    """How starts ended that were not accepted, by token."""
    clock_offset_s: float = 0.0
    """How far the server's clock is ahead."""
    began_s: float = 0.0
    """When the run sent its first start, in seconds since the epoch: what was created before is of no interest."""
    tried: frozenset[str] = frozenset()
    """Ids of operations that were made before the run, to try whether it can be made."""
    confirmed: int = 0
    unseen: int = 0
    """Those of the confirmed operations whose end the run did not see."""
    has_listing: bool = True
    """Whether the server listed what it has beside the accepted operations."""
    _unknown: Counter[str] = field(default_factory=Counter)
    _tokens_seen: int = 0
    _not_compared: int = 0
    _seen: set[str] = field(default_factory=set)
    _names: set[str | None] = field(default_factory=set)
    _by_token: dict[str, list[_Carrier]] = field(default_factory=dict)
    _others: list[AtServer] = field(default_factory=list)
    _children: set[str] = field(default_factory=set)
    """What operations started with the input that has their token."""
    _duplicated: set[str] = field(default_factory=set)
    """Tokens of starts that were done more than once."""
    _counts: Counter[AuditProblem] = field(default_factory=Counter)
    _by_scenario: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By scenario and problem, CONFIRMED or UNSEEN."""
    _findings: list[AuditFinding] = field(default_factory=list)

    def note(self, found: AtServer) -> None:
        """Add an operation as the server knows it."""
        if found.instance_id in self._seen or found.instance_id.startswith("@"):
            return  # A page may repeat what moved while it was read; entities are no operations.
        self._seen.add(found.instance_id)
        if found.token is not None:
            name = found.name and sys.intern(found.name)  # each row that was read has a copy of its own
            self._by_token.setdefault(found.token, []).append(_Carrier(found.instance_id, name))
        recorded = self.accepted.get(found.instance_id)
        if recorded is None:
            self._others.append(found)
            return
        self._names.add(found.name)
        self._tokens_seen += found.token is not None
        if found.phase is Phase.SUCCEEDED and found.has_token_in_output is None:
            self._not_compared += not (recorded.is_output_checked and recorded.seen_s is not None)
        problem = self._problem(recorded, found)
        if problem is None:
            self.confirmed += 1
            self.unseen += recorded.seen_s is None
            self._by_scenario[recorded.scenario, CONFIRMED] += 1
            self._by_scenario[recorded.scenario, UNSEEN] += recorded.seen_s is None
        else:
            self._add(problem[0], found.instance_id, recorded.token, problem[1])

    def missing(self) -> list[str]:
        """Return the accepted ids that the server has not named so far."""
        return [instance_id for instance_id in self.accepted if instance_id not in self._seen]

    def mark_unknown(self, key: str, reason: str) -> None:
        """Note that the fate of an accepted operation cannot be known."""
        self._seen.add(key)
        self._unknown[reason] += 1

    @property
    def unknown_reasons(self) -> str:
        """Return of how many operations nothing can be known, and why; empty if there are none."""
        reasons = [f"{shown(reason)} ({count:,})" for reason, count in self._unknown.most_common(REASONS_SHOWN)]
        more = len(self._unknown) - REASONS_SHOWN
        rest = f"; and {more:,} more reasons" if more > 0 else ""
        return (
            f"it has no answer for {self._unknown.total():,} operations: {'; '.join(reasons)}{rest}" if reasons else ""
        )

    def lost(self, instance_id: str, detail: str) -> None:
        """Note that the server does not know an accepted operation."""
        self._seen.add(instance_id)
        self._add(AuditProblem.LOST, instance_id, self.accepted[instance_id].token, detail)

    def close(self, method: str, elapsed_s: float, incomplete: str | None = None) -> Audit:
        """Return the audit."""
        for instance_id in self.given_twice:
            self._add(AuditProblem.DUPLICATED, instance_id, "", "the server gave this id to two starts")
        for token, carriers in self._by_token.items():
            started = self._started(carriers)
            self._note_duplicates(token, started)
            self._children.update(one.instance_id for one in carriers if one.instance_id not in started)
        for found in self._others:
            self._note_other(found)
        order = {problem: self._counts[problem] for problem in AuditProblem if self._counts[problem]}
        return Audit(
            *(method, len(self.accepted), self.confirmed),
            unseen=self.unseen,
            counts=order,
            findings=tuple(self._findings),
            incomplete=incomplete,
            elapsed_s=elapsed_s,
            not_checked=self._not_checked(),
            scenarios=self._scenarios(),
        )

    def _started(self, carriers: Sequence[_Carrier]) -> list[str]:
        """Return which of the operations with one token were started with it, the one that was meant first.

        The others are children: an operation may hand its input on. Their ids begin with their parent's, or they have
        ids of their own and, unlike a second start, another orchestrator than the operation that was meant.
        """
        together = {one.instance_id for one in carriers}
        roots = [one for one in carriers if not self._is_known(one.instance_id, together)]
        # The accepted one is the one that was meant; without it one whose orchestrator accepted operations have.
        roots.sort(key=lambda one: (one.instance_id not in self.accepted, one.name not in self._names))
        names = {one.name for one in roots if one.instance_id in self.accepted} or {one.name for one in roots[:1]}
        return [one.instance_id for one in roots if one.name in names or None in (one.name, *names)]

    def _note_duplicates(self, token: str, started: Sequence[str]) -> None:
        for instance_id in started[1:]:
            self._duplicated.add(token)
            self._add(AuditProblem.DUPLICATED, instance_id, token, f"{started[0]} has the same token", started[0])

    def _scenarios(self) -> dict[str, ScenarioAudit]:
        accepted = Counter(recorded.scenario for recorded in self.accepted.values())
        return {name: self._of_scenario(name, count) for name, count in accepted.items()}

    def _of_scenario(self, name: str, accepted: int) -> ScenarioAudit:
        found = {
            problem: self._by_scenario[name, problem] for problem in AuditProblem if self._by_scenario[name, problem]
        }
        return ScenarioAudit(accepted, self._by_scenario[name, CONFIRMED], self._by_scenario[name, UNSEEN], found)

    def _not_checked(self) -> dict[AuditProblem, str]:
        reasons: dict[AuditProblem, str] = {}
        if not self.has_listing:
            reasons = dict.fromkeys(
                (AuditProblem.DUPLICATED, AuditProblem.UNRECORDED, AuditProblem.UNKNOWN), NO_LISTING
            )
        elif self._names and not self._tokens_seen:
            reasons = dict.fromkeys((AuditProblem.DUPLICATED, AuditProblem.UNRECORDED), NO_TOKENS)
        if self._not_compared:
            reasons[AuditProblem.WRONG_OUTPUT] = f"{self._not_compared:,} outputs {NOT_COMPARED}"
        return reasons

    def _problem(self, recorded: LedgerEntry, found: AtServer) -> tuple[AuditProblem, str] | None:
        state = OperationState(recorded.state)
        if not found.phase.is_terminal and recorded.seen_s is None:
            return AuditProblem.STUCK, f"{found.word}; here it {_was(state)}"
        contradiction = self._contradiction(recorded, state, found)
        if contradiction is not None:
            return AuditProblem.CONTRADICTED, contradiction
        if found.phase is Phase.SUCCEEDED and found.has_token_in_output is False:
            return AuditProblem.WRONG_OUTPUT, "its output has not the token of its input"
        return None

    def _contradiction(self, recorded: LedgerEntry, state: OperationState, found: AtServer) -> str | None:
        if state is OperationState.LOST:
            return f"its status was unknown, now it is {found.word}"
        agrees = found.phase in EXPECTED.get(state, {found.phase})
        if recorded.seen_s is None:
            # Only a status that cannot be read makes a failure of an operation whose end was not seen.
            return None if agrees else f"counted as failed since its status could not be read, but it is {found.word}"
        if not agrees:
            return f"seen {state}, now {found.word}"
        return f"seen {state}, then changed" if self._has_changed(recorded, found) else None

    def _has_changed(self, recorded: LedgerEntry, found: AtServer) -> bool:
        if recorded.seen_s is None or found.updated_s is None:
            return False
        return found.updated_s - self.clock_offset_s > recorded.seen_s + CHANGE_TOLERANCE_S

    def _note_other(self, found: AtServer) -> None:
        """Judge what the server has beside the accepted operations; those that these started themselves are theirs."""
        if found.instance_id in self._children:
            return
        if found.token is not None:
            if found.token in self._duplicated:
                return  # It counts as duplicated.
            ended = self.not_accepted.get(found.token)
            why = f"its start was {ended}" if ended else "no record has it"
            self._add(AuditProblem.UNRECORDED, found.instance_id, found.token, f"{found.word}; {why}")
        elif found.name in self._names and self._is_strange(found):
            self._add(AuditProblem.UNKNOWN, found.instance_id, "", f"{found.word}; not started by this run")

    def _is_strange(self, found: AtServer) -> bool:
        """Whether an operation without a token is neither a child nor older than the run."""
        return not (self._is_known(found.instance_id, self._children) or self._is_earlier(found))

    def _is_known(self, instance_id: str, together: Container[str] = ()) -> bool:
        """Whether it was made before the run to try it, or is a child of an operation, or of one of those `together`.

        An accepted operation is never a child, even if the service calls it one.
        """
        if instance_id in self.accepted:
            return False
        if instance_id in self.tried:
            return True
        marks = re.finditer(r"[:@_]", instance_id) if len(instance_id) <= MOST_ID_CHARS else ()
        parents = (instance_id[: mark.start()] for mark in marks)
        return any(parent in self.accepted or parent in self.tried or parent in together for parent in parents)

    def _is_earlier(self, found: AtServer) -> bool:
        """Return whether an operation was created before the run began; not if that was in the same second."""
        if found.created_s is None:
            return False
        latest_s = found.created_s + (1 if found.created_s.is_integer() else 0)
        return latest_s - self.clock_offset_s <= self.began_s

    def _add(self, problem: AuditProblem, instance_id: str, token: str, detail: str, meant: str | None = None) -> None:
        """Count a problem of an operation, in the scenario of the one that was `meant` if it has no record itself."""
        self._counts[problem] += 1
        recorded = self.accepted.get(instance_id)
        known = recorded or self.accepted.get(meant or "")
        scenario = known.scenario if known else ""
        self._by_scenario[scenario, problem] += 1
        if self._counts[problem] <= FINDINGS_PER_PROBLEM:
            if recorded is not None and recorded.token == instance_id:
                instance_id = ""  # The service gave it none, and it is known by its token.
            words = shown(instance_id, MOST_WORD_CHARS), shown(token, MOST_WORD_CHARS), shown(detail)
            self._findings.append(AuditFinding(problem, *words, scenario=scenario))


def _was(state: OperationState) -> str:
    return "timed out" if state is OperationState.TIMED_OUT else f"ended as {state}"
