"""An objective as people write it: `completion_ms p95 <= 2000, error_ratio <= 0.01`."""

from __future__ import annotations

import re

from durable_harness.errors import UsageError
from durable_harness.gate.gatefile import PERCENTILES, is_percentile
from durable_harness.gate.gates import Gate
from durable_harness.gate.summary import LATENCIES_MS

COUNTS = ("error_ratio", "lost")
LATENCIES = tuple(name for name in LATENCIES_MS if name != "poll_ms")
"""Trials keep the time of all polls of an operation, `polling_ms`, not that of each."""
_LIMIT = re.compile(r"(?P<metric>\w+)(?:[ .:]+(?P<statistic>[\w.]+))?\s*(?:<=|≤|<)\s*(?P<limit>[\d.]+)\s*(?:ms)?")


def read_objective(text: str) -> tuple[Gate, ...]:
    """Return the limits of an objective, which must all hold; raise UsageError if the text is not one."""
    limits = tuple(_read_limit(part.strip()) for part in text.split(",") if part.strip())
    if not limits:
        raise UsageError("--objective: is empty. Write limits like 'completion_ms p95 <= 2000, error_ratio <= 0.01'.")
    return limits


def _read_limit(text: str) -> Gate:
    found = _LIMIT.fullmatch(text)
    if not found:
        raise UsageError(f"--objective: '{text}' is no limit. Write it like 'completion_ms p95 <= 2000'.")
    metric, statistic = found["metric"], found["statistic"]
    try:
        limit = float(found["limit"])
    except ValueError:
        raise UsageError(f"--objective: '{found['limit']}' is not a number") from None
    if metric in COUNTS and not statistic:
        return Gate("operations", metric, limit)
    if metric not in LATENCIES:
        raise UsageError(f"--objective: '{metric}' is not known. Expected one of {', '.join((*LATENCIES, *COUNTS))}.")
    if not is_percentile(statistic or ""):
        raise UsageError(f"--objective: '{text}' needs a percentile of {metric}: {PERCENTILES}.")
    return Gate(metric, statistic, limit, unit="ms")
