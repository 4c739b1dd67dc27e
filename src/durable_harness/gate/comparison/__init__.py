"""Is the head slower than the base? Slower, not slower, or nobody can tell yet: run longer."""

from durable_harness.gate.comparison.design import Answer, Design
from durable_harness.gate.comparison.figures import DEFAULT_FIGURE, Figure, read_figure
from durable_harness.gate.comparison.operations import Operations, read_run
from durable_harness.gate.comparison.pairs import PairedComparison, all_answered
from durable_harness.gate.comparison.ranks import Interval
from durable_harness.gate.comparison.results import Comparison, FigureResult
from durable_harness.gate.comparison.runs import compare_runs, judge_errors

__all__ = [
    "DEFAULT_FIGURE",
    "Answer",
    "Comparison",
    "Design",
    "Figure",
    "FigureResult",
    "Interval",
    "Operations",
    "PairedComparison",
    "all_answered",
    "compare_runs",
    "judge_errors",
    "read_figure",
    "read_run",
]
