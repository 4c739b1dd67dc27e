"""Compare two runs that were recorded one after the other: by blocks of operations in order of time.

It sees the noise within the runs. A machine that was slower during the whole of one of them looks like a slower
version: where that may be, interleave the two (`durable-harness ab`).
"""

from __future__ import annotations

import math

import numpy as np

from durable_harness.errors import InvalidRunError
from durable_harness.gate.comparison.availability import is_known, known_in_part, missing_figure
from durable_harness.gate.comparison.blocks import block_figures, block_length
from durable_harness.gate.comparison.comparison_results import Comparison, FigureResult
from durable_harness.gate.comparison.counts import CountComparison
from durable_harness.gate.comparison.design import FALLBACK_FACTOR, LEAST_ADVICE, Decision, Design
from durable_harness.gate.comparison.figures import DEFAULT_FIGURE, SEEN_FIGURE, Figure
from durable_harness.gate.comparison.operation_table import OperationTable
from durable_harness.gate.comparison.question import Question
from durable_harness.gate.comparison.ranks import ConfidenceInterval, Values, centre, fewest_blocks, rank_sum_interval
from durable_harness.gate.comparison.resolution import PollMoments, polls_advice, relative_gap

METHOD = (
    "Wilcoxon rank-sum test with the Hodges-Lehmann shift of the log figures of blocks of operations in order of time, "
    "each block at least 10 autocorrelation times long"
)


def compare_runs(
    base: OperationTable, head: OperationTable, question: Question, names: tuple[str, str] = ("base", "head")
) -> Comparison:
    """Answer each figure that is asked for; several figures share the designs' errors.

    If a run lacks a figure, the comparison is invalid, and the reason names what can be compared. What fails the head,
    or makes the base no base to compare with, comes first.
    """
    counted = CountComparison(question.counts)
    counted.add(base, head)
    counts = counted.results(paired=False)
    varying = [count.metric for count in counts if count.varies]
    wanted = (*question.judged(default_figure(base, head)), *question.means(varying))
    results: list[FigureResult] = []
    lacking: list[str] = []
    for figure, design in wanted:
        try:
            results.append(_compare(base, head, figure, design, len(wanted)))
        except InvalidRunError as error:
            lacking.append(str(error))
    partly = [
        note
        for metric in dict.fromkeys(figure.metric for figure, _ in wanted)
        for name, run in (("base", base), ("head", head))
        for note in known_in_part(metric, run, name)
    ]
    errors = (base.error_ratio, head.error_ratio)
    failures, invalid = judge_errors(errors, question.max_error_ratio)
    themselves = [
        f"{name} is an invalid run: {reason}"
        for name, run in zip(names, (base, head), strict=True)
        for reason in run.invalid
    ]
    is_settled = bool(failures or invalid or themselves)
    return Comparison(
        *names,
        results=tuple(results),
        method=METHOD,
        counts=counts,
        errors=errors,
        failures=failures,
        invalid=(*invalid, *dict.fromkeys(themselves), *(() if is_settled else lacking)),
        notes=(
            *dict.fromkeys((*base.notes, *head.notes)),
            *_differences(base, head),
            *_default_note(question, wanted[0][0] if wanted else None),
            *partly,
            *(lacking if is_settled else ()),
            BETWEEN_RUNS,
        ),
        elapsed_s=max(base.span_s, head.span_s),
    )


def _default_note(question: Question, judged: Figure | None) -> list[str]:
    """Return a note if the figure without polls in it could not be compared."""
    if not question.asks_for_default or judged == DEFAULT_FIGURE:
        return []
    unknown = f"{DEFAULT_FIGURE.metric}, which has no polls in it, is not known for most operations of both runs"
    return [f"{unknown}: {SEEN_FIGURE.metric} is compared"]


def default_figure(base: OperationTable, head: OperationTable) -> Figure:
    """Return the figure to compare if none is asked for: the one without polls in it if both runs know it.

    Times that come from a sample of the histories are those of too few operations.
    """
    return DEFAULT_FIGURE if all(is_known(DEFAULT_FIGURE.metric, run) for run in (base, head)) else SEEN_FIGURE


