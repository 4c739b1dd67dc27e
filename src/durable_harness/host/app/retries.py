"""The retry policies of decorated functions, as far as Azure's worker reads them when it indexes an app."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

SETTING = "retry_policy"
FIXED = "fixed_delay"
INTERVALS = ("minimum_interval", "maximum_interval")


def retry_problem(policy: Mapping[str, Any] | None) -> str | None:
    """Return what the worker cannot read in a policy, None if it reads all of it."""
    if not policy:
        return None
    try:
        int(policy["max_retry_count"])
    except (KeyError, TypeError, ValueError):
        return f"max_retry_count is {policy.get('max_retry_count')!r}. Expected a whole number"
    if policy.get("strategy") == FIXED:
        return _interval_problem("delay_interval", policy.get("delay_interval"))
    given = ((name, policy[name]) for name in INTERVALS if policy.get(name))
    return next(filter(None, (_interval_problem(name, interval) for name, interval in given)), None)


def _interval_problem(name: str, interval: Any) -> str | None:
    try:
        time.strptime(interval, "%H:%M:%S")
    except (TypeError, ValueError):
        return f"{name} is {interval!r}. Expected HH:MM:SS, less than a day"
    return None
