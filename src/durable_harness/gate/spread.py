"""How values of a slice of time are spread: cheap to make, to send and to merge, good enough to plot."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

STEPS_PER_E = 100
"""Cells per factor of e: a cell is one percent wide, so a value is known to half a percent."""
LEAST = 1e-3
"""A microsecond, in milliseconds: the logarithm of 0 does not exist, and nothing that is plotted is shorter."""


class Spread:
    """Counts values above zero in cells that grow with the value; smaller values count as `LEAST`."""

    __slots__ = ("_cells", "_ordered", "count")

    def __init__(self, cells: Mapping[int, int] | None = None) -> None:
        self._cells: dict[int, int] = dict(cells or {})
        self.count = sum(self._cells.values())
        self._ordered: tuple[list[tuple[float, int]], list[int]] | None = None
        """What was read last, kept while nothing is added: a live page reads finished slices again and again."""

    def record(self, value: float) -> None:
        """Add a value."""
        cell = math.floor(math.log(max(value, LEAST)) * STEPS_PER_E)
        self._cells[cell] = self._cells.get(cell, 0) + 1
        self.count += 1
        self._ordered = None

    def merge(self, other: Spread) -> None:
        """Add all values of another."""
        for cell, count in other._cells.items():
            self._cells[cell] = self._cells.get(cell, 0) + count
        self.count += other.count
        self._ordered = None

    def percentile(self, percent: float) -> float | None:
        """Return the smallest value that at least `percent` % of all do not exceed, to half a percent; None if empty.

        100 gives the largest cell.
        """
        if not self.count:
            return None
        buckets, totals = self._in_order()
        rank = max(1, math.ceil(percent * self.count / 100 - 1e-9))
        return buckets[bisect.bisect_left(totals, rank)][0]

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield (value in the middle of a cell, how many) in ascending order."""
        return iter(self._in_order()[0])

    def _in_order(self) -> tuple[list[tuple[float, int]], list[int]]:
        """Return the buckets, and how many values there are up to each."""
        if self._ordered is None:
            cells = sorted(self._cells.items())
            buckets = [(math.exp((cell + 0.5) / STEPS_PER_E), count) for cell, count in cells]
            self._ordered = buckets, list(itertools.accumulate(count for _, count in cells))
        return self._ordered

    def to_wire(self) -> list[list[int]]:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        return [[cell, count] for cell, count in self._cells.items()]

    @classmethod
    def from_wire(cls, wire: Iterable[Sequence[int]]) -> Spread:
        """Make the one that `to_wire` was called on."""
        return cls({cell: count for cell, count in wire})  # noqa: C416 - dict() takes pairs by type, not lists of two
