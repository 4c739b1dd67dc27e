"""What is stated before a comparison, and the three answers that it can give.

    not slower    the interval ends below the effect that matters
    slower        the interval begins above two thirds of the effect that matters
    cannot tell   neither: the interval is too wide

A head that is slower by no more than two thirds of the effect, equal versions above all, is called slower with at most
the false-alarm rate. A head that is slower by the effect is called not slower with at most the miss rate.

Why two thirds: with a bound at 0, a head that is slower by a little less than matters is called slower whenever the
interval happens to lie above 0 before it has become narrow enough to end below the effect. With a bound at the effect
itself, a head that is slower by just the effect would never get an answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from durable_harness.gate.comparison.ranks import ConfidenceInterval

EFFECT = 0.05
"""The default. Changes of some percent may come from the order of linking or the size of the environment alone, and no
gate should fail for these (Mytkowicz et al. 2009, Producing wrong data without doing anything obviously wrong)."""
FALSE_ALARM_RATE = 0.0025
"""One in 400: a team that merges eight changes a working day sees one about every ten weeks."""
MISS_RATE = 0.01
"""One in 100, at the least slowdown that matters: larger ones are missed much more rarely."""
SLOWER_FROM = 2 / 3
"""The part of the effect that the interval of a slower head lies above."""
LEAST_ADVICE = 1.2
"""How many times the data to ask for at least: 1.2 times as much narrows an interval by 9 %, less hardly changes it."""
FALLBACK_FACTOR = 2.0
"""How many times the data to ask for if the interval has no width yet from which to work it out."""


class Decision(StrEnum):
    """The answer of a comparison about the head."""

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

    def bonferroni(self, tests: int) -> Design:
        """Return the design of each of several tests or looks that together keep to this one.

        The probability that any of n events happens is at most the sum of theirs, however they depend on one another: n
        tests with 1 / n of an error each have at most the whole error together (Bonferroni).
        """
        return Design(self.effect, self.false_alarm_rate / tests, self.miss_rate / tests)

    def decide(self, interval: ConfidenceInterval, resolution: float = 0.0) -> Decision:
        """Answer from an interval of the log ratio with the design's errors on its two sides.

        `resolution` is the smallest relative change that the instrument lets through. A change that matters and is
        smaller may be there unseen, so nothing is "not slower" then, and only what is larger than that is "slower".
        """
        if resolution > self.effect:
            return Decision.SLOWER if interval.lower > math.log1p(resolution) else Decision.CANNOT_TELL
        if interval.upper < self.log_effect:
            return Decision.NOT_SLOWER
        return Decision.SLOWER if interval.lower > SLOWER_FROM * self.log_effect else Decision.CANNOT_TELL

    def data_factor(self, interval: ConfidenceInterval) -> float | None:
        """Return how many times as much data will probably give an answer; None if a bound is not known yet.

        An interval shrinks with the root of the data: a half h becomes d with (h / d)^2 times as much. It has to end
        below the effect, or to begin above two thirds of it, whichever takes less. At least one of the two distances
        is above 0, since two thirds of the effect are less than the effect.
        """
        if not math.isfinite(interval.upper - interval.lower):
            return None
        needs = [
            (half / distance) ** 2
            for half, distance in (
                (interval.upper - interval.estimate, self.log_effect - interval.estimate),
                (interval.estimate - interval.lower, interval.estimate - SLOWER_FROM * self.log_effect),
            )
            if distance > 0
        ]
        return max(min(needs), LEAST_ADVICE)
