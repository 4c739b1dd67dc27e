"""A backlog that grows: operations that last the longer the later they start, at a rate that does not change.

A trial is short. At a rate that the system cannot take, its first operations are as fast as ever, and the last ones may
still keep to the objective: it is the growth that shows that the rate cannot be held.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from durable_harness.gate.comparison.ranks import Values, rank_sum_interval

ERROR = 0.01
"""How often a service without a backlog may seem to have one."""
LEAST_GROWTH = 0.1
"""Seconds by which operations last longer for each second of a trial: as much arrives beyond what is taken."""
MOST_BLOCKS = 30
"""Blocks of neighbours in each half; the median of each is compared, so that long operations of a mix are no growth."""


class Lasted(NamedTuple):
    """When an operation was to start, and how long it lasted. Both in seconds."""

    intended_s: float
    lasted_s: float


class Growth(NamedTuple):
    """By how much the second half of a trial lasted longer than its first, and for each second between them."""

    by_s: float
    per_s: float


def growth_of(operations: Sequence[Lasted]) -> Growth | None:
    """Return how a backlog grew; None if it did not grow beyond chance, or if operations are too few to see it."""
    ordered = sorted(operations)
    half = len(ordered) // 2
    first, second = ordered[:half], ordered[half:]
    if not first:
        return None
    blocks = [_blocks([one.lasted_s for one in side]) for side in (first, second)]
    shift = rank_sum_interval(blocks[0], blocks[1], ERROR, ERROR)
    apart_s = float(np.mean([one.intended_s for one in second]) - np.mean([one.intended_s for one in first]))
    if apart_s <= 0 or shift.lower < LEAST_GROWTH * apart_s:
        return None
    return Growth(shift.estimate, shift.estimate / apart_s)


def _blocks(lasted_s: Sequence[float]) -> Values:
    return np.array([np.median(block) for block in np.array_split(lasted_s, min(len(lasted_s), MOST_BLOCKS))])
