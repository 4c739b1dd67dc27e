"""Where the operations near a percentile spent their time: the mean of their critical paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PERCENTILES = (50, 99)


@dataclass(frozen=True, slots=True)
class PathPart:
    """One part of the paths: its name in JSON, its words, the mean milliseconds of an operation in it."""

    name: str
    label: str
    mean_ms: float


@dataclass(frozen=True, slots=True)
class PathsAt:
    """The operations near one percentile of a scenario's completion. Without parts `unknown` is the reason."""

    percentile: int
    completion_ms: float
    """The mean of these operations, which the parts come to."""
    operations: int
    parts: tuple[PathPart, ...] = ()
    """The largest first."""
    findings: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def means_ms(self) -> Mapping[str, float]:
        return {part.name: part.mean_ms for part in self.parts}

    def share(self, name: str) -> float:
        """Return the share of a part, by its name."""
        return self.means_ms.get(name, 0.0) / self.completion_ms if self.completion_ms else 0.0


@dataclass(frozen=True, slots=True)
class PathTable:
    """The percentiles side by side: a row for each part, in the order of the slowest operations."""

    columns: tuple[PathsAt, ...]
    rows: tuple[tuple[str, str], ...] = field(default=())
    """Name and words of each part."""


def side_by_side(paths: tuple[PathsAt, ...]) -> PathTable:
    """Return the table of what is known; no columns if nothing is."""
    known = tuple(one for one in paths if one.parts)
    labels: dict[str, str] = {}
    for one in reversed(known):
        labels |= {part.name: part.label for part in one.parts if part.name not in labels}
    return PathTable(known, tuple(labels.items()))
