"""Compare base and head by pairs of short slices, taken in turn on one machine, and stop as soon as the answer is sure.

What the machine does to both slices of a pair cancels in their ratio. The order within a pair is drawn by lot, so the
log ratios of equal versions are symmetric about 0: signed ranks are then exact. The looks are planned before the first
pair and share the errors equally, so that looking often does not raise them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from durable_harness.errors import InvalidRunError
from durable_harness.gate.comparison.blocks import independent
from durable_harness.gate.comparison.design import Answer, Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.operations import Operations
from durable_harness.gate.comparison.ranks import Values, fewest_pairs, signed_rank_interval
from durable_harness.gate.comparison.results import FigureResult

GROWTH = 1.4
METHOD = (
    "signed ranks (Wilcoxon, exact) with the Hodges-Lehmann centre of the log ratios of pairs of slices, order within "
    "a pair by lot, errors shared equally by the planned looks"
)


def plan_looks(design: Design, most_pairs: int) -> tuple[int, ...]:
    """Return after how many pairs to look; the first look is the first that can answer at all."""
    looks: tuple[int, ...] = ()
    for count in range(1, 50):
        share = design.shared_by(count)
        first = fewest_pairs(min(share.false_alarm_rate, share.miss_rate))
        looks = _growing(first, most_pairs)
        if len(looks) <= count:
            return looks
    return looks


def _growing(first: int, last: int) -> tuple[int, ...]:
    looks = [first]
    while round(looks[-1] * GROWTH) < last:
        looks.append(round(looks[-1] * GROWTH))
    return (*looks, last) if looks[-1] < last else (max(first, last),)


@dataclass(slots=True)
class PairedComparison:
    """Collects pairs of one figure and answers at the planned looks."""

    figure: Figure
    design: Design
    most_pairs: int
    tests: int = 1
    """How many figures share the design's errors."""
    looks: tuple[int, ...] = ()
    pairs: list[tuple[float, float]] = field(default_factory=list)
    _values: tuple[list[Values], list[Values]] = field(default_factory=lambda: ([], []))

    def __post_init__(self) -> None:
        self.looks = plan_looks(self.design.shared_by(self.tests), self.most_pairs)

    def add(self, base: Operations, head: Operations) -> None:
        """Take the next pair of slices."""
        figures = []
        for side, operations in enumerate((base, head)):
            values = operations.values(self.figure.metric)
            if not len(values) or (figure := float(np.percentile(values, self.figure.percent))) <= 0:
                raise InvalidRunError(f"{self.figure.name}: a slice has no value above 0: compare another figure")
            self._values[side].append(values)
            figures.append(figure)
        self.pairs.append((figures[0], figures[1]))

    @property
    def is_look(self) -> bool:
        """Whether an answer is planned for now."""
        return len(self.pairs) in self.looks

    def result(self) -> FigureResult:
        """Answer from the pairs so far; only the answers at looks keep to the design's errors."""
        ratios = self.log_ratios()
        blocks = independent(ratios)
        share = self.design.shared_by(self.tests * len(self.looks))
        interval = signed_rank_interval(blocks, share.false_alarm_rate, share.miss_rate)
        answer = self.design.decide(interval)
        merged = f" (merged to {len(blocks)}, neighbours being alike)" if len(blocks) < len(ratios) else ""
        units = f"{len(ratios)} pairs of slices{merged}"
        advice = ""
        if answer is Answer.CANNOT_TELL:
            times = self.design.times_as_long(interval) or 2.0
            advice = f"Run on to about {max(times, 1.2) * len(ratios):,.0f} pairs (--pairs), or make slices longer"
        base, head = (float(np.percentile(np.concatenate(side), self.figure.percent)) for side in self._values)
        return FigureResult(self.figure, self.design, base, head, interval, answer, units, advice)

    def log_ratios(self) -> Values:
        """Return the log ratio head / base of each pair."""
        pairs = np.array(self.pairs)
        return np.asarray(np.log(pairs[:, 1] / pairs[:, 0]))


def all_answered(results: Sequence[FigureResult]) -> bool:
    """Whether nothing is left to find out: every figure has its answer, or one of them is slower."""
    answers = {result.answer for result in results}
    return Answer.SLOWER in answers or Answer.CANNOT_TELL not in answers
