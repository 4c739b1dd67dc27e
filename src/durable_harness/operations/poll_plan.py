"""Where to spend polls, if it is known when operations end: the poll times of the least expected detection lag.

Each poll has a price in seconds of lag. For a price, dynamic programming from the last known end backwards finds the
next poll after every moment that makes lag and price together least; the price is the one at which operations need as
many polls on average as the budget allows. So polls stand densely where many operations end, and nowhere else.

The price is a Lagrange multiplier: the plan that is best at a price is also the one of least lag among all plans with
no more polls than it has (Everett 1963). Polls fall as the price rises, so the price is found by bisection.

    Everett, H. (1963). Generalized Lagrange multiplier method for solving problems of optimum allocation of resources.
        Operations Research 11, 399-417.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

GRID = 64
"""Moments that may be polled, each of about as many ends. The time of a solution grows with the square of it."""
ENDS_PER_MOMENT = 4
"""Ends that a moment stands for at least: fewer would take chance for a pattern."""
WIDEST = 1.1
"""How much later than the one before a moment may be: the few ends of a long tail get moments of their own."""
TAIL_GROWTH = 0.25
"""After the last known end, each poll waits for this part of the time elapsed."""
BISECTIONS = 12
"""Of nine orders of magnitude, on a logarithmic scale: the price is then known to a factor of 10 ** (9 / 2**12)."""


@dataclass(frozen=True, slots=True)
class PollPlan:
    """After every moment, the next poll. Times are seconds since the operation was accepted."""

    moments_s: tuple[float, ...]
    """Ascending; the first is 0, the last the latest end that is known."""
    following: tuple[int, ...]
    """By the moment of the last poll, the place of the next one."""
    expected_polls: float
    expected_lag_s: float

    def next_poll_s(self, elapsed_s: float) -> float:
        """Return when to poll after `elapsed_s`, which is later than that."""
        place = bisect.bisect_right(self.moments_s, elapsed_s) - 1
        if place == len(self.moments_s) - 1:
            return elapsed_s * (1 + TAIL_GROWTH)
        return self.moments_s[self.following[place]]


def plan_polls(times_s: Sequence[tuple[float, float]], budget: float, count: float = math.inf) -> PollPlan:
    """Return the plan for ends at `times_s`, ascending with weights that sum up to 1, of `count` operations.

    `budget` is how many polls an operation may need on average; it is at least 1, since the end has to be seen.
    """
    grid = _Grid.of(times_s, count)
    low, high = 1e-6 * grid.times_s[-1], 1e3 * grid.times_s[-1]  # From polling every moment to polling the last alone.
    best = grid.solve(high)
    for _ in range(BISECTIONS):
        price = math.sqrt(low * high)
        plan = grid.solve(price)
        if plan.expected_polls <= max(budget, 1.0):
            best, high = plan, price
        else:
            low = price
    return best


@dataclass(frozen=True, slots=True)
class _Grid:
    """Moments that may be polled, with the share of operations that have ended by each, and the sum of their times."""

    times_s: tuple[float, ...]
    ended: tuple[float, ...]
    sums_s: tuple[float, ...]

    @classmethod
    def of(cls, times_s: Sequence[tuple[float, float]], count: float) -> _Grid:
        share = 1 / min(GRID, max(count / ENDS_PER_MOMENT, 1.0))
        moments, ended, sums = [0.0], [0.0], [0.0]
        pending = 0.0
        total, sum_s = 0.0, 0.0
        for place, (time_s, weight) in enumerate(times_s):
            total, sum_s, pending = total + weight, sum_s + weight * time_s, pending + weight
            is_far = bool(moments[-1]) and time_s >= moments[-1] * WIDEST
            # Not quite the share: sums of weights such as 1 / 64 fall short of it by rounding.
            if pending >= share * 0.999 or is_far or place == len(times_s) - 1:
                moments.append(time_s)
                ended.append(total)
                sums.append(sum_s)
                pending = 0.0
        return cls(tuple(moments), tuple(ended), tuple(sums))

    def solve(self, price_s: float) -> PollPlan:
        """Return the plan of the least lag and price together.

        Of the operations that end after moment a and by moment b, a poll at b sees the ends late by
        sum(b - end) = b * (how many) - sum(end): both are differences of running sums.
        """
        times, ended, sums = self.times_s, self.ended, self.sums_s
        last = len(times) - 1
        costs, following = [0.0] * (last + 1), [last] * (last + 1)
        furthest = last
        for place in range(last - 1, -1, -1):
            # The earlier the last poll was, the earlier is the next: no need to look further than from the one after.
            cost, next_place = min(
                (times[i] * (ended[i] - ended[place]) - (sums[i] - sums[place]) + costs[i], i)
                for i in range(place + 1, furthest + 1)
            )
            costs[place] = cost + price_s * (1 - ended[place])
            following[place] = furthest = next_place
        polls = self._expected_polls(following)
        return PollPlan(times, tuple(following), polls, max(0.0, costs[0] - price_s * polls))

    def _expected_polls(self, following: Sequence[int]) -> float:
        polls, place = 0.0, 0
        while place < len(following) - 1:
            polls += 1 - self.ended[place]
            place = following[place]
        return polls
