"""Find the highest rate that meets an objective, by trials that cost time and whose outcome is partly luck.

1. Bracket: double the rate until a trial fails (or halve it until one passes).
2. Narrow: try between the highest rate that passed and the lowest that failed, until they are close.
3. Confirm: both ends are tried again until each has its majority of votes. An end that changes its mind moves the
   bracket, which is then narrowed again: luck at one trial does not decide.

No step knows what a trial does: the search is tested with models of services whose capacity is known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

LEAST = 0.1
"""The least rate that is tried unasked, in operations per second."""
FEWEST_PLANNED = 10
"""The operations that a trial at the least rate has: less would judge a percentile by one or two of them."""
FEWEST_JUDGED = 5
"""With fewer operations a trial proves nothing. Random arrivals may be half as many as planned."""
VOTES = 2
"""Trials that must agree about an end of the bracket: the best of three."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one trial of a rate."""

    rate_per_s: float
    met: bool
    why: str = ""
    """Which limit was broken, or why the trial proves nothing."""
    valid: bool = True
    """False if the generator was late: where that happens again, nothing above the rate can be tried."""
    too_few: bool = False
    """Whether it is not valid because hardly any operation came: a longer trial would have had more."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """Where to look, and how closely. Rates in operations per second."""

    start: float = 5.0
    least: float = LEAST
    most: float = 10_000.0
    resolution: float = 0.1
    """The width of the bracket, relative to its lower end, at which narrowing stops."""
    most_trials: int = 40


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a search found. The capacity lies between `lower`, which was confirmed, and `upper`, which was not met."""

    lower: float | None
    """The highest rate that met the objective in a majority of its trials; None if no rate did."""
    upper: float | None
    """The lowest rate above it that did not; None if the generator, or the plan, ended first."""
    trials: tuple[Trial, ...]
    limited_by: str = ""
    """What kept the search from finding an upper end; empty if it found one."""
    interrupted: str = ""
    """How far the search had come when a signal ended it; empty if it was not interrupted."""

    @property
    def uncertainty(self) -> float | None:
        """The width of the bracket relative to its lower end."""
        return (self.upper - self.lower) / self.lower if self.lower and self.upper else None

    @property
    def proves_nothing(self) -> bool:
        """Whether no rate met the objective and the search ended before the lower ones were tried."""
        return self.lower is None and (self.upper is None or bool(self.limited_by))


def search(attempt: Callable[[float], Trial], plan: SearchPlan, tried: Callable[[], None] = lambda: None) -> Capacity:
    """Try rates until the capacity is known as closely as the plan asks, or its trials are used up.

    `tried` is called after each trial. KeyboardInterrupt ends the search with what is known then, and is raised only
    before the first trial has ended.
    """
    state = _State(plan, attempt)
    try:
        while (rate := state.next_rate()) is not None:
            state.attempt(rate)
            tried()
    except _NoTrialsLeftError:
        state.limited_by = f"{plan.most_trials} trials were not enough to confirm the bracket"
    except KeyboardInterrupt:
        if not state.trials:
            raise
        return replace(state.capacity(), interrupted=f"after {len(state.trials)} trials")
    return state.capacity()


class _NoTrialsLeftError(Exception):
    """Raised when the plan allows no further trial."""


@dataclass(slots=True)
class _Votes:
    met: int = 0
    missed: int = 0

    @property
    def passes(self) -> bool:
        return self.met > self.missed

    @property
    def is_settled(self) -> bool:
        return max(self.met, self.missed) >= VOTES


@dataclass(slots=True)
class _State:
    plan: SearchPlan
    try_rate: Callable[[float], Trial]
    trials: list[Trial] = field(default_factory=list)
    votes: dict[float, _Votes] = field(default_factory=dict)
    limited_by: str = ""
    is_over: bool = False
    ceiling: float = math.inf
    """A rate that the generator failed to offer often enough to rule it out."""
    again: float | None = None
    """A rate whose last trial proved nothing."""
    disturbed: Counter[float] = field(default_factory=Counter)

    def attempt(self, rate: float) -> None:
        if len(self.trials) >= self.plan.most_trials:
            raise _NoTrialsLeftError
        trial = self.try_rate(rate)
        self.trials.append(trial)
        if not trial.valid:
            self._count_disturbed(trial)
            return
        self.again = None
        votes = self.votes.setdefault(rate, _Votes())
        votes.met += trial.met
        votes.missed += not trial.met

    def _count_disturbed(self, trial: Trial) -> None:
        rate = trial.rate_per_s
        self.disturbed[rate] += 1
        is_believed = self.disturbed[rate] >= VOTES
        self.again = None if is_believed else rate
        if is_believed and trial.too_few:
            self.is_over = True
            self.limited_by = f"trials at {rate:g}/s have too few operations to be judged: make them longer (--trial)"
        elif is_believed:
            self.ceiling = min(self.ceiling, rate)
            self.votes.pop(rate, None)

    def next_rate(self) -> float | None:
        """Return the rate to try next; None when nothing is left to find out."""
        if self.again is not None or self.is_over:
            return self.again
        lower, upper = self.bracket()
        if not self.votes and self.ceiling == math.inf:
            return self.plan.start
        if lower is None:
            return self._below(upper if upper is not None else self.ceiling)
        top = self._top(upper)
        if top is None:
            return self._above(lower)
        if top > lower * (1 + self.plan.resolution):
            return _round(math.sqrt(lower * top))
        return next((rate for rate in (lower, upper) if rate and not self.votes[rate].is_settled), None)

    def bracket(self) -> tuple[float | None, float | None]:
        """Return the highest rate that passes and lies below all that are settled to fail; and the lowest that fails
        above it. A rate with as many votes for as against fails: the third vote decides."""
        failing = sorted(rate for rate, votes in self.votes.items() if not votes.passes)
        passing = [rate for rate, votes in self.votes.items() if votes.passes]
        settled = min((rate for rate in failing if self.votes[rate].is_settled), default=math.inf)
        lower = max((rate for rate in passing if rate < settled), default=None)
        upper = next((rate for rate in failing if lower is None or rate > lower), None)
        return lower, upper

    def _top(self, upper: float | None) -> float | None:
        if upper is not None:
            return min(upper, self.ceiling)
        return self.ceiling if self.ceiling < math.inf else None

    def _above(self, lower: float) -> float | None:
        if lower >= self.plan.most:
            self.limited_by = f"the highest rate to try, {self.plan.most:g}/s, still meets the objective"
            return None if self.votes[lower].is_settled else lower
        return _round(min(2 * lower, self.plan.most))

    def _below(self, failing: float) -> float | None:
        least = _round(self.plan.least)  # as the rates that are tried: else a little more than the least has no end
        if failing <= least:
            settled = failing not in self.votes or self.votes[failing].is_settled
            return None if settled else failing
        return max(_round(failing / 2), least)

    def capacity(self) -> Capacity:
        lower, upper = self.bracket()
        limited_by = self.limited_by
        if lower is not None and upper is None and not limited_by and self.ceiling < math.inf:
            limited_by = f"the generator could not offer {self.ceiling:g}/s: what the system takes is not known"
        return Capacity(lower, upper, tuple(self.trials), limited_by)


def _round(rate: float) -> float:
    """Return a rate that a person can read, close enough for every resolution."""
    return float(f"{rate:.3g}")
