"""Which process starts which arrival: every process knows all arrivals, and each of them is one process's own.

Arrivals are numbered; among n workers, number i belongs to the one at place i modulo n. When a worker joins or vanishes
a new era begins a little later, at a moment that all workers know in time, so that they agree on every arrival.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

LEAD_S = 3.0
"""How long before its beginning an era is announced."""
LOOK_AHEAD_S = 0.5
"""How far ahead a worker may decide that an arrival is not its own; less than LEAD_S by what a message may take."""


@dataclass(frozen=True, slots=True)
class Era:
    """Since `from_s` seconds after the run began, these workers share the arrivals."""

    from_s: float
    workers: tuple[str, ...]

    def owner(self, number: int) -> str | None:
        return self.workers[number % len(self.workers)] if self.workers else None


class Shares:
    """The eras of a run so far."""

    def __init__(self, eras: list[Era]) -> None:
        self._eras = sorted(eras, key=lambda era: era.from_s)

    @classmethod
    def alone(cls, worker: str) -> Shares:
        """Return the shares of a run with one worker."""
        return cls([Era(0.0, (worker,))])

    @property
    def workers(self) -> tuple[str, ...]:
        """Those of the newest era."""
        return self._eras[-1].workers if self._eras else ()

    def begin_era(self, from_s: float, workers: tuple[str, ...]) -> None:
        """Begin an era; one that was announced for later is replaced."""
        self._eras = [*(era for era in self._eras if era.from_s < from_s), Era(from_s, workers)]

    def owner(self, number: int, time_s: float) -> str | None:
        """Return the worker of arrival `number`, at `time_s`; None if there was none then."""
        index = bisect.bisect_right(self._eras, time_s, key=lambda era: era.from_s)
        return self._eras[index - 1].owner(number) if index else None

    def to_wire(self) -> list[Any]:
        """Return plain values for `from_wire`."""
        return [[era.from_s, list(era.workers)] for era in self._eras]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Shares:
        """Make the shares that `to_wire` was called on."""
        return cls([Era(from_s, tuple(workers)) for from_s, workers in wire])
