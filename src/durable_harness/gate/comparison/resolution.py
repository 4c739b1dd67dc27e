"""The finest change that polls let through.

A poll sees only that an operation has ended since the poll before. If the polls of all operations come at the same
times after their starts, an end can move by nearly an interval and every poll still sees the same. If they are spread
evenly, any move of the end changes what some poll sees. So the resolution can be read from the data: it is the largest
gap between neighbouring polls, of all operations together, near the figure in question.

    Darling, D. A. (1953). On a class of problems related to the random division of an interval. Ann. Math. Statist. 24,
        239-253.
"""

from __future__ import annotations

import math

import numpy as np

from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.operation_table import OperationTable
from durable_harness.gate.comparison.ranks import Values

REACH = 1.1
"""How many typical poll intervals below the figure are looked at: just more than one, so that a grid shows two of its
points. Above the figure operations become rare, and with them the polls; what moves there moves no percentile."""
LEAST_REMAINDER = 0.1
"""The part of a figure that is taken to remain at least if polls come much more often: with 0 the advice would be to
poll without a pause."""
MOST_UNEVEN = 3.0
"""How many times its expected length the largest gap of polls that are spread evenly may be. Of 50 such gaps the
largest is more than three times ln(50) mean gaps long with a probability of 50 exp(-3 ln 50), which is 1 in 2,500."""


class PollMoments:
    """When the last two polls of each operation came, in milliseconds after it was accepted."""

    def __init__(self, pending: Values, seen: Values) -> None:
        known = ~(np.isnan(pending) | np.isnan(seen))
        self.pending, self.seen = pending[known], seen[known]

    @classmethod
    def of(cls, operations: OperationTable) -> PollMoments:
        """Return those of the operations whose end was seen."""
        return cls(*operations.poll_windows_ms())

    @classmethod
    def merged(cls, parts: list[PollMoments]) -> PollMoments:
        """Return those of several slices together."""
        return cls(np.concatenate([part.pending for part in parts]), np.concatenate([part.seen for part in parts]))

    def gap_ms(self, percent: float) -> float | None:
        """Return the largest gap between polls below a percentile of the ends that were seen; None without operations.

        An end can move by this much without a poll that sees it differently.
        """
        near = self._near(percent)
        return self.interval_ms if len(near) <= 1 else float(np.diff(near).max())

    def spacing_ms(self, percent: float) -> float | None:
        """Return the mean distance between the same polls."""
        near = self._near(percent)
        return self.interval_ms if len(near) <= 1 else float(np.ptp(near)) / (len(near) - 1)

    def are_spread(self, percent: float) -> bool:
        """Whether the same polls lie as if spread evenly: more operations then make the gap smaller."""
        near = self._near(percent)
        gap_ms, spacing_ms = self.gap_ms(percent), self.spacing_ms(percent)
        if gap_ms is None or spacing_ms is None:
            return False
        # The largest of n gaps between points at random is about ln(n) times the mean one (Darling 1953). A logarithm
        # below 1, of two points, would refuse the only gap there is.
        return gap_ms <= MOST_UNEVEN * math.log(max(len(near), math.e)) * spacing_ms

    def _near(self, percent: float) -> Values:
        if not len(self.seen):
            return self.seen
        figure = float(np.percentile(self.seen, percent))
        # Intervals may grow with the time that an operation takes: those around the figure count.
        around = (self.pending <= figure) & (self.seen >= figure)
        lengths = (self.seen - self.pending)[around]
        interval_ms = float(np.median(lengths)) if len(lengths) else (self.interval_ms or 0.0)
        moments = np.sort(np.concatenate([self.pending, self.seen]))
        return moments[(moments >= figure - REACH * interval_ms) & (moments <= figure)]

    @property
    def interval_ms(self) -> float | None:
        """The typical time between the last two polls of an operation; None without operations."""
        return float(np.median(self.seen - self.pending)) if len(self.seen) else None


def relative_gap(figure: Figure, values: Values, polls: PollMoments) -> float:
    """Return the smallest relative change of a figure that its polls let through, as a ratio: 0.02 for 2 %."""
    return _relative(figure, values, polls.gap_ms(_percent(figure)))


def relative_spacing(figure: Figure, values: Values, polls: PollMoments) -> float:
    """Return the mean distance between the polls that decide a figure, as a part of the figure."""
    return _relative(figure, values, polls.spacing_ms(_percent(figure)))


def _percent(figure: Figure) -> float:
    return 100.0 if figure.percent is None else figure.percent


def _relative(figure: Figure, values: Values, distance_ms: float | None) -> float:
    value = figure.of(values)
    if value <= 0:
        return math.inf
    if figure.metric == "polls":
        return 0.5 / value  # a percentile of whole numbers is one of them: it moves once they move by half of 1
    return 0.0 if distance_ms is None else distance_ms / value


def polls_advice(figure: Figure, resolution: float, effect: float, polls: PollMoments, more: str) -> str:
    """Return what would make a change visible that polls hide; `more` is how to take more operations."""
    if figure.metric == "polls":
        return (
            f"A percentile of whole numbers shows no change below {percent_size(resolution)}: ask for a larger --effect"
        )
    interval_ms = polls.interval_ms or 0.0
    # Polls that come more often see the end earlier, so that the same gap is a larger part of the figure.
    enough_ms = interval_ms * effect / resolution * max(1 - resolution, LEAST_REMAINDER)
    words = [f"poll at least every {_ms(enough_ms)} ms (--poll-interval {_rounded_down(enough_ms / 1000):g})"]
    words += [more] if polls.are_spread(_percent(figure)) else []
    return (
        f"Polls come about every {_ms(interval_ms)} ms and show no change below {percent_size(resolution)} of this "
        f"figure: {', '.join(words)}, or compare finish_ms, which has no polls in it"
    )


def percent_size(ratio: float) -> str:
    """Write a ratio as percents, to two digits: `3.1 %`."""
    return f"{100 * ratio:,.0f} %" if ratio >= 0.1 else f"{100 * ratio:.2g} %"  # noqa: PLR2004 - two digits


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits


def _rounded_down(value: float) -> float:
    """Return a number with one digit that is not above the value."""
    digit = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return math.floor(value / digit) * digit
