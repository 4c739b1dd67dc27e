"""A search for capacity as text, as JSON, and as a page with plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from html import escape
from pathlib import Path

from durable_harness.experiments.capacity import CapacityReport, MeasuredTrial
from durable_harness.gate.capacity import Capacity
from durable_harness.gate.capacity.saturation import Figures
from durable_harness.gate.report.as_json import json_text
from durable_harness.gate.report.model import limit_text, number
from durable_harness.gate.writing import Written, write_reports
from durable_harness.web.plots import Series, line_plot
from durable_harness.web.style import STYLE

FORMAT = 1
HEADINGS = ("rate", "completed", "p50", "p95", "queueing p95", "slip p99", "host CPU", "generator CPU", "objective")


def verdict_text(report: CapacityReport) -> str:
    """Say in a line or three what was found."""
    found = report.capacity
    objective = ", ".join(f"{gate.name} {limit_text(gate)}" for gate in report.objective)
    if found.lower is None:
        said = f"no capacity: {objective} is not met at {number(found.upper)} operations/s"
    elif found.upper is None:
        said = f"capacity at least {number(found.lower)} operations/s with {objective}"
    else:
        between = f"between {number(found.lower)} and {number(found.upper)}"
        said = f"capacity {number(found.lower)} operations/s with {objective} (it lies {between})"
    lines = [f"INTERRUPTED {found.interrupted}; {_so_far(found)}" if found.interrupted else said]
    if report.saturated:
        lines.append(f"saturated first: {report.saturated}")
    if found.limited_by:
        lines.append(f"the search ended early: {found.limited_by}")
    return "\n".join(lines)


def _so_far(found: Capacity) -> str:
    """Say what an interrupted search knew: nothing of it was confirmed."""
    met = f"met at {number(found.lower)} operations/s" if found.lower is not None else ""
    missed = f"not met at {number(found.upper)} operations/s" if found.upper is not None else ""
    return f"so far the objective was {' and '.join(filter(None, (met, missed))) or 'judged at no rate'}"


def render_text(report: CapacityReport) -> str:
    """Return the trials in order of rate, and the verdict."""
    rows = [HEADINGS, *(_cells(one) for one in _by_rate(report))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*table, "", verdict_text(report), ""])


def trial_text(measured: MeasuredTrial) -> str:
    """Say in one line how a trial went."""
    trial = measured.trial
    outcome = "met" if trial.met else "not met" if trial.valid else "no answer"
    return f"{number(trial.rate_per_s)}/s  {outcome}: {trial.why or ', '.join(measured.limits)}"


def render_json(report: CapacityReport) -> str:
    """Return everything as a JSON document; rates in operations per second, CPU in cores."""
    found = report.capacity
    document = {
        "format": FORMAT,
        "verdict": _verdict(found),
        "interrupted": found.interrupted or None,
        "target": report.target,
        "objective": [asdict(gate) for gate in report.objective],
        "capacity_per_s": found.lower,
        "not_met_at_per_s": found.upper,
        "uncertainty": found.uncertainty,
        "saturated_first": report.saturated,
        "limited_by": found.limited_by,
        "elapsed_s": report.elapsed_s,
        "trials": [{**asdict(one.trial), **asdict(one.figures), "limits": list(one.limits)} for one in report.trials],
    }
    return json_text(document)


def _verdict(found: Capacity) -> str:
    if found.interrupted:
        return "interrupted"
    if found.lower is None:
        return "no capacity"
    return "at least" if found.upper is None else "found"


def render_html(report: CapacityReport) -> str:
    """Return a self-contained page: the verdict, latency and CPU by rate, the trials."""
    heads = "".join(f"<th>{escape(head)}</th>" for head in HEADINGS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(one)) + "</tr>" for one in _by_rate(report)
    )
    lead, *rest = verdict_text(report).splitlines()
    css_class = "verdict interrupted" if report.capacity.interrupted else "verdict"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Capacity of {escape(report.target)}</title><style>{STYLE}</style></head>\n<body><main>"
        f'<h1>Capacity of {escape(report.target)}</h1><div class="{css_class}">{escape(lead)}</div>'
        + "".join(f"<p>{escape(line)}</p>" for line in rest)
        + f"<section><h2>Completion by rate</h2>{_latency_plot(report)}</section>"
        f"<section><h2>CPU by rate</h2>{_cpu_plot(report)}</section>"
        f'<section><h2>Trials</h2><div class="scroll"><table><tr>{heads}</tr>{rows}</table></div></section>'
        "</main></body></html>\n"
    )


def write_all(report: CapacityReport, folder: Path) -> Written:
    """Write capacity.json and capacity.html. Never raises."""
    return write_reports(
        folder, {"capacity.json": partial(render_json, report), "capacity.html": partial(render_html, report)}
    )


def _by_rate(report: CapacityReport) -> list[MeasuredTrial]:
    return sorted(report.trials, key=lambda one: one.trial.rate_per_s)


def _cells(one: MeasuredTrial) -> tuple[str, ...]:
    trial, figures = one.trial, one.figures
    milliseconds = (
        figures.completion_p50_ms,
        figures.completion_p95_ms,
        figures.queueing_p95_ms,
        figures.slip_p99_ms,
    )
    return (
        f"{number(trial.rate_per_s)}/s",
        f"{number(figures.completed_per_s)}/s",
        *(f"{number(value)} ms" for value in milliseconds),
        "-" if figures.host_cpu is None else f"{figures.host_cpu:.2f}",
        f"{figures.generator_cpu:.2f}",
        "met" if trial.met else "not met" if trial.valid else "no answer",
    )


def _latency_plot(report: CapacityReport) -> str:
    limits = [gate.limit for gate in report.objective if gate.metric == "completion_ms"]
    rates = [one.trial.rate_per_s for one in report.trials]
    lines = [
        _series(report, "p50", "one", lambda figures: figures.completion_p50_ms),
        _series(report, "p95", "two", lambda figures: figures.completion_p95_ms),
        *(Series("limit", "three", [(min(rates), limit), (max(rates), limit)]) for limit in limits[:1]),
    ]
    return _figure(lines, "completion (ms)", "Completion time at each rate")


def _cpu_plot(report: CapacityReport) -> str:
    lines = [
        _series(report, "host, cores", "one", lambda figures: figures.host_cpu),
        _series(report, "generator, cores", "two", lambda figures: figures.generator_cpu),
        _series(report, "machine, share of all cores", "three", lambda figures: figures.machine_cpu),
    ]
    return _figure(lines, "CPU", "CPU used at each rate")


def _series(report: CapacityReport, label: str, style: str, value: Callable[[Figures], float | None]) -> Series:
    return Series(label, style, [(one.trial.rate_per_s, value(one.figures)) for one in _by_rate(report)])


def _figure(lines: list[Series], y_label: str, description: str) -> str:
    keys = "".join(f'<span class="key {line.css_class}">{escape(line.label)}</span>' for line in lines)
    plot = line_plot(lines, x_label="operations per second", y_label=y_label, description=description)
    return f"<figure><figcaption>{keys}</figcaption>{plot}</figure>"