ALLOW_MORE = "--max-error-ratio"
BETWEEN_RUNS = "noise between runs is not seen here: on a machine that is not quiet, use `durable-harness ab`"


def _differences(base: OperationTable, head: OperationTable) -> list[str]:
    """Return the settings that the two runs do not share: a difference may come from there."""
    return [
        f"the runs differ in {name}: {base.settings.get(name, 'not set')} and {head.settings.get(name, 'not set')}"
        for name in dict.fromkeys([*base.settings, *head.settings])
        if base.settings.get(name) != head.settings.get(name)
    ]


def judge_errors(errors: tuple[float, float], most: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what fails the head and what makes the comparison invalid: operations that did not complete."""
    base, head = errors
    if base > most:
        return (), (f"{base:.1%} of the base's operations did not complete, at most {most:.1%} may ({ALLOW_MORE})",)
    if head > most:
        return (f"{head:.1%} of the head's operations did not complete, at most {most:.1%} may ({ALLOW_MORE})",), ()
    return (), ()


def _compare(base: OperationTable, head: OperationTable, figure: Figure, design: Design, tests: int) -> FigureResult:
    values = tuple(_values(side, figure, name) for side, name in ((base, "base"), (head, "head")))
    share = design.bonferroni(tests)
    # A mean has no percentile. How far its neighbours are alike is seen best at the median, which splits them evenly.
    percent = 50.0 if figure.percent is None else figure.percent
    # One length for both sides: a percentile of short blocks is lower than one of long blocks of the same operations.
    length = max(block_length(side, percent) for side in values)
    blocks = [block_figures(side, figure.of, length) for side in values]
    needed = fewest_blocks(min(share.false_alarm_rate, share.miss_rate))
    enough = all(len(side) >= needed for side in blocks)
    logs = [_logs(side, figure) for side in (blocks if enough else [np.array([figure.of(side)]) for side in values])]
    interval = (
        rank_sum_interval(logs[0], logs[1], share.false_alarm_rate, share.miss_rate)
        if enough
        else ConfidenceInterval(float(logs[1][0] - logs[0][0]), -math.inf, math.inf)
    )
    polls = [PollMoments.of(side) for side in (base, head)] if figure.kind.has_polls else []
    resolution = max((relative_gap(figure, *pair) for pair in zip(values, polls, strict=False)), default=0.0)
    answer = design.decide(interval, resolution)
    advice = ""
    if answer is Decision.CANNOT_TELL and resolution > design.effect:
        advice = polls_advice(figure, resolution, design.effect, PollMoments.merged(polls), "record longer runs")
    elif answer is Decision.CANNOT_TELL and percent == 100:  # noqa: PLR2004 - percents
        advice = "The maximum of a run is one operation, however long it runs: compare a percentile such as p99"
    elif answer is Decision.CANNOT_TELL:
        short = min(len(side) for side in values)
        factor = design.data_factor(interval) if enough else needed * length / short
        advice = _advice(factor or FALLBACK_FACTOR, short, max(base.span_s, head.span_s))
        if not enough:
            advice = f"{advice}. That many give an interval; an answer may take more"
    return FigureResult(
        figure,
        design,
        base=math.exp(centre(logs[0])),
        interval=interval,
        answer=answer,
        sample=f"{len(blocks[0])} and {len(blocks[1])} blocks of {length:,} operations",
        resolution=resolution,
        advice=advice,
    )


def _values(operations: OperationTable, figure: Figure, name: str) -> Values:
    values = operations.values(figure.metric)
    if not len(values):
        raise InvalidRunError(missing_figure(figure, operations, name))
    return values


def _logs(figures: Values, figure: Figure) -> Values:
    if float(figures.min()) <= 0:
        raise InvalidRunError(f"{figure.name}: is not above 0 everywhere, so it has no ratio: compare another figure")
    return np.asarray(np.log(figures))


def _advice(data_factor: float, operations: int, span_s: float) -> str:
    factor = max(data_factor, LEAST_ADVICE)
    return (
        f"Run about {factor:.1f} times as long: {factor * operations:,.0f} operations, {factor * span_s:,.0f} s a side"
    )
