"""Axes: where a value lies on them, and the round values that are written along them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

HEADROOM = 1.08
"""How much higher than its highest value an axis ends at least."""
MILLION = 1_000_000
FINER = 1.2
"""How many times as many ticks as wanted there may be, before their distance grows to the next round number."""
FEW_DECADES = 3.0
"""Up to here a logarithmic axis has ticks at 1, 2 and 5 of each decade, beyond it at 1 alone."""


class Scale(Protocol):
    """An axis from its beginning, 0, to its end, 1."""

    def place(self, value: float) -> float:
        """Return where a value lies."""

    def ticks(self) -> list[tuple[float, str]]:
        """Return the values to write along the axis, and how."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal distances for equal differences."""

    low: float
    high: float
    is_whole: bool = False
    """Whether it counts: between whole numbers there is nothing to write."""

    def place(self, value: float) -> float:
        return (value - self.low) / ((self.high - self.low) or 1)

    def ticks(self) -> list[tuple[float, str]]:
        found = ticks(self.low, self.high)
        return [(tick, written(tick)) for tick in found if not self.is_whole or float(tick).is_integer()]

    @classmethod
    def numbered(cls, count: int) -> Linear:
        """Return an axis of the numbers from 1 to a count, without any that nothing has."""
        return cls(0.5, count + 0.5, is_whole=True)

    @classmethod
    def up_to(cls, values: Iterable[float], *, is_whole: bool = False) -> Linear:
        """Return an axis from zero to a round value above all of these."""
        return cls(0, round_up(max(values, default=0) * HEADROOM), is_whole)


@dataclass(frozen=True, slots=True)
class Log:
    """Equal distances for equal ratios; values below its beginning lie on it."""

    low: float
    high: float

    def place(self, value: float) -> float:
        return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[tuple[float, str]]:
        span = math.log10(self.high / self.low)
        if span < 1:
            return [(tick, written(tick)) for tick in ticks(self.low, self.high)]
        few = span <= FEW_DECADES
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [factor * 10.0**decade for decade in decades for factor in ((1, 2, 5) if few else (1,))]
        return [(tick, written(tick)) for tick in values if self.low * 0.999 <= tick <= self.high * 1.001]

    @classmethod
    def around(cls, values: Iterable[float], least: float = 0.1) -> Log:
        """Return an axis around all values that are at least `least`, from and to a round one."""
        known = [value for value in values if value >= least]
        low, high = round_down_log(min(known, default=1)), round_up_log(max(known, default=10))
        return cls(low, high if high > low else low * 10)


@dataclass(frozen=True, slots=True)
class Nines:
    """Percentiles, equal distances for each further nine: 0, 90, 99, 99.9."""

    nines: float
    """The end of the axis: 3 is the 99.9th percentile."""

    def place(self, percent: float) -> float:
        return min(-math.log10(max(1 - percent / 100, 1e-12)), self.nines) / self.nines

    def percents(self, points: int) -> list[float]:
        """Return percentiles in equal distances along the axis."""
        return [100 * (1 - 10 ** (-self.nines * index / (points - 1))) for index in range(points)]

    def ticks(self) -> list[tuple[float, str]]:
        known = (0, 50, 90, 99, 99.9, 99.99, 99.999)
        return [(tick, f"{tick:g} %") for tick in known if -math.log10(1 - tick / 100) <= self.nines + 1e-9]


def written(value: float) -> str:
    """Write a round value briefly: `1,000`, `2.5 M`."""
    return f"{value / MILLION:,.10g} M" if abs(value) >= MILLION else f"{value:,.10g}"


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Return round numbers between two others, about as many as wanted."""
    step = _nice((high - low) / wanted / FINER) if high > low else 1.0
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def round_up(value: float) -> float:
    """Return the next round number."""
    if value <= 0:
        return 1.0
    step = _nice(value / 6)
    return math.ceil(value / step - 1e-9) * step


def round_up_log(value: float) -> float:
    """Return the next of 1, 2, 5 in a decade, at or above a value."""
    return _nice(value)


def round_down_log(value: float) -> float:
    """Return the next of 1, 2, 5 in a decade, at or below a value."""
    magnitude = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(factor for factor in (1, 2, 5) if factor * magnitude <= value * (1 + 1e-9)) * magnitude


def _nice(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    factor = next(factor for factor in (1, 2, 5, 10) if rough <= factor * magnitude * (1 + 1e-9))
    return factor * magnitude
