"""Lengths of time as a person reads them."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
MS_PER_S = 1_000
ONE_DIGIT = 10
"""Below it a figure has one digit before the point, and gets one more behind it."""
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
YEAR_S = 31_557_600
"""Of 365.25 days."""
FEW_YEARS = 10
UNITS = (
    (YEAR_S, "year", DAY_S, "d"),
    (DAY_S, "d", HOUR_S, "h"),
    (HOUR_S, "h", MINUTE_S, "min"),
    (MINUTE_S, "min", 1, "s"),
)


def readable(length_ns: float) -> str:
    """Return a length with its unit and about three digits, or from a minute on in its two largest units: `3 d 4 h`."""
    ms, seconds = max(0.0, length_ns / NS_PER_MS), length_ns / NS_PER_S
    if round(ms) < MS_PER_S:
        return f"{ms:.1f} ms" if ms < ONE_DIGIT else f"{ms:.0f} ms"
    if round(seconds, 1) < MINUTE_S:
        return f"{seconds:.2f} s" if seconds < ONE_DIGIT else f"{seconds:.1f} s"
    return in_units(round(seconds))


def in_units(seconds: int) -> str:
    """Return a length of a minute or more in its two largest units, of many years in those only."""
    unit_s, unit, part_s, part = next((units for units in UNITS if seconds >= units[0]), UNITS[-1])
    whole, rest = seconds // unit_s, seconds % unit_s // part_s
    if unit != "year":
        return f"{whole} {unit} {rest} {part}"
    years = f"{whole:,} {unit if whole == 1 else 'years'}"
    return years if whole >= FEW_YEARS else f"{years} {rest} {part}"
