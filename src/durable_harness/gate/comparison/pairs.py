"""Compare base and head by pairs of short slices, taken in turn on one machine, and stop as soon as the answer is sure.

What the machine does to both slices of a pair cancels in their ratio. The order within a pair is random, so the log
ratios of equal versions are symmetric about 0: signed ranks are then exact. The looks are planned before the first pair
and share the errors equally, so that looking often does not raise them.

    Pocock, S. J. (1977). Group sequential methods in the design and analysis of clinical trials. Biometrika 64,
        191-199.

Pocock's looks share the errors equally too. His constants need normal data; Bonferroni's shares, which are used here,
hold for any, and ask for somewhat more pairs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from durable_harness.errors import InvalidRunError
from durable_harness.gate.comparison.availability import missing_figure
from durable_harness.gate.comparison.blocks import merge_until_independent
from durable_harness.gate.comparison.comparison_results import FigureResult
from durable_harness.gate.comparison.design import FALLBACK_FACTOR, Decision, Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.operation_table import OperationTable
from durable_harness.gate.comparison.ranks import ConfidenceInterval, Values, centre, fewest_pairs, signed_rank_interval
from durable_harness.gate.comparison.resolution import (
    PollMoments,
    polls_advice,
    relative_gap,
    relative_spacing,
)

GROWTH = 1.4
"""How many times as many pairs the next look has: each look costs a share of the errors, waiting costs pairs. With 1.4
an answer comes at most 40 % later than it could, and 10 to 100 pairs take 8 looks."""
MOST_LOOKS = 50
"""More looks than a plan can have: growing by 1.4, the fiftieth look would be after more than a million pairs."""
FINE_ENOUGH = 0.5
"""The part of the effect that the distance between polls within one group of slices may be: a change by the effect then
passes two polls of every group, so that the figure of each group moves."""
METHOD = (
    "group-sequential Wilcoxon signed-rank test on the log ratios of paired slices, randomized order within a pair; "
    "Hodges-Lehmann estimates, errors shared equally by the planned looks"
)


def plan_looks(design: Design, most_pairs: int) -> tuple[int, ...]:
    """Return after how many pairs to look; the first look is the first that can answer at all.

    The number of looks is a fixed point. The more looks share the errors, the smaller is each share, the more pairs the
    first look needs, and the fewer looks fit before `most_pairs`. It is the least number that is enough for its plan.
    """
    looks: tuple[int, ...] = ()
    for count in range(1, MOST_LOOKS):
        share = design.bonferroni(count)
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


class SideSample(NamedTuple):
    """What one side did in one slice: the metric's values, and when its polls came if these matter."""

    values: Values
    polls: PollMoments | None


