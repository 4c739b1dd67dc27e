"""The figures of each scenario beside those of the whole run, as the renderings show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from durable_harness.gate.reasons import grouped
from durable_harness.gate.report.model import ALWAYS_SHOWN, COUNT_LABELS, Report, number
from durable_harness.gate.summary import FailureReason, RunSummary

ALL = "all together"
LEAST_SHOWN = 2
"""The figures of an only scenario are those of the run."""


def shown_scenarios(summary: RunSummary) -> Mapping[str, RunSummary]:
    """Return the scenarios that have figures of their own; an empty list if there is only one."""
    return summary.scenarios if len(summary.scenarios) >= LEAST_SHOWN else {}


def scenario_table(summary: RunSummary) -> list[list[str]]:
    """Return heads, a row for each scenario and one for the run, times in ms; nothing if there is only one scenario."""
    scenarios = shown_scenarios(summary)
    if not scenarios:
        return []
    ends = [name for name in COUNT_LABELS if name in ALWAYS_SHOWN or getattr(summary.counts, name)]
    has_lag = bool(summary.latencies_ms["detection_lag_ms"].count)
    heads = ["scenario", "started", *(COUNT_LABELS[name] for name in ends), "completed/s", "polls each"]
    heads += ["p50", "p95", "p99", "max", *(["lag p50"] if has_lag else [])]
    rows = [_row(name, one, ends, has_lag=has_lag) for name, one in (*scenarios.items(), (ALL, summary))]
    return [heads, *rows]


def _row(name: str, summary: RunSummary, ends: list[str], *, has_lag: bool) -> list[str]:
    completion, lag = summary.latencies_ms["completion_ms"], summary.latencies_ms["detection_lag_ms"]
    counts = (f"{getattr(summary.counts, end):,}" for end in ("started", *ends))
    figures = (
        summary.throughput_per_s,
        summary.polls_per_operation.mean,
        *(completion.percentile(percent) for percent in (50, 95, 99)),
        completion.max,
        *((lag.percentile(50),) if has_lag else ()),
    )
    return [name, *counts, *map(number, figures)]


def whose(reason: FailureReason, summary: RunSummary) -> str:
    """Return in which scenarios a reason occurred, and how often; empty if there is only one scenario."""
    found = [
        f"{name} {one.count:,}"
        for name, scenario in shown_scenarios(summary).items()
        for one in scenario.reasons
        if (one.state, grouped(one.reason)) == (reason.state, grouped(reason.reason))
    ]
    return ", ".join(found)


def report_of(report: Report, scenario: str) -> Report:
    """Return the part of a report that is about one scenario."""
    results = [
        replace(result, gate=replace(result.gate, scenario=""))
        for result in report.results
        if result.gate.scenario == scenario
    ]
    who = {"": report.who[scenario]} if scenario in report.who else {}
    return replace(report, summary=report.summary.scenarios[scenario], results=tuple(results), who=who)
