"""Why a run lacks a figure, and which figures it has."""

from __future__ import annotations

from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.operation_table import OperationTable
from durable_harness.gate.metrics import COSTS, METRICS

WHOLE_SECONDS = "the service reports times in whole seconds"
NOT_REPORTED = "the service does not report when operations began or ended"
NOT_COUNTED = "only a host of durable-harness counts them"
NOT_SEEN = "no operation was seen to end"
NOT_STARTED = "no start was answered"


MOST, NEARLY_ALL = 0.5, 0.99
"""Parts of the operations that were seen to end. A figure that is known for MOST or fewer is not compared by default:
those without it may be the slow ones. A report mentions a figure that is known for fewer than NEARLY_ALL: 1 % is what a
p99 depends on."""


def is_known(metric: str, operations: OperationTable) -> bool:
    """Whether a metric is known for most of the operations that were seen to end."""
    return len(operations.values(metric)) > MOST * len(operations.values("completion_ms"))


def known_in_part(metric: str, operations: OperationTable, side: str) -> list[str]:
    """Return a note with the number of operations that have the figure, if some lack it."""
    known, seen = len(operations.values(metric)), len(operations.values("completion_ms"))
    if known >= NEARLY_ALL * seen:
        return []
    return [f"{metric} is known for {known:,} of {seen:,} operations of the {side} only"]


def why_uncounted(seen: int, side: str) -> str:
    """Return why no operation of a side was counted; `seen` is how many were seen to end."""
    return NOT_COUNTED if seen else f"no operation of the {side} was seen to end"


def known_metrics(operations: OperationTable) -> list[str]:
    """Return the metrics that at least one operation has."""
    return [name for name in METRICS if len(operations.values(name))]


def missing_figure(figure: Figure, operations: OperationTable, side: str) -> str:
    """Return why a side lacks a figure, and what can be compared."""
    known = ", ".join(known_metrics(operations)) or "nothing"
    return (
        f"{figure.name}: the {side} has no operation with this figure: {_reason(figure, operations)}. It has: {known}"
    )


def _reason(figure: Figure, operations: OperationTable) -> str:
    if figure.metric == "start_ms":
        return NOT_STARTED
    if figure.metric in ("completion_ms", "polls") or not operations.has_ends:
        return NOT_SEEN
    if figure.metric in COSTS:
        return NOT_COUNTED
    return WHOLE_SECONDS if operations.has_whole_seconds else NOT_REPORTED
