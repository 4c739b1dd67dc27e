"""Compare two runs that were recorded one after the other: by blocks of operations in order of time.

It sees the noise within the runs. A machine that was slower during the whole of one of them looks like a slower
version: where that may be, interleave the two (`durable-harness ab`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from durable_harness.errors import InvalidRunError
from durable_harness.gate.comparison.blocks import block_length, block_percentiles
from durable_harness.gate.comparison.design import Answer, Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.operations import Operations
from durable_harness.gate.comparison.ranks import Interval, Values, fewest_blocks, rank_sum_interval
from durable_harness.gate.comparison.results import Comparison, FigureResult

MAX_ERROR_RATIO = 0.01
METHOD = (
    "rank sum (Wilcoxon, exact) with the Hodges-Lehmann shift of the log percentiles of blocks of operations in order "
    "of time, each block at least 10 autocorrelation times long"
)
UNKNOWN = Interval(math.nan, -math.inf, math.inf)


def compare_runs(
    base: Operations,
    head: Operations,
    wanted: Sequence[tuple[Figure, Design]],
    names: tuple[str, str] = ("base", "head"),
    max_error_ratio: float = MAX_ERROR_RATIO,
) -> Comparison:
    """Answer each figure; several figures share the designs' errors."""
    results = tuple(_compare(base, head, figure, design, len(wanted)) for figure, design in wanted)
    errors = (base.error_ratio, head.error_ratio)
    failures, invalid = judge_errors(errors, max_error_ratio)
    themselves = [
        f"{name} is an invalid run: {reason}"
        for name, run in zip(names, (base, head), strict=True)
        for reason in run.invalid
    ]
    return Comparison(
        *names,
        results=results,
        method=METHOD,
        errors=errors,
        failures=failures,
        invalid=(*invalid, *themselves),
        notes=(*_differences(base, head), BETWEEN_RUNS),
        elapsed_s=max(base.span_s, head.span_s),
    )


BETWEEN_RUNS = "noise between runs is not seen here: on a machine that is not quiet, use `durable-harness ab`"


def _differences(base: Operations, head: Operations) -> list[str]:
    """Tell the settings that the two runs do not share: a difference may come from there."""
    return [
        f"the runs differ in {name}: {base.settings.get(name, 'not set')} and {head.settings.get(name, 'not set')}"
        for name in dict.fromkeys([*base.settings, *head.settings])
        if base.settings.get(name) != head.settings.get(name)
    ]


def judge_errors(errors: tuple[float, float], most: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what fails the head and what makes the comparison invalid: operations that did not complete."""
    base, head = errors
    if base > most:
        return (), (f"{base:.1%} of the base's operations did not complete, at most {most:.1%} may",)
    if head > most:
        return (f"{head:.1%} of the head's operations did not complete, at most {most:.1%} may",), ()
    return (), ()


def _compare(base: Operations, head: Operations, figure: Figure, design: Design, tests: int) -> FigureResult:
    values = base.values(figure.metric), head.values(figure.metric)
    for side, side_values in zip(("base", "head"), values, strict=True):
        if not len(side_values):
            raise InvalidRunError(f"{figure.name}: the {side} has no operation with this figure")
    share = design.shared_by(tests)
    length = max(block_length(side, figure.percent) for side in values)
    blocks = [block_percentiles(side, figure.percent, length) for side in values]
    needed = fewest_blocks(min(share.false_alarm_rate, share.miss_rate))
    enough = all(len(side) >= needed for side in blocks)
    interval = _interval(blocks, share, figure) if enough else UNKNOWN
    answer = design.decide(interval)
    whole = [float(np.percentile(side, figure.percent)) for side in values]
    if not enough:
        interval = Interval(math.log(whole[1] / whole[0]) if min(whole) > 0 else 0.0, -math.inf, math.inf)
    units = f"{len(blocks[0])} and {len(blocks[1])} blocks of {length:,} operations"
    advice = ""
    if answer is Answer.CANNOT_TELL:
        short = min(len(side) for side in values)
        times = design.times_as_long(interval) if enough else needed * length / short
        advice = _advice(times or 2.0, short, max(base.span_s, head.span_s))
    return FigureResult(figure, design, whole[0], whole[1], interval, answer, units, advice)


def _interval(blocks: Sequence[Values], design: Design, figure: Figure) -> Interval:
    if min(float(side.min()) for side in blocks) <= 0:
        raise InvalidRunError(f"{figure.name}: is not above 0 everywhere, so it has no ratio: compare another figure")
    base, head = (np.log(side) for side in blocks)
    return rank_sum_interval(base, head, design.false_alarm_rate, design.miss_rate)


def _advice(times: float, operations: int, span_s: float) -> str:
    times = max(times, 1.2)
    return f"Run about {times:.1f} times as long: {times * operations:,.0f} operations, {times * span_s:,.0f} s a side"
