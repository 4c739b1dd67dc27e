"""Bounds from ranks: exact for any symmetric noise, however heavy its tails; no normal distribution is assumed.

Pairs are judged by Wilcoxon's signed ranks (the order within a pair is random, so the log ratios of two equal
versions are symmetric about 0), unpaired blocks by the rank sum. An estimate is the median of all Walsh averages, or of
all differences (Hodges and Lehmann); a bound is one of those values, found by counting.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class ConfidenceInterval(NamedTuple):
    """An estimate with a bound on each side; a bound is infinite where there are too few values for it."""

    estimate: float
    lower: float
    upper: float


def centre(values: Values) -> float:
    """Return the Hodges-Lehmann centre of some values: the median of the averages of all pairs of them."""
    return float(np.median(_walsh_averages(values)))


def signed_rank_interval(log_ratios: Values, below: float, above: float) -> ConfidenceInterval:
    """Return the centre of paired log ratios.

    The truth is under `lower` with a probability of at most `below`, over `upper` with one of at most `above`.
    """
    return _interval(_walsh_averages(log_ratios), _signed_rank_counts(len(log_ratios)), below, above)


def rank_sum_interval(base: Values, head: Values, below: float, above: float) -> ConfidenceInterval:
    """Return by how much `head` lies above `base`; the bounds as for `signed_rank_interval`."""
    differences = (head[:, None] - base[None, :]).ravel()
    return _interval(differences, _rank_sum_counts(*sorted((len(base), len(head)))), below, above)


def fewest_pairs(error: float) -> int:
    """Return the fewest pairs that can give a finite bound with this error: all n signs agree by chance with 2**-n."""
    return math.ceil(-math.log2(error))


def fewest_blocks(error: float) -> int:
    """Return the fewest blocks of each side that can give a finite bound with this error.

    All n blocks of one side lie above all n of the other by chance with 1 / C(2n, n).
    """
    count = 2
    while math.comb(2 * count, count) * error < 1:
        count += 1
    return count


def _walsh_averages(values: Values) -> Values:
    first, second = np.triu_indices(len(values))
    return np.asarray((values[first] + values[second]) / 2)


def _interval(values: Values, counts: tuple[int, ...], below: float, above: float) -> ConfidenceInterval:
    ordered = np.sort(values)
    low, high = _rank_at(counts, below), _rank_at(counts, above)
    return ConfidenceInterval(
        float(np.median(ordered)),
        float(ordered[low - 1]) if low else -math.inf,
        float(ordered[-high]) if high else math.inf,
    )


def _rank_at(counts: tuple[int, ...], error: float) -> int:
    """Return the greatest k such that fewer than k of the values lie under the truth with a probability <= error."""
    allowed = math.floor(Fraction(error) * sum(counts))
    total = 0
    for rank, count in enumerate(counts):
        total += count
        if total > allowed:
            return rank
    return len(counts)


@functools.cache
def _signed_rank_counts(size: int) -> tuple[int, ...]:
    """Count the sign patterns that give each value of the statistic: the product of (1 + x^i), i = 1 … size."""
    counts = [1]
    for step in range(1, size + 1):
        counts = [
            (counts[at] if at < len(counts) else 0) + (counts[at - step] if at >= step else 0)
            for at in range(len(counts) + step)
        ]
    return tuple(counts)


@functools.cache
def _rank_sum_counts(fewer: int, more: int) -> tuple[int, ...]:
    """Count, for each value of U, the arrangements that give it: the Gaussian binomial coefficient."""
    length = fewer * more + 1
    counts = [1] + [0] * (length - 1)
    for step in range(1, fewer + 1):
        for at in range(length - 1, more + step - 1, -1):  # times 1 - x^(more + step)
            counts[at] -= counts[at - more - step]
        for at in range(step, length):  # divided by 1 - x^step
            counts[at] += counts[at - step]
    return tuple(counts)
