"""How values of a slice of time are spread: cheap to make, to send and to merge, good enough to plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

STEPS_PER_E = 100
"""Cells per factor of e: a cell is one percent wide, so a value is known to half a percent."""
LEAST = 1e-3


class Spread:
    """Counts values above zero in cells that grow with the value; whatever is smaller counts as `LEAST`."""

    __slots__ = ("_cells", "count")

    def __init__(self, cells: Mapping[int, int] | None = None) -> None:
        self._cells: dict[int, int] = dict(cells or {})
        self.count = sum(self._cells.values())

    def record(self, value: float) -> None:
        """Add a value."""
        cell = math.floor(math.log(max(value, LEAST)) * STEPS_PER_E)
        self._cells[cell] = self._cells.get(cell, 0) + 1
        self.count += 1

    def merge(self, other: Spread) -> None:
        """Add all values of another."""
        for cell, count in other._cells.items():
            self._cells[cell] = self._cells.get(cell, 0) + count
        self.count += other.count

    def percentile(self, percent: float) -> float | None:
        """Return the smallest value that at least `percent` % of all do not exceed, to half a percent; None if empty.

        100 gives the largest cell.
        """
        rank, seen = max(1, math.ceil(percent * self.count / 100 - 1e-9)), 0
        for value, count in self.buckets():
            seen += count
            if seen >= rank:
                return value
        return None

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield (value in the middle of a cell, how many) in ascending order."""
        for cell in sorted(self._cells):
            yield math.exp((cell + 0.5) / STEPS_PER_E), self._cells[cell]

    def to_wire(self) -> list[list[int]]:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        return [[cell, count] for cell, count in self._cells.items()]

    @classmethod
    def from_wire(cls, wire: Any) -> Spread:
        """Make the one that `to_wire` was called on."""
        return cls(dict(wire))
