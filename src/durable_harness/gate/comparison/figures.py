"""Figures that can be compared: a percentile of one metric, or the mean of a count."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from durable_harness.errors import UsageError
from durable_harness.gate.comparison.ranks import Values
from durable_harness.gate.metrics import METRICS, Metric
from durable_harness.wording.misspellings import expected_one_of

STATISTICS = "p1 … p100 such as p50, p95 or p99.9, max"
MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run: `finish_ms p95`, or `actions_per_operation mean`."""

    metric: str
    percent: float | None = None
    """The percentile; None for the mean, the only statistic of a count."""

    @property
    def name(self) -> str:
        if self.percent is None:
            return f"{self.metric} {MEAN}"
        return f"{self.metric} {'max' if self.percent == 100 else f'p{self.percent:g}'}"  # noqa: PLR2004 - percents

    @property
    def unit(self) -> str:
        return METRICS[self.metric].unit

    @property
    def kind(self) -> Metric:
        return METRICS[self.metric]

    def of(self, values: Values) -> float:
        """Return the figure of some operations; there must be at least one."""
        return float(values.mean() if self.percent is None else np.percentile(values, self.percent))


DEFAULT_FIGURE = Figure("finish_ms", 95.0)
"""Free of polls: how long the operation took, whenever a client came to look."""
SEEN_FIGURE = Figure("completion_ms", 95.0)
"""What a client saw, polls included."""


def read_figure(text: str) -> Figure:
    """Read `finish_ms p95` (a dot or a colon between them will do), or raise UsageError."""
    name, _, statistic = re.sub(r"[\s.:]+", " ", text.strip(), count=1).partition(" ")
    metric = METRICS.get(name)
    if metric is None:
        raise UsageError(f"'{name}' is not a metric to compare. {expected_one_of(name, METRICS)}")
    if not metric.is_count:
        return Figure(name, read_percent(statistic or "p95"))
    if statistic not in ("", MEAN):
        raise UsageError(f"'{name} {statistic}': a count has no percentile to compare. Write '{name}'.")
    return Figure(name)


def read_percent(statistic: str) -> float:
    """Read `p95` or `max`, or raise UsageError."""
    if statistic == "max":
        return 100.0
    percent = float(statistic[1:]) if re.fullmatch(r"p\d{1,3}(\.\d+)?", statistic) else 0.0
    if not 0 < percent <= 100:  # noqa: PLR2004 - percents
        raise UsageError(f"'{statistic}' is not a percentile. Expected {STATISTICS}.")
    return percent
