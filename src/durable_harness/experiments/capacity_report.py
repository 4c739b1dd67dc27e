"""A search for capacity as text, as JSON, and as a page with plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from durable_harness.experiments.capacity_search import CapacityReport, MeasuredTrial
from durable_harness.gate.capacity import Capacity, Trial
from durable_harness.gate.capacity.saturation import Figures
from durable_harness.gate.capacity.search import FEWEST_PLANNED, LEAST
from durable_harness.gate.reasons import reason_text
from durable_harness.gate.report.as_json import json_text
from durable_harness.gate.report.model import limit_text, number
from durable_harness.gate.report.who import who_document
from durable_harness.gate.who.parties import Party
from durable_harness.gate.writing import WrittenReports, write_reports
from durable_harness.terminal.tables import aligned
from durable_harness.web.canvas import HALF
from durable_harness.web.parts import bullets, figure, heading, keys, page, pair, section, table, verdict
from durable_harness.web.plots import Band, Look, Marker, Series, line_plot, scattered
from durable_harness.web.scales import Linear, Log

FORMAT = 1
REASONS_SHOWN = 5
BY_RATE = Look(size=HALF, x_unit="operations/s")
OUTCOME_CLASSES = {"met": ("pass", "good"), "not met": ("fail", "bad"), "no answer": ("odd", "two")}
"""The class of each outcome's word and of its points."""
HEADINGS = ("rate", "completed", "p50", "p95", "queueing p95", "slip p99", "host CPU", "generator CPU", "objective")


def verdict_text(report: CapacityReport) -> str:
    """Return in one to three lines what was found."""
    found = report.capacity
    objective = ", ".join(f"{gate.name} {limit_text(gate)}" for gate in report.objective)
    if found.lower is None and found.upper is None:
        sentence = f"cannot tell: no trial could be judged by {objective}"
    elif found.lower is None:
        word = "cannot tell" if found.proves_nothing else "no capacity"
        sentence = f"{word}: {objective} is not met at {number(found.upper)} operations/s"
    elif found.upper is None:
        sentence = f"capacity at least {number(found.lower)} operations/s with {objective}"
    else:
        between = f"between {number(found.lower)} and {number(found.upper)}"
        sentence = f"capacity {number(found.lower)} operations/s with {objective} (it lies {between})"
    lines = [f"INTERRUPTED {found.interrupted}; {_so_far(found)}" if found.interrupted else sentence]
    lines += [f"the host died at {number(one.trial.rate_per_s)}/s: {one.died}" for one in _by_rate(report) if one.died]
    if report.saturated:
        lines.append(f"saturated first: {report.saturated}")
    lines += _who_lines(report)
    if found.limited_by:
        lines.append(f"the search ended early: {found.limited_by}")
    elif found.lower is None and (found.upper or 0.0) > LEAST:
        lines.append(f"lower rates need longer trials (--trial), so that each has {FEWEST_PLANNED} operations")
    if report.reasons:
        lines.append("operations did not complete:")
        lines += [f"  {reason.count:,} x {reason_text(reason)}" for reason in report.reasons[:REASONS_SHOWN]]
    return "\n".join(lines)


def _who_lines(report: CapacityReport) -> list[str]:
    """Return which party broke the objective at the lowest rate that did not meet it, if that is known."""
    judged = [one for one in report.trials if one.trial.valid] or report.trials
    found = [
        (one.trial.rate_per_s, name, culprit)
        for one in judged
        for name, culprit in (one.who.culprits if one.who is not None else {}).items()
    ]
    known = [one for one in found if one[2].party is not Party.UNKNOWN] or found
    lowest = min((rate for rate, _, _ in known), default=None)
    at_lowest = {name: culprit for rate, name, culprit in known if rate == lowest}
    return [f"who was it at {number(lowest)}/s, {name}: {culprit.text}" for name, culprit in at_lowest.items()]


def _so_far(found: Capacity) -> str:
    """Return what an interrupted search had found: it is not confirmed."""
    met = f"met at {number(found.lower)} operations/s" if found.lower is not None else ""
    missed = f"not met at {number(found.upper)} operations/s" if found.upper is not None else ""
    return f"so far the objective was {' and '.join(filter(None, (met, missed))) or 'judged at no rate'}"


def render_text(report: CapacityReport) -> str:
    """Return the trials in order of rate, and the verdict."""
    table = aligned([HEADINGS, *(_cells(one) for one in _by_rate(report))], right=range(len(HEADINGS)))
    return "\n".join([*table, "", verdict_text(report), ""])


def trial_text(measured: MeasuredTrial) -> str:
    """Return in one line how a trial went."""
    trial = measured.trial
    return f"{number(trial.rate_per_s)}/s  {_outcome_of(trial)}: {trial.why or ', '.join(measured.limits)}"


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
        "reasons": [asdict(reason) for reason in report.reasons],
        "limited_by": found.limited_by,
        "elapsed_s": report.elapsed_s,
        "trials": [
            {
                **asdict(one.trial),
                **asdict(one.figures),
                "limits": list(one.limits),
                "died": one.died or None,
                "who": who_document(one.who),
            }
            for one in report.trials
        ],
    }
    return json_text(document)


def _verdict(found: Capacity) -> str:
    if found.interrupted:
        return "interrupted"
    if found.lower is None:
        return "cannot tell" if found.proves_nothing else "no capacity"
    return "at least" if found.upper is None else "found"


def _css_class(found: Capacity) -> str:
    """Return the class of the verdict; a search without an end is invalid, as its exit code is."""
    if found.interrupted:
        return "interrupted"
    if found.proves_nothing or (found.upper is None and "generator" in found.limited_by):
        return "invalid"
    return "failed" if found.lower is None else "passed"


