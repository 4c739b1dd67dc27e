"""Where a figure changed permanently: change points in a series of runs, separated from noise by a permutation test.

The series is cut as in circular binary segmentation (Olshen et al. 2004), on ranks: the statistic is the largest
standardized rank sum over all stretches of the series, against the rest. So a figure that rose and fell again is seen
too. How often a series without a change reaches as much is found by shuffling the series itself, so nothing is assumed
of how its values are spread. A series with a change is cut at both ends of the stretch, and its parts are searched in
the same way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_RUNS = 4
"""Runs on each side of a change: with fewer nothing is beyond chance."""
FALSE_ALARM_RATE = 0.01
"""How often a series without a change is cut."""
SHUFFLES = 499
"""With the series itself 500 arrangements, so that 1 % is a whole number: the test keeps to its error exactly (Phipson
and Smyth 2010, Permutation p-values should never be zero, Stat. Appl. Genet. Mol. Biol. 9)."""
LEAST_CHANGE = 0.05
"""A smaller change of the median, relative to what it was, is not worth a look."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure's median before and after a change. `index` is that of the first value after it."""

    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float | None:
        """After / before; None if it was 0 before."""
        return self.after / self.before if self.before else None


def find_changes(values: Sequence[float]) -> list[Change]:
    """Return the changes in a series, in its order."""
    series = np.asarray(values, dtype=float)
    edges = _refined(series, [0, *sorted(_cuts(series, 0)), len(series)])
    medians = [float(np.median(series[low:high])) for low, high in itertools.pairwise(edges) if high > low]
    changes = [
        Change(index, before, after)
        for index, (before, after) in zip(edges[1:-1], itertools.pairwise(medians), strict=True)
    ]
    return [change for change in changes if _matters(change)]


def _matters(change: Change) -> bool:
    return abs(change.after - change.before) >= LEAST_CHANGE * abs(change.before) > 0 or change.before == 0


def _cuts(series: Values, offset: int) -> list[int]:
    if len(series) < 2 * LEAST_RUNS:
        return []
    ranks, stretches = _ranks(series), Stretches.of(len(series))
    strength, stretch = stretches.strongest(ranks)
    if not strength or not _is_beyond_chance(ranks, stretches, strength):
        return []
    edges = [0, *(edge for edge in stretch if 0 < edge < len(series)), len(series)]
    within = [cut for low, high in itertools.pairwise(edges) for cut in _cuts(series[low:high], offset + low)]
    return [*within, *(offset + edge for edge in edges[1:-1])]


def _is_beyond_chance(ranks: Values, stretches: Stretches, strength: float) -> bool:
    chance = np.random.default_rng(len(ranks))  # the same series has the same answer each time
    most = math.floor(FALSE_ALARM_RATE * (SHUFFLES + 1)) - 1
    reached = 0
    for _ in range(SHUFFLES):
        reached += stretches.strongest(chance.permutation(ranks))[0] >= strength - 1e-9
        if reached > most:
            return False
    return True


def _refined(series: Values, edges: list[int]) -> list[int]:
    """Move each cut to where it parts its two neighbours best: a stretch was found against all the rest."""
    for number in range(1, len(edges) - 1):
        low, high = edges[number - 1], edges[number + 1]
        edges[number] = low + Stretches.beginnings(high - low).strongest(_ranks(series[low:high]))[1][1]
    return edges


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of a series of `count` values, from `begins` to before `ends`."""

    count: int
    begins: Indices
    ends: Indices

    @classmethod
    def of(cls, count: int) -> Stretches:
        """Return all that have LEAST_RUNS values at least, as has what is left on each side, if anything is."""
        edges = np.array([0, *range(LEAST_RUNS, count - LEAST_RUNS + 1), count])
        begins, ends = (found.ravel() for found in np.meshgrid(edges, edges))
        fits = (ends - begins >= LEAST_RUNS) & (ends - begins < count)
        return cls(count, begins[fits], ends[fits])

    @classmethod
    def beginnings(cls, count: int) -> Stretches:
        """Return those that begin with the series."""
        ends = np.arange(LEAST_RUNS, count - LEAST_RUNS + 1)
        return cls(count, np.zeros_like(ends), ends)

    def strongest(self, ranks: Values) -> tuple[float, tuple[int, int]]:
        """Return the largest standardized rank sum, and where its stretch begins and ends."""
        sums = np.concatenate([[0.0], np.cumsum(ranks)])
        sizes = self.ends - self.begins
        spreads = np.sqrt(sizes * (self.count - sizes) * (self.count + 1) / 12)
        strengths = np.abs(sums[self.ends] - sums[self.begins] - sizes * (self.count + 1) / 2) / spreads
        best = int(np.argmax(strengths))
        return float(strengths[best]), (int(self.begins[best]), int(self.ends[best]))


def _ranks(series: Values) -> Values:
    """Return the rank of each value, the least is 1; equal values share the mean of theirs."""
    _, places, counts = np.unique(series, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Values = (ends - (counts - 1) / 2)[places]
    return ranks
