"""Figures over runs, as text, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html import escape
from pathlib import Path

from durable_harness.gate.report.as_json import json_text
from durable_harness.gate.report.model import number
from durable_harness.gate.trend.run_history import TrendRun, TrendRuns, figure_names
from durable_harness.gate.trend.trend_changes import FALSE_ALARM_RATE, LEAST_CHANGE, LEAST_RUNS, Change, find_changes
from durable_harness.gate.writing import WrittenReports, write_reports
from durable_harness.web.canvas import HALF
from durable_harness.web.parts import bullets, figure, heading, keys, page, pair, section, table, verdict
from durable_harness.web.plots import Look, Marker, Series, line_plot, scattered
from durable_harness.web.scales import Linear
from durable_harness.wording.foreign_text import shown_lines

FORMAT = 1
VERDICT_CLASSES = {"passed": "pass", "failed": "fail"}
UNITS = {"throughput_per_s": "operations/s", "error_ratio": "of all operations"}
"""Of the figures whose unit in a gates file is short or absent."""
CHANGES_NAMED = 3
"""In the sentence of the verdict, which is one line; the table below it has all."""
FAR = 4.0
"""A limit that is this many times as high as all figures is written beside the plot: it would flatten them."""
METHOD = (
    f"A change is marked where the figures before and after it differ beyond chance (rank sums, permutation test,"
    f" {FALSE_ALARM_RATE:.0%} false alarms a figure), by at least {LEAST_CHANGE:.0%} of the median, with at least"
    f" {LEAST_RUNS} runs on each side. So the newest runs can only show a change once there are {LEAST_RUNS} of them."
)


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over the runs. `points` are `(number of the run, value)` of the runs whose figures count."""

    name: str
    unit: str
    points: tuple[tuple[int, float], ...]
    uncounted: tuple[tuple[int, float], ...]
    limits: tuple[tuple[int, float], ...]
    changes: tuple[tuple[int, Change], ...]
    """With the number of the first run after it."""


@dataclass(frozen=True, slots=True)
class TrendReport:
    """The runs of a folder, and each figure over them: the changes in them are searched once for all renderings."""

    runs: tuple[TrendRun, ...]
    problems: tuple[str, ...]
    trends: tuple[Trend, ...]

    @classmethod
    def of(cls, runs: TrendRuns) -> TrendReport:
        """Search the runs for changes."""
        return cls(runs.found, runs.problems, tuple(trends_of(runs.found)))


def counts(run: TrendRun, runs: Sequence[TrendRun]) -> bool:
    """Whether a run's figures count: it is valid and whole, and made the same load as the newest one."""
    return run.is_measured and not run.differences(runs[-1])


def trends_of(runs: Sequence[TrendRun]) -> list[Trend]:
    """Return each figure that at least two runs have, those that changed first. Runs count from 1, the oldest first."""
    trends = [_trend(name, runs) for name in figure_names(runs)]
    return sorted(trends, key=lambda trend: not trend.changes)


def _trend(name: str, runs: Sequence[TrendRun]) -> Trend:
    known = [(at, run, value) for at, run in enumerate(runs, 1) if (value := run.figures.get(name)) is not None]
    points = tuple((at, value) for at, run, value in known if counts(run, runs))
    changes = find_changes([value for _, value in points])
    return Trend(
        name,
        next((run.units[name] for run in reversed(runs) if name in run.units), ""),
        points,
        tuple((at, value) for at, run, value in known if not counts(run, runs)),
        tuple((at, run.limits[name].value) for at, run in enumerate(runs, 1) if name in run.limits),
        tuple((points[change.index][0], change) for change in changes),
    )


def render_text(report: TrendReport) -> str:
    """Return the changes, or a line that nothing changed, and what was not read."""
    found = report.runs
    span = f"{_when(found[0])} to {_when(found[-1])}"
    lines = [f"{_how_many(found)}, {span}{_uncounted(found)}"]
    lines += [f"  {line}" for line in _change_lines(report) or [_no_change(report)]]
    lines += [f"not read: {problem}" for problem in report.problems]
    return shown_lines("\n".join([*lines, ""]))


def _how_many(runs: Sequence[TrendRun]) -> str:
    return f"{len(runs)} run" if len(runs) == 1 else f"{len(runs)} runs"


def _no_change(report: TrendReport) -> str:
    """Return that nothing changed, or that the runs are too few to see a change."""
    if _is_too_short(report):
        return f"cannot tell: {_too_short(report)}"
    return f"no change beyond chance in {_counted(report)} runs"


def _is_too_short(report: TrendReport) -> bool:
    return max((len(trend.points) for trend in report.trends), default=0) < 2 * LEAST_RUNS


def _too_short(report: TrendReport) -> str:
    counted = _counted(report)
    verb = "counts" if counted == 1 else "count"
    return f"{counted} of {_how_many(report.runs)} {verb}, a change shows in {2 * LEAST_RUNS} or more"


def _counted(report: TrendReport) -> int:
    return sum(counts(run, report.runs) for run in report.runs)


def _uncounted(runs: Sequence[TrendRun]) -> str:
    """Return how many runs do not count, and why."""
    others = [run for run in runs if not counts(run, runs)]
    spoiled = sum(not run.is_measured for run in others)
    differing = dict.fromkeys(name for run in others if run.is_measured for name in run.differences(runs[-1]))
    why = [f"{spoiled} invalid or interrupted"] if spoiled else []
    why += [f"{len(others) - spoiled} of another load than the newest ({', '.join(differing)})"] if differing else []
    words = "1 does not count" if len(others) == 1 else f"{len(others)} do not count"
    return f"; {words}: {', '.join(why)}" if others else ""


