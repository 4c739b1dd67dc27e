"""The report for programs: every figure, and the histograms that percentiles can be computed and merged from."""

from __future__ import annotations

import json
from dataclasses import asdict

from durable_harness.gate.audit import Audit, AuditProblem
from durable_harness.gate.gates import GateResult
from durable_harness.gate.histogram import Histogram
from durable_harness.gate.load_timeline import LoadTimeline
from durable_harness.gate.metrics import COSTS
from durable_harness.gate.paths import PathsAt
from durable_harness.gate.report.model import PERCENTILES, Report
from durable_harness.gate.report.who import who_document
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.summary import POLLS_PER_OPERATION, RunSummary
from durable_harness.gate.usage import GENERATOR, HOST, Usage
from durable_harness.wording.foreign_text import HIDDEN

FORMAT = 3
"""Raised whenever a key changes its meaning or goes."""


def render_json(report: Report) -> str:
    """Return the report as a JSON document; latencies are in milliseconds, times in ISO 8601 and UTC."""
    return json_text(as_document(report))


def json_text(document: object) -> str:
    """Return a document as indented JSON, with escapes for what a reader would not see and UTF-8 cannot hold."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return HIDDEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text) + "\n"


def as_document(report: Report) -> dict[str, object]:
    """Return what render_json writes, as plain types."""
    summary = report.summary
    return {
        "format": FORMAT,
        "verdict": report.verdict.value,
        "verdict_reason": report.verdict_sentence,
        "target": report.target,
        "started_at": report.started_at.isoformat() if report.started_at else None,
        "elapsed_s": summary.elapsed_s,
        **_figures(summary),
        "who": who_document(report.who.get("")),
        "scenarios": {
            name: {**_figures(one), "who": who_document(report.who.get(name))}
            for name, one in summary.scenarios.items()
        },
        "usage": _usage(summary.usage),
        "gates_file": report.gates_file,
        "gates": [_gate(result) for result in report.results],
        "notes": list(summary.notes),
        "invalid": list(report.invalid),
        "interrupted": summary.interrupted or None,
        "generator": dict(summary.generator),
        "settings": dict(report.settings),
    }


def _figures(summary: RunSummary) -> dict[str, object]:
    """Return the figures of operations, of all or of one scenario."""
    return {
        "operations": asdict(summary.counts),
        "error_ratio": summary.error_ratio,
        "throughput_per_s": summary.throughput_per_s,
        "unexpected_answers": summary.unexpected_answers,
        "polls": summary.polls,
        "failed_polls": summary.failed_polls,
        "bytes_received": summary.bytes_received,
        "coarse_lags": summary.coarse_lags,
        "latencies": {
            name: None if name in summary.not_measurable else _histogram(histogram)
            for name, histogram in summary.latencies_ms.items()
        },
        "not_measurable": dict(summary.not_measurable),
        "clocks": dict(summary.clocks),
        "time_split": _split(summary.split),
        "paths": [_paths(one) for one in summary.paths],
        "excluded": dict(summary.excluded),
        POLLS_PER_OPERATION: _histogram(summary.polls_per_operation),
        **{name: _cost(summary.costs.get(name)) for name in COSTS},
        "actions": dict(summary.actions),
        "audit": _audit(summary.audit),
        "no_audit": summary.no_audit or None,
        "reasons": [asdict(reason) for reason in summary.reasons],
        "stuck": [asdict(one) for one in summary.stuck],
        "traces": [asdict(one) for one in summary.traces],
        "timeline": _timeline(summary.timeline),
    }


def _histogram(histogram: Histogram) -> dict[str, object]:
    return {
        "count": histogram.count,
        "min": histogram.min,
        "mean": histogram.mean,
        "max": histogram.max,
        **{f"p{percent:g}": histogram.percentile(percent) for percent in PERCENTILES},
        "histogram": histogram.to_wire(),
    }


def _cost(histogram: Histogram | None) -> dict[str, object] | None:
    return _histogram(histogram) if histogram is not None and histogram.count else None


def _split(split: TimeSplit) -> dict[str, object]:
    return {
        "operations": split.sums.count,
        "unknown": split.unknown,
        "mean_ms": dict(split.sums.means_ms()),
        "excess_p99_ms": split.excess_ms.percentile(99),
        "clock_ahead_ms": split.clock_ms,
    }


def _paths(paths: PathsAt) -> dict[str, object]:
    return {
        "percentile": paths.percentile,
        "operations": paths.operations,
        "completion_ms": paths.completion_ms,
        "mean_ms": dict(paths.means_ms),
        "findings": list(paths.findings),
        "unknown": paths.unknown or None,
    }


def _audit(audit: Audit | None) -> dict[str, object] | None:
    if audit is None:
        return None
    counts = {problem.name.lower(): audit.known(problem) for problem in AuditProblem}
    not_checked = {problem.name.lower(): reason for problem, reason in audit.not_checked.items()}
    words = {key: value for key, value in asdict(audit).items() if key != "scenarios"}
    return {**words, "counts": counts, "not_checked": not_checked, "is_clean": audit.is_clean}


def _gate(result: GateResult) -> dict[str, object]:
    passed = result.passed if result.is_measured else None
    verdict = {"measured": result.measured, "passed": passed, "result": result.outcome.value, "note": result.note}
    return {"name": result.gate.name, **asdict(result.gate), **verdict}


def _usage(usage: Usage) -> dict[str, object]:
    """Return CPU and memory over time by party; a party whose processes are not known is null."""
    parties = {
        party: [
            {"epoch_s": start, "cpu_cores": piece.cores, "memory_bytes": piece.memory_bytes}
            for start, piece in usage.slices(party)
        ]
        for party in (GENERATOR, HOST)
    }
    return {"width_s": usage.width_s, **{party: slices or None for party, slices in parties.items()}}


def _timeline(timeline: LoadTimeline) -> dict[str, object]:
    slices = [
        {
            "epoch_s": start,
            "started": piece.started,
            "completed": piece.completed,
            "not_completed": piece.not_completed,
            "not_completed_by": dict(piece.by_state),
            "completion_p50_ms": piece.completion_ms.percentile(50),
            "completion_p95_ms": piece.completion_ms.percentile(95),
            "completion_max_ms": piece.completion_ms.percentile(100),
            "mean_ms": dict(piece.parts.means_ms()),
        }
        for start, piece in timeline.slices()
    ]
    return {"width_s": timeline.width_s, "slices": slices}
