"""Is the head slower than the base? Slower, not slower, or it cannot tell yet: run longer."""

from durable_harness.gate.comparison.counts import CountComparison, CountResult
from durable_harness.gate.comparison.design import Answer, Design
from durable_harness.gate.comparison.figures import DEFAULT_FIGURE, SEEN_FIGURE, Figure, read_figure
from durable_harness.gate.comparison.operations import Operations, read_run
from durable_harness.gate.comparison.pairs import PairedComparison, all_answered
from durable_harness.gate.comparison.question import Question
from durable_harness.gate.comparison.ranks import Interval
from durable_harness.gate.comparison.results import Comparison, FigureResult
from durable_harness.gate.comparison.runs import compare_runs, default_figure, judge_errors

__all__ = [
    "DEFAULT_FIGURE",
    "SEEN_FIGURE",
    "Answer",
    "Comparison",
    "CountComparison",
    "CountResult",
    "Design",
    "Figure",
    "FigureResult",
    "Interval",
    "Operations",
    "PairedComparison",
    "Question",
    "all_answered",
    "compare_runs",
    "default_figure",
    "judge_errors",
    "read_figure",
    "read_run",
]
