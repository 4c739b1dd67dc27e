"""What the live page shows, as plain values: cheap, since the process that tells it may be the one that makes load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from durable_harness.gate import Gate, GateResult, Histogram, RunSummary, evaluate
from durable_harness.gate.measurable import AUDIT
from durable_harness.gate.report.model import (
    COST_LABELS,
    LATENCY_LABELS,
    actions_sentence,
    clock_rows,
    limit_text,
    not_measurable_rows,
    shown_counts,
    split_rows,
    with_unit,
)
from durable_harness.gate.report.scenarios import scenario_table
from durable_harness.gate.timeline import Slice, Timeline
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.summary import summarize_run

SLICES_SHOWN = 90
REASONS_SHOWN = 10
PERCENTS = (50.0, 90.0, 95.0, 99.0)
SHOWN_LATENCIES = (
    *("completion_ms", "finish_ms", "start_ms", "queueing_ms", "execution_ms"),
    *("detection_lag_ms", "poll_ms"),
)


@dataclass(frozen=True, slots=True)
class LiveRun:
    """How a run stands."""

    tally: RunTally
    gates: tuple[Gate, ...] = ()
    phase: str = "idle"
    """`idle` before and after a run, else `running` or `winding up`."""
    elapsed_s: float = 0.0
    run_time_s: float | None = None
    target: str = ""
    processes: str = ""
    verdict: str | None = None
    """Of a run that is over, with its reason."""


def state_of(run: LiveRun) -> dict[str, Any]:
    """Return the page's data: counts, percentiles in milliseconds, gates as they stand, the last slices of time."""
    tally, summary = run.tally.whole(), _of_what_ended(summarize_run(run.tally))
    return {
        "phase": run.phase,
        "elapsed_s": run.elapsed_s,
        "run_time_s": run.run_time_s,
        "target": run.target,
        "processes": run.processes,
        "verdict": run.verdict,
        "in_flight": tally.in_flight,
        "started": tally.started_count,
        "excluded": dict(tally.excluded),
        "ended": {label: count for label, count in shown_counts(summary.counts).items() if label != "unaccounted"},
        "throughput_per_s": summary.throughput_per_s,
        "polls_per_operation": summary.polls_per_operation.mean,
        "latencies": [
            {"label": LATENCY_LABELS[name], **_percentiles(tally.latencies_ms[name])}
            for name in SHOWN_LATENCIES
            if tally.latencies_ms[name].count
        ],
        "unknown": [": ".join(row) for row in not_measurable_rows(summary)],
        "costs": [
            {"label": label, **_percentiles(tally.costs[name]), "mean": tally.costs[name].mean}
            for name, label in COST_LABELS.items()
            if tally.costs[name].count
        ],
        "actions": actions_sentence(summary),
        "clocks": [": ".join(row) for row in clock_rows(summary)],
        "split": [list(row) for row in split_rows(tally.split)],
        "gates": [_gate(result) for result in evaluate(_judged_now(run.gates), summary)] if tally.started_count else [],
        "reasons": [asdict(reason) for reason in summary.reasons[:REASONS_SHOWN]],
        "more_reasons": max(0, len(summary.reasons) - REASONS_SHOWN),
        "scenarios": scenario_table(summary),
        "slices": _slices(tally.timeline),
        "slice_s": tally.timeline.width_s,
    }


def _of_what_ended(summary: RunSummary) -> RunSummary:
    """Judge a run that goes on by what has ended: what is in flight has not failed."""
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
    }


def _slices(timeline: Timeline) -> list[list[float | None]]:
    """Return the last slices; the newest is still being filled.

    Each is [seconds, started, ended, in flight, completion p50, p95, mean queueing, mean execution]; the means are None
    where the server does not tell.
    """
    slices, in_flight, rows = timeline.slices(), 0, []
    for start, piece in slices:
        ended = piece.completed + piece.not_completed
        in_flight += piece.started - ended
        rows.append((start - slices[0][0], piece, ended, in_flight))
    return [[at, piece.started, ended, flying, *_times(piece)] for at, piece, ended, flying in rows[-SLICES_SHOWN:]]


def _times(piece: Slice) -> list[float | None]:
    """Return the times in milliseconds of the operations that ended in a slice."""
    percentiles = [piece.completion_ms.percentile(percent) for percent in (50, 95)]
    means = piece.parts.means_ms()
    return [*percentiles, means.get("queueing"), means.get("execution")]
