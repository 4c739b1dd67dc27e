"""Bounds from ranks: exact for any symmetric noise, however heavy its tails; no normal distribution is assumed.

Pairs are judged by Wilcoxon's signed ranks (the order within a pair is random, so the log ratios of two equal
versions are symmetric about 0), unpaired blocks by the rank sum. An estimate is the median of all Walsh averages, or of
all differences (Hodges and Lehmann 1963). A bound is one of those values, found by counting:

    Sort the N values. Let T be how many of them lie under the truth. For pairs, T is the signed-rank statistic; for
    blocks, T is Mann and Whitney's U. The k-th smallest value lies over the truth exactly if T < k. So it is a lower
    bound with the error P(T <= k - 1), and that probability is a count of equally likely arrangements. The upper bound
    is the k-th largest value, since T and N - T have the same distribution.

Ties: the counts assume that there are none. With ties or zeros a bound that is one of the values is wrong less often
than stated, never more often (Noether 1967).

    Hodges, J. L.; Lehmann, E. L. (1963). Estimates of location based on rank tests. Ann. Math. Statist. 34, 598-611.
    Hollander, M.; Wolfe, D. A.; Chicken, E. (2014). Nonparametric Statistical Methods, 3rd ed., sections 3.1-3.3 and
        4.1-4.3.
    Noether, G. E. (1967). Wilcoxon confidence intervals for location parameters in the discrete case.
        J. Amer. Statist. Assoc. 62, 184-188.
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
    """An estimate with a bound on each side; a bound is infinite if there are too few values for it."""

    estimate: float
    lower: float
    upper: float


def centre(values: Values) -> float:
    """Return the Hodges-Lehmann centre: the median of the averages of all pairs of values, each with itself too."""
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
    return math.ceil(-math.log2(error))  # the least n with 2**-n <= error


def fewest_blocks(error: float) -> int:
    """Return the fewest blocks of each side that can give a finite bound with this error.

    All n blocks of one side lie above all n of the other by chance with 1 / C(2n, n).
    """
    count = 2  # one block of each side has no scatter: no error rate makes an interval of it
    while math.comb(2 * count, count) * error < 1:
        count += 1
    return count


def _walsh_averages(values: Values) -> Values:
    """Return the n (n + 1) / 2 averages of two values each: the signed-rank statistic is how many lie above 0."""
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
    # Of n pairs there are 2**n arrangements: from 54 on more than a float counts, from 1,024 on more than it holds.
    allowed = math.floor(Fraction(error) * sum(counts))
    total = 0
    for rank, count in enumerate(counts):
        total += count
        if total > allowed:
            return rank
    return len(counts)


@functools.cache
def _signed_rank_counts(size: int) -> tuple[int, ...]:
    """Count the sign patterns that give each value of the statistic.

    Each rank i is in the sum or not, so the counts are the coefficients of the product of (1 + x^i), i = 1 … size.
    """
    counts = [1]
    for step in range(1, size + 1):
        counts = [
            (counts[at] if at < len(counts) else 0) + (counts[at - step] if at >= step else 0)
            for at in range(len(counts) + step)
        ]
    return tuple(counts)


@functools.cache
def _rank_sum_counts(fewer: int, more: int) -> tuple[int, ...]:
    """Count, for each value of U, the arrangements that give it.

    They are the coefficients of the Gaussian binomial: the product of (1 - x^(more + i)) / (1 - x^i), i = 1 … fewer.
    """
    length = fewer * more + 1  # U is at most fewer * more
    counts = [1] + [0] * (length - 1)
    for step in range(1, fewer + 1):
        # Downwards, so that each coefficient is subtracted before it is changed itself; the division goes upwards.
        for at in range(length - 1, more + step - 1, -1):  # times 1 - x^(more + step)
            counts[at] -= counts[at - more - step]
        for at in range(step, length):  # divided by 1 - x^step
            counts[at] += counts[at - step]
    return tuple(counts)
