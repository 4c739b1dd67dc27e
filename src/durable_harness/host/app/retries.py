"""The retry policies of functions: what Azure's worker reads in them when it indexes an app, and when to try again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from durable_harness.documents import JsonObject

SETTING = "retry_policy"
FIXED = "fixed_delay"
MOST_DOUBLINGS = 30
DEFAULT_MINIMUM_S, DEFAULT_MAXIMUM_S = 1.0, 60.0
"""Of an exponential backoff that names no intervals."""
INTERVALS = ("minimum_interval", "maximum_interval")


def retry_problem(policy: JsonObject | None) -> str | None:
    """Return what the worker cannot read in a policy, None if it reads all of it."""
    if not policy:
        return None
    try:
        int(policy["max_retry_count"])
    except (KeyError, TypeError, ValueError):
        return f"max_retry_count is {policy.get('max_retry_count')!r}. Expected a whole number"
    if policy.get("strategy") == FIXED:
        return _interval_problem("delay_interval", policy)
    given = (name for name in INTERVALS if policy.get(name))
    return next(filter(None, (_interval_problem(name, policy) for name in given)), None)


def _interval_problem(name: str, policy: JsonObject) -> str | None:
    interval = policy.get(name)
    try:
        time.strptime(interval, "%H:%M:%S")  # type: ignore[arg-type]  # of any other type it raises what is caught
    except (TypeError, ValueError):
        return f"{name} is {interval!r}. Expected HH:MM:SS, less than a day"
    return None


@dataclass(frozen=True)
class RetryPolicy:
    """How often a function that fails is tried again, and after which times. The waits of a fixed delay are equal."""

    max_retry_count: int
    """-1 is without end."""
    minimum_s: float
    maximum_s: float

    def allows(self, retry: int) -> bool:
        """Return whether there is a retry of this number, counted from 1."""
        return self.max_retry_count < 0 or retry <= self.max_retry_count

    def delay_s(self, retry: int) -> float:
        """Return the wait before a retry: it doubles, give or take a fifth, within minimum and maximum."""
        if self.minimum_s == self.maximum_s:
            return self.minimum_s
        grown_s = self.minimum_s * (float(2 ** min(retry, MOST_DOUBLINGS)) - 1) * random.uniform(0.8, 1.2)  # noqa: S311
        return min(self.minimum_s + grown_s, self.maximum_s)


def read_policy(policy: JsonObject | None) -> RetryPolicy | None:
    """Return a policy that `retry_problem` finds nothing wrong with; None if there is none."""
    if not policy:
        return None
    count = int(policy["max_retry_count"])
    if policy.get("strategy") == FIXED:
        delay_s = _seconds(policy["delay_interval"])
        return RetryPolicy(count, delay_s, delay_s)
    minimum, maximum = (policy.get(name) for name in INTERVALS)
    minimum_s = _seconds(minimum) if minimum else DEFAULT_MINIMUM_S
    return RetryPolicy(count, minimum_s, max(minimum_s, _seconds(maximum) if maximum else DEFAULT_MAXIMUM_S))


def _seconds(interval: str) -> float:
    hours, minutes, seconds = map(int, interval.split(":"))
    return float(hours * 3600 + minutes * 60 + seconds)
