"""How long operations take, as far as it is known: a histogram on a logarithmic scale that forgets the distant past."""

from __future__ import annotations

import math

LEAST_S = 1e-3
"""Times below it count as it."""
PRECISION = 0.01
"""Relative width of a bin: where a time is kept, it is exact to 1 %."""
HALF_LIFE = 500
"""Operations after which an operation counts half, so that a service that changes is learned again."""
SPREAD = 16
"""Points that stand for an interval in which an operation ended at an unknown moment: a plan has few moments in it."""
UNBELIEF = 0.1
"""The part of such an operation that is spread evenly: if all went where others ended, a wrong belief would stay."""
NEGLIGIBLE = 1e-3
"""The part of an operation's weight below which a bin is left out: hardly any operation would end at such a moment."""


class CompletionTimes:
    """Weights by time. Ends that are known exactly, or only as an interval, may be mixed."""

    def __init__(self) -> None:
        self.count = 0
        """Operations learned, without forgetting."""
        self._weights: dict[int, float] = {}
        self._unit = 1.0
        self._total = 0.0

    @property
    def effective_count(self) -> float:
        """How many operations what is remembered is worth."""
        return self._total / self._unit

    def add(self, time_s: float) -> None:
        """Learn an operation that took this long."""
        self._begin()
        self._put(time_s, self._unit)

    def add_between(self, low_s: float, high_s: float) -> None:
        """Learn an operation that ended somewhere in (low_s, high_s]: most likely where others have ended in there."""
        self._begin()
        low, high = _bin(low_s) + 1 if low_s > 0 else 0, _bin(high_s)
        inside = {index: weight for index, weight in self._weights.items() if low <= index <= high}
        known = sum(inside.values())
        even = self._unit * (UNBELIEF if known else 1.0)
        for index, weight in inside.items():
            self._weights[index] += (self._unit - even) * weight / known
        self._total += self._unit - even
        for step in range(1, SPREAD + 1):
            self._put(low_s + (high_s - low_s) * step / SPREAD, even / SPREAD)

    def times_s(self) -> list[tuple[float, float]]:
        """Return times in ascending order with weights that sum up to 1; mere traces are left out."""
        least = NEGLIGIBLE * self._unit
        kept = sorted((index, weight) for index, weight in self._weights.items() if weight >= least)
        total = sum(weight for _, weight in kept)
        return [(LEAST_S * (1 + PRECISION) ** index, weight / total) for index, weight in kept]

    def _begin(self) -> None:
        """Count one more. Its larger weight is the same as less weight for those before it."""
        self.count += 1
        self._unit *= 2 ** (1 / HALF_LIFE)
        if self._unit > 1e9:  # noqa: PLR2004 - any large number; floats must not overflow in a long run
            scaled = {index: weight / self._unit for index, weight in self._weights.items()}
            self._weights = {index: weight for index, weight in scaled.items() if weight >= NEGLIGIBLE**2}
            self._total, self._unit = sum(self._weights.values()), 1.0

    def _put(self, time_s: float, weight: float) -> None:
        index = _bin(time_s)
        self._weights[index] = self._weights.get(index, 0.0) + weight
        self._total += weight


def _bin(time_s: float) -> int:
    """Return the bin that ends at or just after a time."""
    # Less a trifle, so that rounding does not put the end of a bin into the next one.
    return math.ceil(math.log(max(time_s, LEAST_S) / LEAST_S) / math.log1p(PRECISION) - 1e-9)
