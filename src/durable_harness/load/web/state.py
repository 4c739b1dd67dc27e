"""What the live page shows, as plain values: cheap, since the process that shows it may be the one that makes load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from durable_harness.gate import FailureReason, Gate, GateResult, Histogram, RunSummary, TimeSplit, evaluate
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.report.model import (
    COST_LABELS,
    LATENCY_LABELS,
    PART_LABELS,
    Report,
    actions_sentence,
    clock_rows,
    limit_text,
    not_measurable_rows,
    share_of_limit,
    shown_counts,
    split_rows,
    with_unit,
)
from durable_harness.gate.report.report_plots import (
    arrivals_drawing,
    errors_drawing,
    in_flight_drawing,
    latency_drawing,
    split_drawing,
)
from durable_harness.gate.report.scenarios import scenario_table
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally
from durable_harness.web.drawings import Drawing
from durable_harness.wording.foreign_text import shown

IDLE = "idle"
REASONS_SHOWN = 10
MOST_REASON_CHARS = 2000
PERCENTS = (50.0, 90.0, 95.0, 99.0)
SHOWN_LATENCIES = (
    *("completion_ms", "finish_ms", "slip_ms", "start_ms", "queueing_ms", "execution_ms"),
    *("detection_lag_ms", "poll_ms"),
)


@dataclass(frozen=True, slots=True)
class LiveRun:
    """How a run stands."""

    tally: RunTally
    gates: tuple[Gate, ...] = ()
    phase: str = IDLE
    """`idle` before and after a run, else `running` or `winding up`."""
    elapsed_s: float = 0.0
    run_time_s: float | None = None
    target: str = ""
    processes: str = ""
    verdict: str | None = None
    """Of a run that is over, with its reason."""
    warm_up_s: float = 0.0
    load_until_epoch_s: float | None = None
    """When the load ended, or now if it continues."""
    report_file: str = ""
    """Where the HTML report of the run is once it is over."""


def state_of(run: LiveRun, pause: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Return the page's data: counts, percentiles in milliseconds, gates as they stand, the plots of the report.

    It takes some ten milliseconds; `pause` is called in between, so that operations are not held up for that long.
    """
    summary = _of_what_ended(
        summarize_run(run.tally, warm_up_s=run.warm_up_s, load_until_epoch_s=run.load_until_epoch_s)
    )
    pause()
    results = evaluate(_judged_now(run.gates), summary) if summary.counts.started else ()
    plots = _plots(Report(summary, tuple(results)), pause, is_over=run.phase == IDLE)
    return {
        "phase": run.phase,
        "elapsed_s": run.elapsed_s,
        "run_time_s": run.run_time_s,
        "target": run.target,
        "processes": run.processes,
        "verdict": run.verdict,
        "report_file": run.report_file,
        "in_flight": run.tally.in_flight,
        "started": run.tally.started_count,
        "excluded": dict(summary.excluded),
        "ended": {label: count for label, count in shown_counts(summary.counts).items() if label != "unaccounted"},
        "throughput_per_s": summary.throughput_per_s,
        "polls_per_operation": summary.polls_per_operation.mean,
        "latencies": [
            {"label": LATENCY_LABELS[name], **_percentiles(summary.latencies_ms[name])}
            for name in SHOWN_LATENCIES
            if summary.latencies_ms[name].count
        ],
        "unknown": [": ".join(row) for row in not_measurable_rows(summary)],
        "costs": [
            {"label": label, **_percentiles(summary.costs[name]), "mean": summary.costs[name].mean}
            for name, label in COST_LABELS.items()
            if summary.costs[name].count
        ],
        "actions": actions_sentence(summary),
        "clocks": [": ".join(row) for row in clock_rows(summary)],
        "split": _split(summary.split),
        "gates": [_gate(result) for result in results],
        "reasons": [_reason(reason) for reason in summary.reasons[:REASONS_SHOWN]],
        "more_reasons": max(0, len(summary.reasons) - REASONS_SHOWN),
        "scenarios": scenario_table(summary),
        "plots": plots,
    }


def _of_what_ended(summary: RunSummary) -> RunSummary:
    """Judge a run that continues by what has ended: operations in flight have not failed."""
    counts = summary.counts
    ended = replace(counts, started=counts.started - counts.unaccounted, unaccounted=0)
    scenarios = {name: _of_what_ended(one) for name, one in summary.scenarios.items()}
    return replace(summary, counts=ended, scenarios=scenarios)


def _judged_now(gates: Iterable[Gate]) -> list[Gate]:
    """Leave out the gates on the audit, which comes after the run."""
    return [gate for gate in gates if gate.metric != AUDIT]


def _percentiles(histogram: Histogram) -> Mapping[str, Any]:
    values = {f"p{percent:g}": histogram.percentile(percent) for percent in PERCENTS}
    return {"count": histogram.count, **values, "max": histogram.max}


def _gate(result: GateResult) -> dict[str, Any]:
    return {
        "name": result.gate.name,
        "limit": limit_text(result.gate),
        "measured": with_unit(result.measured, result.gate),
        "passed": result.passed if result.is_measured else None,
        "note": result.note,
        "share": share_of_limit(result),
    }


def _reason(reason: FailureReason) -> dict[str, Any]:
    """Return why operations did not complete, without what a reader would not see in it."""
    words = {"reason": shown(reason.reason, MOST_REASON_CHARS), "example": shown(reason.example, MOST_REASON_CHARS)}
    return {"state": reason.state, "count": reason.count, **words}


def _split(split: TimeSplit) -> list[dict[str, Any]]:
    """Return the parts of completion that take any time."""
    shares = {label: share for label, _, share in split_rows(split)}
    return [
        {"name": name, "label": PART_LABELS[name], "mean_ms": mean_ms, "share": shares[PART_LABELS[name]]}
        for name, mean_ms in split.sums.means_ms().items()
        if mean_ms
    ]


def _plots(report: Report, pause: Callable[[], None], *, is_over: bool) -> dict[str, Any]:
    """Return the plots over time by their place in the page; None for one that cannot be drawn yet."""
    makers: dict[str, Callable[[Report], Drawing | None]] = {
        "completion": partial(latency_drawing, is_over=is_over),
        "parts": split_drawing,
        "arrivals": partial(arrivals_drawing, is_over=is_over),
        "flying": partial(in_flight_drawing, is_over=is_over),
        "errors": partial(errors_drawing, is_over=is_over),
    }
    plots = {}
    for name, make in makers.items():
        drawing = make(report)
        plots[name] = None if drawing is None else drawing.for_script()
        pause()
    return plots