@dataclass(slots=True)
class PairedComparison:
    """Collects pairs of one figure and answers at the planned looks."""

    figure: Figure
    design: Design
    most_pairs: int
    tests: int = 1
    """How many figures share the design's errors."""
    is_judged: bool = True
    looks: tuple[int, ...] = ()
    _slices: list[tuple[SideSample, SideSample]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.looks = plan_looks(self.design.bonferroni(self.tests), self.most_pairs)

    def __len__(self) -> int:
        return len(self._slices)

    def add(self, base: OperationTable, head: OperationTable) -> None:
        """Take the next pair of slices; raise InvalidRunError if one of them has no such figure."""
        self._slices.append(self.read(base, head))

    def read(self, base: OperationTable, head: OperationTable) -> tuple[SideSample, SideSample]:
        """Return what a pair of slices has of this figure; raise InvalidRunError if one of them has no such figure."""
        return self._slice(base, "base"), self._slice(head, "head")

    @property
    def is_look(self) -> bool:
        """Whether an answer is planned for now."""
        return len(self._slices) in self.looks

    def result(self) -> FigureResult:
        """Answer from the pairs so far; only the answers at looks keep to the design's errors."""
        size = self._group_size()
        base, ratios = self._groups(size)
        blocks = merge_until_independent(ratios)
        share = self.design.bonferroni(self.tests * len(self.looks))
        interval = signed_rank_interval(blocks, share.false_alarm_rate, share.miss_rate)
        resolution = self._resolution()
        answer = self.design.decide(interval, resolution)
        return FigureResult(
            self.figure,
            self.design,
            base=math.exp(centre(base)),
            interval=interval,
            answer=answer,
            sample=self._describe(size, len(blocks), len(ratios)),
            resolution=resolution,
            advice=self._advice(interval, resolution) if answer is Decision.CANNOT_TELL else "",
            is_judged=self.is_judged,
            pairs=tuple(float(ratio) for ratio in np.exp(self.log_ratios())),
        )

    def log_ratios(self) -> Values:
        """Return the log ratio head / base of each pair."""
        return self._groups(1)[1]

    def _slice(self, operations: OperationTable, name: str) -> SideSample:
        values = operations.values(self.figure.metric)
        if not len(values):
            raise InvalidRunError(missing_figure(self.figure, operations, name))
        if self.figure.of(values) <= 0:
            where = f"is not above 0 in a slice of the {name}"
            raise InvalidRunError(f"{self.figure.name}: {where}, so it has no ratio: compare another figure")
        return SideSample(values, PollMoments.of(operations) if self.figure.kind.has_polls else None)

    def _groups(self, size: int) -> tuple[Values, Values]:
        """Return the log figures of the base and the log ratios, of groups of `size` neighbouring pairs each."""
        count = max(1, len(self._slices) // size)
        # Pairs that do not fill a group join the last one: a small group would scatter more than the others.
        edges = [index * size for index in range(count)] + [len(self._slices)]
        logs = np.array(
            [
                [
                    math.log(self.figure.of(np.concatenate([pair[side].values for pair in self._slices[low:high]])))
                    for side in (0, 1)
                ]
                for low, high in itertools.pairwise(edges)
            ]
        )
        return logs[:, 0], logs[:, 1] - logs[:, 0]

    def _group_size(self) -> int:
        """Return how many pairs to take together, so that the polls of a group lie closely enough.

        Both slices of a pair have polls at the same times after their starts. A change that is smaller than the
        distance between them moves the figure of few pairs only, and the centre of all would not show it.
        """
        if self.figure.metric != "polls" and self.figure.kind.has_polls:
            for size in range(1, len(self._slices) + 1):
                groups = [self._slices[low : low + size] for low in range(0, len(self._slices) - size + 1, size)]
                spacings = [self._relative(group, relative_spacing) for group in groups]
                if float(np.median(spacings)) <= FINE_ENOUGH * self.design.effect:
                    return size
        return 1

    def _resolution(self) -> float:
        return self._relative(self._slices, relative_gap) if self.figure.kind.has_polls else 0.0

    def _relative(
        self, pairs: Sequence[tuple[SideSample, SideSample]], distance: Callable[[Figure, Values, PollMoments], float]
    ) -> float:
        """Return a distance between the polls of these pairs, relative to the figure, of the side where it is more."""
        return max(
            distance(
                self.figure,
                np.concatenate([pair[side].values for pair in pairs]),
                PollMoments.merged([polls for pair in pairs if (polls := pair[side].polls) is not None]),
            )
            for side in (0, 1)
        )

    def _describe(self, size: int, blocks: int, ratios: int) -> str:
        grouped = f", {size} taken together for their polls" if size > 1 else ""
        merged = f", merged to {blocks} because neighbours are alike" if blocks < ratios else ""
        return f"{len(self._slices)} pairs of slices{grouped}{merged}"

    def _advice(self, interval: ConfidenceInterval, resolution: float) -> str:
        if resolution > self.design.effect:
            polls = PollMoments.merged([polls for pair in self._slices for side in pair if (polls := side.polls)])
            return polls_advice(self.figure, resolution, self.design.effect, polls, "take more pairs (--pairs)")
        factor = self.design.data_factor(interval) or FALLBACK_FACTOR
        return f"Take about {factor * len(self._slices):,.0f} pairs (--pairs), or longer slices (--slice)"


def all_answered(results: Sequence[FigureResult]) -> bool:
    """Whether nothing is left to find out: every judged figure has its answer, or one of them is slower."""
    answers = {result.answer for result in results if result.is_judged}
    return Decision.SLOWER in answers or Decision.CANNOT_TELL not in answers
