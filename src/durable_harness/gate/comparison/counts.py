"""Counts before statistics: what an operation costs in whole numbers needs no pairs and no error rate.

An operation that dispatches two activities more does so each time, on any machine. So a difference that every pair of
operations shows alike is exact after a few of them. A count that differs between operations of one revision, because of
their inputs or of timing, is not an exact number; its mean is reported, and compared as any other figure on request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from durable_harness.gate.comparison.availability import why_uncounted
from durable_harness.gate.comparison.design import Decision
from durable_harness.gate.comparison.operation_table import OperationTable
from durable_harness.gate.comparison.ranks import Values
from durable_harness.gate.metrics import COSTS

ENOUGH = 5
"""Operations of each side after which a difference that all of them show counts as exact. A difference that only every
second operation has shows alike in five of them by chance in 1 of 16 comparisons; runs have hundreds."""
NOUNS = {
    "actions_per_operation": ("dispatches", "action"),
    "replayed_events_per_operation": ("replays", "event"),
    "payload_bytes_per_operation": ("moves", "payload byte"),
}


@dataclass(frozen=True, slots=True)
class CountResult:
    """One count of base and head. `base` and `head` are means over operations; None if they were not counted."""

    metric: str
    base: float | None
    head: float | None
    operations: int
    """How many twins were counted, or how many operations of the side with fewer if there are no twins."""
    difference: float | None
    """How many more the head needs for each operation; None if operations do not agree."""
    ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
    """Least and most of any operation, base and head."""
    effect: float | None = None
    """The relative increase that fails; 0 for any, None if the count is not judged."""
    reason: str = ""
    """Why it is not known; empty if it is."""

    @property
    def is_known(self) -> bool:
        return self.base is not None and self.head is not None

    @property
    def is_exact(self) -> bool:
        return self.difference is not None

    @property
    def varies(self) -> bool:
        """Whether enough operations were counted to see that they do not agree."""
        return self.is_known and self.operations >= ENOUGH and not self.is_exact

    @property
    def is_judged(self) -> bool:
        return self.effect is not None

    @property
    def answer(self) -> Decision | None:
        """The answer of a count that is judged; None if it is not judged, or has to be compared as a mean."""
        if self.effect is None:
            return None
        if self.difference is None or self.base is None:
            return None if self.varies and self.effect else Decision.CANNOT_TELL
        # The slack is for the rounding of the product alone: a difference of exactly the effect is allowed.
        return Decision.SLOWER if self.difference > self.effect * self.base + 1e-9 else Decision.NOT_SLOWER

    @property
    def sentence(self) -> str:
        """The count in one line."""
        verb, noun = NOUNS[self.metric]
        if self.base is None or self.head is None:
            return f"{self.metric}: not known: {self.reason}"
        change = f"{_number(self.base)} → {_number(self.head)}"
        if self.varies:
            return f"{self.metric}: {change} on average; {self._spread()}, so there is no exact difference"
        if self.difference is None:
            return (
                f"{self.metric}: {change} on average of {self.operations} operations; {ENOUGH} are needed to be exact"
            )
        if not self.difference:
            return f"{self.metric}: {_number(self.base)}, the same{self._evidence}"
        more, size = ("more", self.difference) if self.difference > 0 else ("fewer", -self.difference)
        nouns = noun if size == 1 else f"{noun}s"
        return f"head {verb} {_number(size)} {nouns} {more} an operation: {change}{self._evidence}"

    @property
    def _evidence(self) -> str:
        return f" (all {self.operations:,} operations)"

    def _spread(self) -> str:
        assert self.ranges is not None
        base, head = (_range(low, high) for low, high in self.ranges)
        return f"it {base} between operations" if base == head else f"it {base} in the base and {head} in the head"


class CountComparison:
    """Collects the counts of both sides.

    In pairs of slices the operations of both sides have the same arrivals and the same work, so that each has its twin
    on the other side.
    """

    def __init__(self, effects: Mapping[str, float] | None = None) -> None:
        self._effects = effects or {}
        self._values: dict[str, tuple[list[Values], list[Values]]] = {name: ([], []) for name in COSTS}
        self._seen = [0, 0]
        """Operations of each side whose end was seen."""

    def add(self, base: OperationTable, head: OperationTable) -> None:
        """Take the operations of both sides, in the order of their arrivals."""
        for name, (bases, heads) in self._values.items():
            bases.append(base.column(name))
            heads.append(head.column(name))
        for side, operations in enumerate((base, head)):
            self._seen[side] += len(operations.values("completion_ms"))

    def results(self, *, paired: bool = True) -> tuple[CountResult, ...]:
        """Return every count so far; `paired` is whether the operations of both sides are twins."""
        return tuple(self._result(name, *sides, paired=paired) for name, sides in self._values.items())

    def _result(self, name: str, bases: Sequence[Values], heads: Sequence[Values], *, paired: bool) -> CountResult:
        base, head = (np.concatenate(side) if side else np.empty(0) for side in (bases, heads))
        known = base[~np.isnan(base)], head[~np.isnan(head)]
        effect = self._effects.get(name)
        if not len(known[0]) or not len(known[1]):
            lacking = next(index for index, side in enumerate(known) if not len(side))
            reason = why_uncounted(self._seen[lacking], ("base", "head")[lacking])
            return CountResult(name, None, None, 0, None, effect=effect, reason=reason)
        ranges = [(float(side.min()), float(side.max())) for side in known]
        # A twin that is counted on one side only shows no difference.
        twins = paired and len(base) == len(head)
        count = int(np.sum(~np.isnan(head - base))) if twins else min(len(side) for side in known)
        return CountResult(
            name,
            base=float(known[0].mean()),
            head=float(known[1].mean()),
            operations=count,
            difference=_difference(base, head, are_twins=twins) if count >= ENOUGH else None,
            ranges=(ranges[0], ranges[1]),
            effect=effect,
        )


def _difference(base: Values, head: Values, *, are_twins: bool) -> float | None:
    """Return the difference that all operations show alike; None if they differ."""
    if are_twins:
        differences = head - base
        differences = differences[~np.isnan(differences)]
        return None if float(np.ptp(differences)) else float(differences[0])
    known = base[~np.isnan(base)], head[~np.isnan(head)]
    return None if any(float(np.ptp(side)) for side in known) else float(known[1][0] - known[0][0])


def _range(low: float, high: float) -> str:
    return f"varies from {_number(low)} to {_number(high)}" if low != high else f"is always {_number(low)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if math.isclose(value, round(value), abs_tol=1e-9) else f"{value:,.1f}"
