"""Lengths of time as tests write them: seconds, timedeltas, or texts such as "30d"."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TypeGuard

from durable_harness.errors import UsageError

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
ALLOWED = 'expected 0 or more seconds, a timedelta that is not negative, or a text such as "90s", "12h" or "30d"'

Duration = float | timedelta | str


def seconds_of(duration: Duration, what: str) -> float:
    """Return a length of time in seconds. Raises UsageError, which begins with `what`, if it is not valid."""
    seconds = _seconds(duration)
    if seconds is None or not (math.isfinite(seconds) and seconds >= 0):
        raise UsageError(f"{what}: got {duration!r}; {ALLOWED}.")
    return seconds


def limit_s_of(timeout_s: float | None, default_s: float) -> float:
    """Return how long to wait: what a test gave, else the default. Raises UsageError if it is not 0 or more seconds."""
    if timeout_s is None:
        return default_s
    if not _is_number(timeout_s) or not timeout_s >= 0:
        raise UsageError(f"timeout_s is {timeout_s!r}; expected 0 or more seconds, or None for the default.")
    return timeout_s


def _seconds(duration: object) -> float | None:
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        written = WRITTEN.fullmatch(duration)
        return float(written[1]) * UNITS_S[written[2]] if written else None
    return float(duration) if _is_number(duration) else None


def _is_number(given: object) -> TypeGuard[int | float]:
    return isinstance(given, int | float) and not isinstance(given, bool)
