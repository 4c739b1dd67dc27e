"""Which gates can no longer hold, however the rest of the run goes: the reason to end a run early.

A limit on the maximum, or on what was lost, is broken with the first value beyond it. A percentile and the
error ratio are broken once more operations lie beyond the limit than all operations of the whole run allow,
counted with the pace so far and twice that for what is left. Without a known end only the first kind can be judged. A
figure that the service does not give breaks nothing: the verdict names it as not measured.
Throughput and a mean can still recover, so neither ends a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from durable_harness.gate.gates import MEAN, Gate, percent_of
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.summary import RunSummary

RESERVE = 2.0
"""How many times the pace so far the rest of a run may have: load that rises later must not end it wrongly."""


def broken_for_good(gates: Iterable[Gate], summary: RunSummary, share_done: float | None) -> tuple[Gate, ...]:
    """Return the gates that are certain to fail at the end of the run.

    `share_done` is how much of the run is over, above 0 and at most 1; None if its end is not known.
    """
    figures = ((gate, gate.figures_of(summary)) for gate in gates)
    return tuple(gate for gate, of_it in figures if of_it is not None and _is_broken(gate, of_it, share_done))


def _is_broken(gate: Gate, summary: RunSummary, share_done: float | None) -> bool:
    if gate.metric != "operations":
        histogram = summary.histogram(gate.metric)
        return histogram is not None and gate.statistic != MEAN and _is_exceeded(gate, histogram, share_done)
    match gate.statistic:
        case "lost":
            return summary.lost > gate.limit
        case "unexpected_answers":
            return summary.unexpected_answers > gate.limit
        case "error_ratio" if share_done is not None:
            counts = summary.counts
            failed = counts.errors - counts.unaccounted
            return failed > gate.limit * _at_the_end(counts.started, share_done)
    return False


def _is_exceeded(gate: Gate, histogram: Histogram, share_done: float | None) -> bool:
    percent = percent_of(gate.statistic)
    beyond = sum(count for value, count in histogram.buckets() if value > gate.limit)
    if percent == 100:  # noqa: PLR2004 - the maximum
        return histogram.max is not None and histogram.max > gate.limit
    if share_done is None:
        return False
    total = _at_the_end(histogram.count, share_done)
    return beyond > total - math.ceil(percent * total / 100 - 1e-9)


def _at_the_end(count: int, share_done: float) -> float:
    return count * (1 + RESERVE * (1 - share_done) / share_done)
