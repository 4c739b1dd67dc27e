"""A run over time: slices of equal width, few enough to plot and to send, merged without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict

from durable_harness.gate.split import PartSums, PartSumsWire
from durable_harness.gate.spread import Spread

MAX_SLICES = 120
"""A run that grows longer than this gets slices of twice the width."""


TimeSliceWire = tuple[int, int, int, dict[str, int], list[list[int]], PartSumsWire]
"""A `TimeSlice` as plain values: its fields in their order."""


class LoadTimelineWire(TypedDict):
    """A `LoadTimeline` as plain values; each slice with its index, which counts from the epoch."""

    width_s: int
    slices: list[tuple[int, TimeSliceWire]]
    span_s: tuple[float | None, float | None]


@dataclass(slots=True)
class TimeSlice:
    """What happened in one slice of time."""

    started: int = 0
    completed: int = 0
    not_completed: int = 0
    """Operations that ended in any other way."""
    by_state: dict[str, int] = field(default_factory=dict)
    """The same by how they ended: the names of the fields of `OutcomeCounts`."""
    completion_ms: Spread = field(default_factory=Spread)
    """Completion times of the operations that ended in this slice."""
    parts: PartSums = field(default_factory=PartSums)
    """Where the time went of those that can be split."""

    def add(self, other: TimeSlice) -> None:
        self.started += other.started
        self.completed += other.completed
        self.not_completed += other.not_completed
        for state, count in other.by_state.items():
            self.by_state[state] = self.by_state.get(state, 0) + count
        self.completion_ms.merge(other.completion_ms)
        self.parts.merge(other.parts)

    def to_wire(self) -> TimeSliceWire:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        counts = self.started, self.completed, self.not_completed, self.by_state
        return (*counts, self.completion_ms.to_wire(), self.parts.to_wire())

    @classmethod
    def from_wire(cls, wire: TimeSliceWire) -> TimeSlice:
        """Make the slice that `to_wire` was called on."""
        started, completed, not_completed, by_state, completion_ms, parts = wire
        ends = dict(by_state), Spread.from_wire(completion_ms), PartSums.from_wire(parts)
        return cls(started, completed, not_completed, *ends)


class LoadTimeline:
    """Slices of `width_s` seconds, aligned to the epoch so that those of several processes match."""

    def __init__(self, width_s: int = 1) -> None:
        self.width_s = width_s
        self.first_s: float | None = None
        """The moment of the first event, in seconds since the epoch. It lies within the first slice."""
        self.last_start_s: float | None = None
        """The moment of the last start."""
        self._slices: dict[int, TimeSlice] = {}

    def started(self, epoch_s: float) -> None:
        """Count an operation that was sent."""
        self._extend(epoch_s, epoch_s)
        self._at(epoch_s).started += 1

    def ended(
        self,
        epoch_s: float,
        *,
        completed: bool,
        completion_ms: float | None,
        parts_ms: tuple[float, ...] | None = None,
        state: str = "",
    ) -> None:
        """Count an operation that ended; its completion time and the parts of it if it has them.

        `state` is how one ended that did not complete, if that is known.
        """
        self._extend(epoch_s, None)
        here = self._at(epoch_s)
        if completed:
            here.completed += 1
        else:
            here.not_completed += 1
            if state:
                here.by_state[state] = here.by_state.get(state, 0) + 1
        if completion_ms is not None:
            here.completion_ms.record(completion_ms)
        if parts_ms is not None:
            here.parts.add(parts_ms)

    def merge(self, other: LoadTimeline) -> None:
        """Add another process's slices; the wider width of the two is kept. The other one may be widened too."""
        while self.width_s < other.width_s:
            self._widen()
        while other.width_s < self.width_s:
            other._widen()
        self._extend(other.first_s, other.last_start_s)
        for index, piece in other._slices.items():
            self._slices.setdefault(index, TimeSlice()).add(piece)
        self._fit()

    def slices(self) -> list[tuple[int, TimeSlice]]:
        """Return (start in epoch seconds, slice) from the first to the last, without gaps."""
        if not self._slices:
            return []
        indexes = range(min(self._slices), max(self._slices) + 1)
        return [(index * self.width_s, self._slices.get(index) or TimeSlice()) for index in indexes]

    def to_wire(self) -> LoadTimelineWire:
        """Return a value of plain types that `from_wire` turns into an equal timeline."""
        slices = [(index, piece.to_wire()) for index, piece in self._slices.items()]
        return {"width_s": self.width_s, "slices": slices, "span_s": (self.first_s, self.last_start_s)}

    @classmethod
    def from_wire(cls, wire: LoadTimelineWire) -> LoadTimeline:
        """Make the timeline that `to_wire` was called on."""
        timeline = cls(wire["width_s"])
        timeline._extend(*wire["span_s"])
        timeline._slices = {index: TimeSlice.from_wire(piece) for index, piece in wire["slices"]}
        return timeline

    def _extend(self, first_s: float | None, last_start_s: float | None) -> None:
        self.first_s = min((s for s in (self.first_s, first_s) if s is not None), default=None)
        self.last_start_s = max((s for s in (self.last_start_s, last_start_s) if s is not None), default=None)

    def _at(self, epoch_s: float) -> TimeSlice:
        index = int(epoch_s // self.width_s)
        if index not in self._slices:
            self._slices[index] = TimeSlice()
            self._fit()
            index = int(epoch_s // self.width_s)
        return self._slices[index]

    def _fit(self) -> None:
        while self._slices and max(self._slices) - min(self._slices) >= MAX_SLICES:
            self._widen()

    def _widen(self) -> None:
        old, self._slices = self._slices, {}
        self.width_s *= 2
        for index, piece in old.items():
            self._slices.setdefault(index // 2, TimeSlice()).add(piece)
