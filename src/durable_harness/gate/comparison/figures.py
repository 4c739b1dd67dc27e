"""Figures that can be compared: a percentile of one latency, or of the polls, of each operation."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from durable_harness.errors import UsageError

METRICS = (
    "completion_ms",
    "start_ms",
    "server_completion_ms",
    "queueing_ms",
    "execution_ms",
    "detection_lag_ms",
    "polls",
)
STATISTICS = "p1 … p100 such as p50, p95 or p99.9, max"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run: `completion_ms p95`."""

    metric: str
    percent: float

    @property
    def name(self) -> str:
        return f"{self.metric} p{self.percent:g}"

    @property
    def unit(self) -> str:
        return "ms" if self.metric.endswith("_ms") else ""


DEFAULT_FIGURE = Figure("completion_ms", 95.0)


def read_figure(text: str) -> Figure:
    """Read `completion_ms p95` (a dot or a colon between them will do), or raise UsageError."""
    metric, _, statistic = re.sub(r"[\s.:]+", " ", text.strip(), count=1).partition(" ")
    if metric not in METRICS:
        near = difflib.get_close_matches(metric, METRICS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"'{metric}' is not a metric to compare. {hint}Allowed are {', '.join(METRICS)}.")
    return Figure(metric, read_percent(statistic or "p95"))


def read_percent(statistic: str) -> float:
    """Read `p95` or `max`, or raise UsageError."""
    if statistic == "max":
        return 100.0
    percent = float(statistic[1:]) if re.fullmatch(r"p\d{1,3}(\.\d+)?", statistic) else 0.0
    if not 0 < percent <= 100:  # noqa: PLR2004 - percents
        raise UsageError(f"'{statistic}' is not a percentile. Allowed are {STATISTICS}.")
    return percent