def render_json(report: TrendReport) -> str:
    """Return runs and figures as a JSON document."""
    document = {
        "format": FORMAT,
        "runs": [
            {"folder": str(run.folder), "started_at": run.started_at.isoformat(), "verdict": run.verdict}
            for run in report.runs
        ],
        "figures": [_document(trend) for trend in report.trends],
        "problems": list(report.problems),
    }
    return json_text(document)


def _document(trend: Trend) -> dict[str, object]:
    changes = [{"run": at, **asdict(change), "ratio": change.ratio} for at, change in trend.changes]
    return {**asdict(trend), "changes": changes}


def render_html(report: TrendReport) -> str:
    """Return a self-contained page: what changed, each figure over the runs, the runs."""
    found = report.runs
    lines = _change_lines(report)
    word, sentence = _verdict(report, len(lines))
    plots = [section(trend.name, _plot(trend, found)) for trend in report.trends]
    return page(
        "Trend of load runs",
        [
            heading("Trend of load runs", f"{_when(found[0])} to {_when(found[-1])}{_uncounted(found)}"),
            verdict(word, sentence, "passed" if word == "no change" else "invalid"),
            section("What changed", bullets(lines)),
            pair(*plots),
            section("Runs", _table(found)),
            section("Not read", bullets(report.problems)),
            section("How changes are found", bullets([METHOD])),
        ],
    )


def _verdict(report: TrendReport, changes: int) -> tuple[str, str]:
    """Return the verdict in a word or two, and the rest of the sentence that it begins."""
    if changes:
        return "changes", f"{changes} in {_how_many(report.runs)}: {_named_changes(report)}"
    if _is_too_short(report):
        return "cannot tell", _too_short(report)
    return "no change", f"beyond chance in {_counted(report)} runs"


def write_all(report: TrendReport, folder: Path) -> WrittenReports:
    """Write trend.html and trend.json. Never raises."""
    return write_reports(
        folder, {"trend.html": partial(render_html, report), "trend.json": partial(render_json, report)}
    )


def _change_lines(report: TrendReport) -> list[str]:
    runs = report.runs
    return [
        f"{trend.name}: {_value(change.before, trend)} before, {_value(change.after, trend)} from run {at}"
        f" ({_when(runs[at - 1])}, {runs[at - 1].folder}){_percent(change)}"
        for trend in report.trends
        for at, change in trend.changes
    ]


def _named_changes(report: TrendReport) -> str:
    """Name the first changes in a few words each."""
    named = [f"{trend.name}{_percent(change)} from run {at}" for trend in report.trends for at, change in trend.changes]
    hidden = len(named) - CHANGES_NAMED
    return "; ".join([*named[:CHANGES_NAMED], *([f"{hidden} more"] if hidden > 0 else [])])


def _percent(change: Change) -> str:
    return "" if change.ratio is None else f", {100 * (change.ratio - 1):+.0f} %"


def _value(value: float, trend: Trend) -> str:
    return f"{number(value)} {trend.unit}".rstrip()


def _when(run: TrendRun) -> str:
    return run.started_at.strftime("%Y-%m-%d %H:%M UTC")


def _plot(trend: Trend, runs: Sequence[TrendRun]) -> str:
    lines = [Series("measured", "one", trend.points, [_tip(at, value, trend, runs) for at, value in trend.points])]
    if trend.uncounted:
        tips = [_tip(at, value, trend, runs) for at, value in trend.uncounted]
        lines.append(Series("does not count", "two", scattered(trend.uncounted), tips))
    values = [y for line in lines for _, y in line.points if y is not None]
    limits = [limit for _, limit in trend.limits]
    far = f"limit {_value(limits[-1], trend)}" if limits and max(limits) > FAR * max(values) else ""
    if limits and not far:
        values += limits
        tips = [f"limit {_value(limit, trend)}" for _, limit in trend.limits]
        lines.append(Series("limit", "bad dashed", trend.limits, tips))
    plot = line_plot(
        lines,
        x_label="run (number, the oldest first)",
        y_label=_axis_label(trend),
        description=f"{trend.name} over runs",
        look=Look(
            size=HALF,
            x_scale=Linear.numbered(len(runs)),
            y_scale=Linear.up_to(values, is_whole=_is_count(trend) and all(map(float.is_integer, values))),
            uprights=[Marker(at - 0.5, _percent(change).lstrip(", ") or "changed") for at, change in trend.changes],
        ),
    )
    more = f'<span class="muted">{escape(far)}, beyond the plot</span>' if far else ""
    return figure(plot, keys(((line.label, line.css_class) for line in lines), more))


def _axis_label(trend: Trend) -> str:
    return f"{_statistic(trend)} ({_unit(trend) or 'count'})"


def _is_count(trend: Trend) -> bool:
    return not _unit(trend)


def _unit(trend: Trend) -> str:
    return UNITS.get(_statistic(trend)) or trend.unit


def _statistic(trend: Trend) -> str:
    return trend.name.rpartition(" ")[2]


def _tip(at: int, value: float, trend: Trend, runs: Sequence[TrendRun]) -> str:
    run = runs[at - 1]
    return f"run {at}, {_when(run)}, {run.verdict}\n{_value(value, trend)}\n{run.folder}"


def _table(runs: Sequence[TrendRun]) -> str:
    rows = [
        [
            str(at),
            f'<span class="{VERDICT_CLASSES.get(run.verdict, "odd")}">{escape(run.verdict)}</span>',
            _when(run),
            escape(", ".join(run.scenarios)),
            escape(str(run.folder)),
        ]
        for at, run in reversed(list(enumerate(runs, 1)))
    ]
    return table(["run", "verdict", "started", "scenarios", "folder"], rows, words=(3, 4))
