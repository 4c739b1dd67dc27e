"""Is the head slower than the base? The answer is slower, not slower, or cannot tell yet: run longer."""

from durable_harness.gate.comparison.comparison_results import Comparison, FigureResult
from durable_harness.gate.comparison.counts import CountComparison, CountResult
from durable_harness.gate.comparison.design import Decision, Design
from durable_harness.gate.comparison.figures import DEFAULT_FIGURE, SEEN_FIGURE, Figure, read_figure
from durable_harness.gate.comparison.operation_table import OperationTable, read_run
from durable_harness.gate.comparison.pairs import PairedComparison, all_answered
from durable_harness.gate.comparison.question import Question
from durable_harness.gate.comparison.ranks import ConfidenceInterval
from durable_harness.gate.comparison.recorded_runs import compare_runs, default_figure, judge_errors

__all__ = [
    "DEFAULT_FIGURE",
    "SEEN_FIGURE",
    "Comparison",
    "ConfidenceInterval",
    "CountComparison",
    "CountResult",
    "Decision",
    "Design",
    "Figure",
    "FigureResult",
    "OperationTable",
    "PairedComparison",
    "Question",
    "all_answered",
    "compare_runs",
    "default_figure",
    "judge_errors",
    "read_figure",
    "read_run",
]
