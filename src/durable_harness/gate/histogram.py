"""Values of one quantity, kept as an HdrHistogram: bounded memory, known precision, merged without loss."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypedDict

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

HIGHEST_VALUE = 7 * 24 * 3600 * 1000
"""Larger magnitudes (a week, in milliseconds) are counted as `out_of_range`, not recorded."""
FOLD_AT = 1000
"""Values are counted together, this many at a time: one by one each would take three times as long."""


class HistogramWire(TypedDict):
    """A `Histogram` as plain values; `positive` and `negative` are in HdrHistogram's own encoding."""

    steps_per_unit: int
    digits: int
    out_of_range: int
    sum: int
    min: int | None
    max: int | None
    positive: str
    negative: str | None


class _Counts(Protocol):
    """The part of HdrHistogram that is used here; the package has no types."""

    total_count: int
    counts: object
    counts_len: int

    def add(self, other: _Counts) -> None: ...
    def encode(self) -> bytes: ...
    def decode_and_add(self, encoded: str) -> None: ...
    def record_value(self, value: int, count: int) -> bool: ...
    def get_value_from_index(self, index: int) -> int: ...
    def get_highest_equivalent_value(self, value: int) -> int: ...


class Histogram:
    """Records numbers, also negative ones, to `digits` significant digits in steps of `1 / steps_per_unit`.

    Latencies are recorded in milliseconds with a step of a microsecond (1000 steps per unit), counts with whole steps.
    Two histograms of equal shape merge into exactly the one that had seen all values.
    """

    def __init__(self, *, steps_per_unit: int = 1000, digits: int = 3) -> None:
        self.steps_per_unit, self.digits = steps_per_unit, digits
        self._pending: list[float] = []
        self._out_of_range = 0
        self._sum = 0
        self._min: int | None = None
        self._max: int | None = None
        self._positive = self._new_counts()
        # Made when needed: only the difference of two clocks is ever below zero.
        self._negative: _Counts | None = None

    def record(self, value: float) -> None:
        """Add a value. One that is out of range, or not a number, only counts in `out_of_range`."""
        self._pending.append(value)
        if len(self._pending) >= FOLD_AT:
            self._fold()

    def merge(self, other: Histogram) -> None:
        """Add all values of another histogram of the same shape."""
        if (self.steps_per_unit, self.digits) != (other.steps_per_unit, other.digits):
            raise ValueError("only histograms of one shape can be merged")
        self._fold()
        other._fold()
        self._out_of_range += other._out_of_range
        self._sum += other._sum
        self._min = _least(min, self._min, other._min)
        self._max = _least(max, self._max, other._max)
        self._positive.add(other._positive)
        if other._negative is not None:
            self._below_zero().add(other._negative)

    @property
    def out_of_range(self) -> int:
        """How many values were too large to be recorded, or no numbers."""
        self._fold()
        return self._out_of_range

    @property
    def count(self) -> int:
        self._fold()
        return int(self._positive.total_count) + self.below_zero

    @property
    def below_zero(self) -> int:
        """How many values were negative."""
        self._fold()
        return 0 if self._negative is None else int(self._negative.total_count)

    @property
    def min(self) -> float | None:
        """The smallest value, exactly; None without values."""
        self._fold()
        return None if self._min is None else self._min / self.steps_per_unit

    @property
    def max(self) -> float | None:
        """The largest value, exactly; None without values."""
        self._fold()
        return None if self._max is None else self._max / self.steps_per_unit

    @property
    def mean(self) -> float | None:
        """The arithmetic mean, exactly; None without values."""
        count = self.count
        return self._sum / count / self.steps_per_unit if count else None

    def percentile(self, percent: float) -> float | None:
        """Return the smallest value that at least `percent` % of all values do not exceed; None without values.

        It is off by less than one unit of the last significant digit, upwards, and never outside of min and max.
        """
        self._fold()
        if self._min is None or self._max is None:
            return None
        # Less a trifle: 99.9 % of 1,000 is 999, though the product of the floats is a little more.
        rank = max(1, math.ceil(percent * self.count / 100 - 1e-9))
        if self._negative is not None and rank <= self.below_zero:
            steps = -_value_at_rank(self._negative, self.below_zero - rank + 1)
        else:
            steps = _value_at_rank(self._positive, rank - self.below_zero)
        return min(max(steps, self._min), self._max) / self.steps_per_unit

    def counts_up_to(self, bounds: tuple[float, ...]) -> list[int]:
        """Return how many values there are up to each of some ascending bounds of 0 or more.

        It takes microseconds, however many values there are.
        """
        self._fold()
        ends = _ends_of(bounds, self.steps_per_unit, self.digits)
        totals = np.cumsum(np.ctypeslib.as_array(self._positive.counts)[: ends[-1]], dtype=np.int64)
        return [self.below_zero + (int(totals[end - 1]) if end else 0) for end in ends]

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield (value, how many) in ascending order, for every value that occurred."""
        self._fold()
        if self._negative is not None:
            yield from reversed([(-value / self.steps_per_unit, n) for value, n in _recorded(self._negative)])
        for value, n in _recorded(self._positive):
            yield value / self.steps_per_unit, n

    def to_wire(self) -> HistogramWire:
        """Return a value of plain types that `from_wire` turns into an equal histogram, in another process too."""
        self._fold()
        return {
            "steps_per_unit": self.steps_per_unit,
            "digits": self.digits,
            "out_of_range": self._out_of_range,
            "sum": self._sum,
            "min": self._min,
            "max": self._max,
            "positive": self._positive.encode().decode("ascii"),
            "negative": None if self._negative is None else self._negative.encode().decode("ascii"),
        }

    @classmethod
    def from_wire(cls, wire: HistogramWire) -> Histogram:
        """Make the histogram that `to_wire` was called on."""
        histogram = cls(steps_per_unit=wire["steps_per_unit"], digits=wire["digits"])
        histogram._out_of_range = wire["out_of_range"]
        histogram._sum, histogram._min, histogram._max = wire["sum"], wire["min"], wire["max"]
        histogram._positive.decode_and_add(wire["positive"])
        if wire["negative"] is not None:
            histogram._below_zero().decode_and_add(wire["negative"])
        return histogram

    def _fold(self) -> None:
        """Count what was recorded since the last time."""
        if not self._pending:
            return
        values = np.array(self._pending, dtype=np.float64)
        self._pending = []
        in_range = values[np.abs(values) <= HIGHEST_VALUE]
        self._out_of_range += len(values) - len(in_range)
        if not len(in_range):
            return
        steps = np.rint(in_range * self.steps_per_unit).astype(np.int64)
        self._sum += int(steps.sum())
        self._min = _least(min, self._min, int(steps.min()))
        self._max = _least(max, self._max, int(steps.max()))
        _count(self._positive, steps[steps >= 0])
        if (below_zero := steps[steps < 0]).size:
            _count(self._below_zero(), -below_zero)

    def _below_zero(self) -> _Counts:
        if self._negative is None:
            self._negative = self._new_counts()
        return self._negative

    def _new_counts(self) -> _Counts:
        return _empty_counts(self.steps_per_unit, self.digits)


def merged(histograms: Iterable[Histogram], *, steps_per_unit: int = 1000, digits: int = 3) -> Histogram:
    """Return one histogram of all values."""
    total = Histogram(steps_per_unit=steps_per_unit, digits=digits)
    for histogram in histograms:
        total.merge(histogram)
    return total


def _empty_counts(steps_per_unit: int, digits: int) -> _Counts:
    counts: _Counts = HdrHistogram(1, HIGHEST_VALUE * steps_per_unit, digits)
    return counts


@functools.cache
def _ends_of(bounds: tuple[float, ...], steps_per_unit: int, digits: int) -> list[int]:
    """Return how many places of the counts have values up to each of some bounds."""
    counts = _empty_counts(steps_per_unit, digits)
    places = range(counts.counts_len)
    return [
        bisect.bisect_right(places, bound * steps_per_unit, key=lambda place: _highest_value(counts, place))
        for bound in bounds
    ]


def _count(counts: _Counts, steps: NDArray[np.int64]) -> None:
    for value, times in zip(*np.unique(steps, return_counts=True), strict=True):
        counts.record_value(int(value), int(times))


def _least(choose: Callable[[list[int]], int], left: int | None, right: int | None) -> int | None:
    known = [value for value in (left, right) if value is not None]
    return choose(known) if known else None


def _recorded(counts: _Counts) -> Iterator[tuple[int, int]]:
    numbers = np.ctypeslib.as_array(counts.counts)
    for index in np.flatnonzero(numbers):
        yield _highest_value(counts, int(index)), int(numbers[index])


def _value_at_rank(counts: _Counts, rank: int) -> int:
    """Return the value of the `rank`-th smallest, 1 for the smallest."""
    totals = np.cumsum(np.ctypeslib.as_array(counts.counts), dtype=np.int64)
    return _highest_value(counts, int(np.searchsorted(totals, rank)))


def _highest_value(counts: _Counts, index: int) -> int:
    return int(counts.get_highest_equivalent_value(counts.get_value_from_index(index)))