def render_html(report: CapacityReport) -> str:
    """Return a self-contained page: the verdict, the search, latency and CPU by rate, the trials."""
    lead, *rest = verdict_text(report).splitlines()
    found = report.capacity
    heads = [HEADINGS[0], HEADINGS[-1], *HEADINGS[1:-1]]
    rows = [[cells[0], _outcome(cells[-1]), *cells[1:-1]] for cells in map(_cells, _by_rate(report))]
    return page(
        f"Capacity of {report.target}",
        [
            heading(f"Capacity of {report.target}", f"{len(report.trials)} trials, {report.elapsed_s:.0f} s"),
            verdict(*_heading(found, lead), _css_class(found)),
            section("Why", bullets(rest)),
            section("The search", _search_plot(report), "Each trial offers one rate; the band is where capacity lies."),
            section("Completion by rate", _latency_plot(report)),
            pair(
                section("CPU by rate", _cores_plot(report)),
                section("The machine by rate", _machine_plot(report), "Used by everything that runs on it."),
            ),
            section("Trials", table(heads, rows)),
            section("Why trials ended as they did", bullets(trial_text(one) for one in report.trials)),
        ],
    )


HEADWORDS = {"found": "capacity", "at least": "capacity at least"}
"""The word that the page begins its verdict with, where it is not that for programs."""


def _heading(found: Capacity, lead: str) -> tuple[str, str]:
    """Return the verdict's word, and the rest of the sentence that begins with it, so that it is shown once."""
    word = HEADWORDS.get(_verdict(found), _verdict(found))
    rest = lead[len(word) :].removeprefix(":").lstrip() if lead.lower().startswith(word) else lead
    return word, rest


def _outcome(word: str) -> str:
    return f'<span class="{OUTCOME_CLASSES[word][0]}">{word}</span>'


def write_all(report: CapacityReport, folder: Path) -> WrittenReports:
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
        *("-" if value is None else f"{number(value)} ms" for value in milliseconds),
        "-" if figures.host_cpu is None else f"{figures.host_cpu:.2f}",
        f"{figures.generator_cpu:.2f}",
        _outcome_of(trial),
    )


def _outcome_of(trial: Trial) -> str:
    return "met" if trial.met else "not met" if trial.valid else "no answer"


def _search_plot(report: CapacityReport) -> str:
    """Draw the rates in the order in which they were tried, with what became of each."""
    rates = [one.trial.rate_per_s for one in report.trials]
    lines = []
    for outcome, (_, css_class) in OUTCOME_CLASSES.items():
        tried = [(at, one) for at, one in enumerate(report.trials, 1) if _outcome_of(one.trial) == outcome]
        points = scattered((at, one.trial.rate_per_s) for at, one in tried)
        lines.append(Series(outcome, css_class, points, [f"trial {at}: {trial_text(one)}" for at, one in tried]))
    lines = [line for line in lines if line.points]
    found = report.capacity
    plot = line_plot(
        lines,
        x_label="trial (number, in their order)",
        y_label="offered rate (operations/s, logarithmic)",
        description="The rates that were tried, in their order",
        look=Look(
            x_scale=Linear.numbered(len(rates)),
            y_scale=Log.around(rates, least=min(rates)),
            bands=[Band(found.lower, found.upper)] if found.lower and found.upper else (),
            rules=[Marker(found.lower, "", "estimate")] if found.lower else (),
        ),
    )
    # The line's name is in the key: in the drawing it would lie on points.
    named = [(f"capacity {number(found.lower)}/s", "two")] if found.lower else []
    return figure(plot, keys([*((line.label, line.css_class) for line in lines), *named]))


def _latency_plot(report: CapacityReport) -> str:
    limits = [gate for gate in report.objective if gate.metric == "completion_ms"]
    lines = [
        _series(report, "p50", "p50", lambda figures: figures.completion_p50_ms),
        _series(report, "p95", "p95 dashed", lambda figures: figures.completion_p95_ms),
    ]
    look = Look(rules=[Marker(gate.limit, "", "limit") for gate in limits], x_unit="operations/s")
    named = [(f"objective {gate.statistic} {limit_text(gate)}", "bad dashed") for gate in limits]
    return _plot(lines, "completion (ms)", "Completion time at each rate", look, named)


def _cores_plot(report: CapacityReport) -> str:
    lines = [
        _series(report, "host", "party-host", lambda figures: figures.host_cpu),
        _series(report, "generator", "party-generator", lambda figures: figures.generator_cpu),
    ]
    known = [line for line in lines if any(y is not None for _, y in line.points)]
    return _plot(known, "CPU (cores)", "CPU used at each rate", BY_RATE)


def _machine_plot(report: CapacityReport) -> str:
    line = _series(report, "machine", "one", lambda figures: 100 * figures.machine_cpu)
    return _plot([line], "CPU (% of all cores)", "CPU of the whole machine at each rate", BY_RATE)


def _series(report: CapacityReport, label: str, style: str, value: Callable[[Figures], float | None]) -> Series:
    return Series(label, style, [(one.trial.rate_per_s, value(one.figures)) for one in _by_rate(report)])


def _plot(
    lines: list[Series], y_label: str, description: str, look: Look, named: Sequence[tuple[str, str]] = ()
) -> str:
    plot = line_plot(lines, x_label="offered rate (operations/s)", y_label=y_label, description=description, look=look)
    return figure(plot, keys([*((line.label, line.css_class) for line in lines), *named]))
