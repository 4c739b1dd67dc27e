"""Lengths of time as a person reads them."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
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


def rough(length_ns: float) -> str:
    """Return a length in seconds to one digit, or from a minute on in its two largest units: `3 d 4 h`."""
    seconds = length_ns / NS_PER_S
    return f"{seconds:.1f} s" if round(seconds, 1) < MINUTE_S else in_units(round(seconds))


def in_units(seconds: int) -> str:
    """Return a length of a minute or more in its two largest units, of many years in those only."""
    unit_s, unit, part_s, part = next((units for units in UNITS if seconds >= units[0]), UNITS[-1])
    whole, rest = seconds // unit_s, seconds % unit_s // part_s
    if unit != "year":
        return f"{whole} {unit} {rest} {part}"
    years = f"{whole:,} {unit if whole == 1 else 'years'}"
    return years if whole >= FEW_YEARS else f"{years} {rest} {part}"
