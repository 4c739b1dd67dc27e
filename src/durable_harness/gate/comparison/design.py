"""What is stated before a comparison, and the three answers that it can give.

    not slower    the interval ends below the effect that matters
    slower        the interval begins above 0, and does not end below the effect that matters
    cannot tell   neither: the interval is too wide

So two equal versions are called slower with at most the false-alarm rate, and a head that is slower by the effect is
called not slower with at most the miss rate. A head that is slower for certain, but by less than matters, passes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from durable_harness.gate.comparison.ranks import Interval

EFFECT = 0.05
FALSE_ALARM_RATE = 0.0025
MISS_RATE = 0.01


class Answer(StrEnum):
    """What a comparison says about the head."""

    SLOWER = "slower"
    NOT_SLOWER = "not slower"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Design:
    """What is asked, and how often the answer may be wrong."""

    effect: float = EFFECT
    """The relative slowdown that matters: 0.05 for 5 %."""
    false_alarm_rate: float = FALSE_ALARM_RATE
    """How often two equal versions may be called slower."""
    miss_rate: float = MISS_RATE
    """How often a head that is slower by the effect may be called not slower."""

    @property
    def log_effect(self) -> float:
        return math.log1p(self.effect)

    def shared_by(self, tests: int) -> Design:
        """Return the design of each of several tests or looks that together keep to this one (Bonferroni)."""
        return Design(self.effect, self.false_alarm_rate / tests, self.miss_rate / tests)

    def decide(self, interval: Interval) -> Answer:
        """Answer from an interval of the log ratio with the design's errors on its two sides."""
        if interval.upper < self.log_effect:
            return Answer.NOT_SLOWER
        return Answer.SLOWER if interval.lower > 0 else Answer.CANNOT_TELL

    def times_as_long(self, interval: Interval) -> float | None:
        """Return how many times as much data will probably give an answer; None if the interval cannot say."""
        width = interval.upper - interval.lower
        return (width / self.log_effect) ** 2 if math.isfinite(width) else None


def resolvable_effect(standard_error: float, design: Design) -> float:
    """Return the smallest relative effect that an estimate with this standard error of its log ratio tells from 0."""
    normal = NormalDist()
    both = normal.inv_cdf(1 - design.false_alarm_rate) + normal.inv_cdf(1 - design.miss_rate)
    return math.expm1(both * standard_error)
