"""CPU and memory of the parties of a run, over time: few slices however long it lasts, merged without loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

GENERATOR, HOST = "generator", "host"
MOST_SLICES = 120
"""A run that grows longer than this gets slices of twice the width."""


class UsageWire(TypedDict):
    """A `Usage` as plain values. Each slice is [index, CPU seconds, covered seconds, bytes of memory]."""

    width_s: int
    parties: dict[str, list[tuple[int, float, float, int]]]


@dataclass(slots=True)
class UsageSlice:
    """What the processes of one party used in a slice of time."""

    cpu_s: float = 0.0
    covered_s: float = 0.0
    """For how much of the slice they were watched."""
    memory_bytes: int = 0
    """The most at a time; what processes share counts in each of them."""

    @property
    def cores(self) -> float | None:
        """How many cores they used on average; None if they were not watched."""
        return self.cpu_s / self.covered_s if self.covered_s else None

    def follow(self, other: UsageSlice) -> None:
        """Add the slice of the same processes that comes after this one, or before."""
        self.cpu_s += other.cpu_s
        self.covered_s += other.covered_s
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)

    def join(self, other: UsageSlice) -> None:
        """Add what other processes of the party used in the same time."""
        self.cpu_s += other.cpu_s
        self.covered_s = max(self.covered_s, other.covered_s)
        self.memory_bytes += other.memory_bytes


class Usage:
    """Slices of `width_s` seconds for each party, aligned to the epoch so that those of several processes match."""

    def __init__(self, width_s: int = 1) -> None:
        self.width_s = width_s
        self._parties: dict[str, dict[int, UsageSlice]] = {}

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(self._parties)

    def note(self, party: str, from_s: float, to_s: float, cpu_s: float, memory_bytes: int) -> None:
        """Note what processes used between two moments in epoch seconds: CPU spread evenly, memory as it is now."""
        if to_s <= from_s:
            return  # the clock was set
        self._make_room(from_s, to_s)
        slices = self._parties.setdefault(party, {})
        for index in range(int(from_s // self.width_s), int(to_s // self.width_s) + 1):
            inside_s = min(to_s, (index + 1) * self.width_s) - max(from_s, index * self.width_s)
            if inside_s > 0:
                piece = UsageSlice(cpu_s * inside_s / (to_s - from_s), inside_s, memory_bytes)
                slices.setdefault(index, UsageSlice()).follow(piece)

    def merge(self, other: Usage) -> None:
        """Add the processes of another one; the wider width of the two is kept. The other one may be widened too."""
        while self.width_s < other.width_s:
            self._widen()
        while other.width_s < self.width_s:
            other._widen()
        for party, slices in other._parties.items():
            own = self._parties.setdefault(party, {})
            for index, piece in slices.items():
                own.setdefault(index, UsageSlice()).join(piece)
        while self._span() > MOST_SLICES:
            self._widen()

    def slices(self, party: str) -> list[tuple[int, UsageSlice]]:
        """Return (start in epoch seconds, slice) of a party from the first to the last, without gaps."""
        slices = self._parties.get(party)
        if not slices:
            return []
        indexes = range(min(slices), max(slices) + 1)
        return [(index * self.width_s, slices.get(index) or UsageSlice()) for index in indexes]

    def to_wire(self) -> UsageWire:
        """Return a value of plain types that `from_wire` turns into an equal one."""
        parties = {
            party: [(index, piece.cpu_s, piece.covered_s, piece.memory_bytes) for index, piece in slices.items()]
            for party, slices in self._parties.items()
        }
        return {"width_s": self.width_s, "parties": parties}

    @classmethod
    def from_wire(cls, wire: UsageWire) -> Usage:
        """Make the one that `to_wire` was called on. Raises ValueError for slices that fit no others."""
        width_s = int(wire["width_s"])
        if width_s < 1 or width_s & (width_s - 1):
            raise ValueError(f"slices of {width_s} s")
        usage = cls(width_s)
        usage._parties = {
            party: {
                int(index): UsageSlice(float(cpu_s), float(covered_s), int(memory_bytes))
                for index, cpu_s, covered_s, memory_bytes in slices
            }
            for party, slices in wire["parties"].items()
        }
        return usage

    def _make_room(self, from_s: float, to_s: float) -> None:
        while self._span(int(from_s // self.width_s), int(to_s // self.width_s)) > MOST_SLICES:
            self._widen()

    def _span(self, *more: int) -> int:
        """Return how many slices there are from the first to the last of all parties, and `more` indexes."""
        indexes = [*more, *(index for slices in self._parties.values() for index in slices)]
        return max(indexes) - min(indexes) + 1 if indexes else 0

    def _widen(self) -> None:
        self.width_s *= 2
        for party, old in self._parties.items():
            slices: dict[int, UsageSlice] = {}
            for index, piece in old.items():
                slices.setdefault(index // 2, UsageSlice()).follow(piece)
            self._parties[party] = slices


def merged_usage(many: Iterable[Usage]) -> Usage:
    """Return the processes of all."""
    total = Usage()
    for usage in many:
        total.merge(usage)
    return total
