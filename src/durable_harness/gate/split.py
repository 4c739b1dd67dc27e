"""Where the time of operations went: parts that follow one another, from the wish to start until the end was seen.

slip           intended to sent: the generator was late; counts in an open workload only
start          sent to accepted
queueing       accepted until work began at the server
execution      until the server finished
detection lag  until a poll saw it

A part is never below zero. Where work began before the 202 arrived here, or where clocks differ, the parts come to more
than the whole: `excess_ms` is by how much. Only operations whose moments are all known, finer than whole seconds,
are split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from durable_harness.gate.histogram import Histogram, HistogramWire

PARTS = ("slip", "start", "queueing", "execution", "detection_lag")
PartSumsWire = tuple[int, list[float]]
"""`PartSums` as plain values: how many operations, the sum of each part in milliseconds."""


class TimeSplitWire(TypedDict):
    """A `TimeSplit` as plain values."""

    sums: PartSumsWire
    unknown: int
    excess_ms: HistogramWire
    clock_ms: tuple[float, float] | None


@dataclass(slots=True)
class PartSums:
    """Milliseconds of each part, summed over operations."""

    count: int = 0
    sums_ms: list[float] = field(default_factory=lambda: [0.0] * len(PARTS))

    def add(self, parts_ms: Iterable[float]) -> None:
        """Add the parts of one operation, in the order of PARTS."""
        self.count += 1
        self.sums_ms = [total + part for total, part in zip(self.sums_ms, parts_ms, strict=True)]

    def merge(self, other: PartSums) -> None:
        """Add all operations of another."""
        self.count += other.count
        self.sums_ms = [total + part for total, part in zip(self.sums_ms, other.sums_ms, strict=True)]

    def means_ms(self) -> Mapping[str, float]:
        """Return the mean of each part; nothing if no operation was split."""
        return {name: total / self.count for name, total in zip(PARTS, self.sums_ms, strict=True) if self.count}

    def to_wire(self) -> PartSumsWire:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        return self.count, self.sums_ms

    @classmethod
    def from_wire(cls, wire: PartSumsWire) -> PartSums:
        """Make the one that `to_wire` was called on."""
        count, sums_ms = wire
        return cls(count, list(sums_ms))


class TimeSplit:
    """The parts of a run's operations."""

    def __init__(self) -> None:
        self.sums = PartSums()
        self.unknown = 0
        """Operations whose end was seen and which cannot be split: the server does not report when work began or ended,
        or only in whole seconds."""
        self.excess_ms = Histogram()
        """By how much the parts of an operation differ from the whole, either way."""
        self.clock_ms: tuple[float, float] | None = None
        """Between what the server's clock is ahead of the one here: no operation began before it was sent, or ended
        after its end was seen. The more operations, the narrower. Below zero is behind."""

    def add(self, parts_ms: tuple[float, ...] | None, whole_ms: float) -> None:
        """Add an operation whose end was seen, by its parts in the order of PARTS; None if they are not known."""
        if parts_ms is None:
            self.unknown += 1
            return
        self.sums.add(parts_ms)
        self.excess_ms.record(abs(sum(parts_ms) - whole_ms))

    def bound_clock(self, least_ms: float, most_ms: float) -> None:
        """Narrow the bounds of the server's clock by those of one operation."""
        low, high = self.clock_ms or (least_ms, most_ms)
        self.clock_ms = max(low, least_ms), min(high, most_ms)

    @property
    def clock_error_ms(self) -> float:
        """By how much the server's clock is ahead at least, or behind if below zero; 0 if the clocks may agree."""
        low, high = self.clock_ms or (0.0, 0.0)
        return max(low, 0.0) + min(high, 0.0)

    def merge(self, other: TimeSplit) -> None:
        """Add another process's operations."""
        self.sums.merge(other.sums)
        self.unknown += other.unknown
        self.excess_ms.merge(other.excess_ms)
        if other.clock_ms is not None:
            self.bound_clock(*other.clock_ms)

    def to_wire(self) -> TimeSplitWire:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        excess_ms = self.excess_ms.to_wire()
        return {"sums": self.sums.to_wire(), "unknown": self.unknown, "excess_ms": excess_ms, "clock_ms": self.clock_ms}

    @classmethod
    def from_wire(cls, wire: TimeSplitWire) -> TimeSplit:
        """Make the one that `to_wire` was called on."""
        split = cls()
        split.sums, split.unknown = PartSums.from_wire(wire["sums"]), wire["unknown"]
        split.excess_ms = Histogram.from_wire(wire["excess_ms"])
        split.clock_ms = None if wire["clock_ms"] is None else (wire["clock_ms"][0], wire["clock_ms"][1])
        return split
