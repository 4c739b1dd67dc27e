"""The report's plots: latency over time and its distribution, where the time went, load and what was in flight."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from durable_harness.gate.histogram import Histogram
from durable_harness.gate.load_timeline import TimeSlice
from durable_harness.gate.report.model import COUNT_LABELS, LATENCY_LABELS, PART_LABELS, Report, limit_text, number
from durable_harness.gate.split import PARTS
from durable_harness.gate.summary import RunSummary
from durable_harness.web.canvas import HALF
from durable_harness.web.drawings import Drawing, DrawingKind
from durable_harness.web.parts import figure, keys
from durable_harness.web.plots import (
    Bar,
    Cell,
    Look,
    Marker,
    PlotSpan,
    Series,
    bar_plot,
    empty_plot,
    line_plot,
)
from durable_harness.web.scales import Linear, Log, Nines

BINS = 48
SHOWN_PERCENT = 99.5
"""The distribution is drawn up to here; what is slower shares the last bar, so that one straggler hides nothing."""
MARKED_PERCENTS = (50.0, 95.0, 99.0)
HEAT_ROWS = 40
"""Rows of a plot's height: each is then some pixels high, which can be seen."""
FAINTEST, DENSEST = 0.08, 0.6
"""Opacity of a cell with one operation, which must show, and of the fullest, which must not hide the lines on it."""
CURVE_POINTS = 160
"""Of a percentile curve: one for every few pixels of the widest plot."""
CURVES = {"completion_ms": "one", "start_ms": "part-start", "detection_lag_ms": "part-detection_lag", "poll_ms": "poll"}
DISTRIBUTIONS = {"completion_ms": "one", "execution_ms": "part-execution"}
SECONDS = "time since the first start (s)"
TERMINATED = "terminated"
"""As the scenario wanted: no error."""
NOT_OVER_TIME = "The times were read from histories after the run; they are not shown over time."


class Stretch(NamedTuple):
    """A slice of time as it is drawn, in seconds since the first start."""

    low: float
    high: float
    piece: TimeSlice

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def latency_over_time(report: Report) -> str:
    """Draw how completion times of operations that ended in each slice are spread, as heat, with percentiles on it."""
    drawing = latency_drawing(report)
    if drawing is None:
        return empty_plot()
    # The names of limits are in the key: in the drawing they would lie on lines and cells.
    rules = drawing.look.rules
    unnamed = replace(drawing, look=replace(drawing.look, rules=[replace(rule, label="") for rule in rules]))
    named = keys((rule.label, "bad dashed") for rule in rules)
    heat = '<span class="key heat">operations: stronger means more</span>'
    return _figure(unnamed.svg(), drawing.series, more=f"{named}{heat}")


def latency_drawing(report: Report, *, is_over: bool = True) -> Drawing | None:
    """Return the plot of `latency_over_time`; None if nothing has completed. Only a run that is over has a drain."""
    slices = _slices(report.summary)
    seen = [value for one in slices for value, _ in one.piece.completion_ms.buckets()]
    if not seen:
        return None
    limits = [
        Marker(result.gate.limit, f"gate {result.gate.statistic} {limit_text(result.gate)}", "limit")
        for result in report.results
        if result.gate.metric == "completion_ms" and not result.gate.scenario and result.gate.limit <= 2 * max(seen)
    ]
    scale = Log.around([*seen, *(limit.at for limit in limits)])
    lines = [
        Series(
            f"p{percent:g}",
            css_class,
            [(one.middle, one.piece.completion_ms.percentile(percent)) for one in slices],
        )
        for percent, css_class in zip(MARKED_PERCENTS, ("p50", "p95 dashed", "p99"), strict=True)
    ]
    return Drawing(
        lines,
        x_label=SECONDS,
        y_label="completion (ms, logarithmic)",
        description="Completion time of the operations that ended in each slice of time",
        look=Look(
            x_scale=Linear(0, slices[-1].high),
            y_scale=scale,
            cells=_heat(slices, scale),
            shades=_phases(report.summary, slices, is_over=is_over),
            tips=_tips(slices, _latency_tip),
            rules=limits,
        ),
    )


def percentile_curves(report: Report) -> str:
    """Draw latencies by percentile, with as much room for each further nine as the number of samples allows.

    Without samples there is nothing.
    """
    histograms = {name: report.summary.latencies_ms[name] for name in CURVES}
    most = max(histogram.count for histogram in histograms.values())
    if not most:
        return ""
    scale = Nines(max(math.log10(most), 1.0))
    lines = []
    for name, css_class in CURVES.items():
        percents = scale.percents(CURVE_POINTS)
        reach = 100 * (1 - 1 / max(histograms[name].count, 1)) + 1e-9
        points = [(percent, histograms[name].percentile(percent)) for percent in percents if percent <= reach]
        if any(value is not None for _, value in points):
            lines.append(Series(LATENCY_LABELS[name], css_class, [(x, y and max(y, 0.1)) for x, y in points]))
    plot = line_plot(
        lines,
        x_label="percentile (%, a step for each nine)",
        y_label="latency (ms, logarithmic)",
        description="Latencies by percentile",
        look=Look(
            size=HALF,
            x_scale=scale,
            y_scale=Log.around([y for line in lines for _, y in line.points if y is not None]),
            tips=_percentile_tips(scale, lines),
        ),
    )
    return _figure(plot, lines)


def distribution(report: Report, name: str) -> str:
    """Draw how the values of a latency are spread, with the percentiles and the gates on them; nothing without any."""
    histogram, label = report.summary.latencies_ms[name], LATENCY_LABELS[name]
    if not histogram.count:
        return ""
    bars = _bars(histogram)
    markers = [
        Marker(histogram.percentile(percent) or 0, f"p{percent:g} {number(histogram.percentile(percent))} ms")
        for percent in MARKED_PERCENTS
    ]
    markers += [
        Marker(result.gate.limit, f"gate {result.gate.statistic} {limit_text(result.gate)}", "limit")
        for result in report.results
        if result.gate.metric == name and not result.gate.scenario and result.gate.limit <= 1.5 * bars[-1].high
    ]
    markers.sort(key=lambda marker: marker.at)
    plot = bar_plot(
        bars,
        [marker for marker in markers if marker.css_class == "limit" or marker.at <= bars[-1].high],
        x_label=f"{label} (ms)",
        y_label="operations (count)",
        description=f"Distribution of {label} times",
        css_class=DISTRIBUTIONS[name],
    )
    return figure(plot)


def split_over_time(report: Report) -> str:
    """Draw the mean of each part of completion, on one another, for the operations that ended in each slice.

    The drain is left out: only the slowest operations end there, and their mean would dwarf all else.
    """
    if not any(one.piece.parts.count for one in _slices(report.summary)):
        return f'<p class="muted">{NOT_OVER_TIME}</p>'
    return _drawn(split_drawing(report))


def split_drawing(report: Report) -> Drawing | None:
    """Return the plot of `split_over_time`; None if no slice has operations whose time is split."""
    last_start = _last_start(report.summary)
    slices = [one for one in _slices(report.summary) if one.low <= last_start]
    means = [(one.low, one.piece.parts.means_ms()) for one in slices]
    shown = [name for name in PARTS if any(mean.get(name) for _, mean in means)]
    if not shown:
        return None
    return Drawing(
        [Series(PART_LABELS[name], f"part-{name}", [(at, mean.get(name)) for at, mean in means]) for name in shown],
        x_label=SECONDS,
        y_label="mean (ms)",
        description="Mean time of each part of an operation, in each slice of time",
        look=Look(tips=_tips(slices, _split_tip)),
        kind=DrawingKind.LAYERS,
    )


def arrivals_and_completions(report: Report) -> str:
    """Draw how many operations started and ended per second."""
    return _drawn(arrivals_drawing(report))


def arrivals_drawing(report: Report, *, is_over: bool = True) -> Drawing | None:
    """Return the plot of `arrivals_and_completions`; None if nothing was started."""
    slices, width_s = _slices(report.summary), report.summary.timeline.width_s
    offered = [one for one in slices if one.low <= _last_start(report.summary)]
    lines = [
        Series("started", "one", _rates(offered, width_s, lambda piece: piece.started)),
        Series("completed", "good", _rates(slices, width_s, lambda piece: piece.completed)),
        Series("ended otherwise", "bad", _rates(slices, width_s, lambda piece: piece.not_completed)),
    ]
    lines = [line for line in lines if any(y for _, y in line.points)]
    described = ("rate (operations/s)", "Operations started and ended per second")
    return _counts(report, slices, lines, described, is_over=is_over)


def errors_over_time(report: Report) -> str:
    """Draw how many operations did not complete per second, by how they ended; nothing if all did."""
    drawing = errors_drawing(report)
    return "" if drawing is None else _figure(drawing.svg(), drawing.series)


def errors_drawing(report: Report, *, is_over: bool = True) -> Drawing | None:
    """Return the plot of `errors_over_time`; None if all operations completed."""
    slices, width_s = _slices(report.summary), report.summary.timeline.width_s
    layers = [
        Series(label, f"end-{state}", [(one.low, one.piece.by_state.get(state, 0) / width_s) for one in slices])
        for state, label in COUNT_LABELS.items()
        if state != TERMINATED and any(one.piece.by_state.get(state) for one in slices)
    ]
    if not layers:
        return None
    return Drawing(
        layers,
        x_label=SECONDS,
        y_label="errors (operations/s)",
        description="Operations that did not complete per second, by how they ended",
        look=_over_time(report, slices, is_over=is_over),
        kind=DrawingKind.COLUMNS,
    )


def in_flight(report: Report) -> str:
    """Draw how many operations had started and not ended by the end of each slice."""
    return _drawn(in_flight_drawing(report))


def in_flight_drawing(report: Report, *, is_over: bool = True) -> Drawing | None:
    """Return the plot of `in_flight`; None if nothing was started."""
    slices, flying = _slices(report.summary), 0
    points: list[tuple[float, float | None]] = []
    for _, end, piece in slices:
        flying += piece.started - piece.completed - piece.not_completed
        points.append((end, flying))
    line = Series("in flight", "one", points)
    drawing = _counts(report, slices, [line], ("in flight (operations)", "Operations in flight"), is_over=is_over)
    if drawing is None:
        return None
    whole = Linear.up_to((y for _, y in points if y is not None), is_whole=True)
    return replace(drawing, look=replace(drawing.look, y_scale=whole))


def _counts(
    report: Report, slices: Sequence[Stretch], lines: list[Series], described: tuple[str, str], *, is_over: bool
) -> Drawing | None:
    if not slices:
        return None
    y_label, description = described
    look = _over_time(report, slices, is_over=is_over)
    return Drawing(lines, x_label=SECONDS, y_label=y_label, description=description, look=look)


def _over_time(report: Report, slices: Sequence[Stretch], *, is_over: bool) -> Look:
    return Look(
        size=HALF,
        x_scale=Linear(0, slices[-1].high),
        shades=_phases(report.summary, slices, is_over=is_over),
        tips=_tips(slices, _count_tip),
    )


def _drawn(drawing: Drawing | None) -> str:
    if drawing is None:
        return empty_plot()
    return _figure(drawing.svg(), drawing.series) if len(drawing.series) > 1 else figure(drawing.svg())


def _slices(summary: RunSummary) -> list[Stretch]:
    """Return the slices of time. They are aligned to the clock: the first one began before the first start.

    The last one goes beyond the end of the run, and is drawn until then.
    """
    timeline = summary.timeline
    zero = timeline.first_s or 0.0
    end = (summary.started_epoch_s or zero) + summary.elapsed_s - zero
    stretches = [Stretch(max(at - zero, 0.0), at + timeline.width_s - zero, piece) for at, piece in timeline.slices()]
    return [one._replace(high=end) if one.low < end < one.high else one for one in stretches]


def _last_start(summary: RunSummary) -> float:
    timeline = summary.timeline
    return (timeline.last_start_s or 0.0) - (timeline.first_s or 0.0)


def _rates(
    slices: Sequence[Stretch], width_s: float, count: Callable[[TimeSlice], int]
) -> list[tuple[float, float | None]]:
    """Return how many there were in each slice, per second.

    The first and the last slice belong to the run only in part, so they may hold less than their neighbours although
    nothing has changed. Where one does it has no value: it would look like a rate that rises or falls.
    """
    rates: list[float | None] = [count(one.piece) / width_s for one in slices]
    for end, neighbour in ((0, 1), (-1, -2)):
        if len(slices) > 1 and count(slices[end].piece) < count(slices[neighbour].piece):
            rates[end] = None
    return [(one.middle, rate) for one, rate in zip(slices, rates, strict=True)]


def _phases(summary: RunSummary, slices: Sequence[Stretch], *, is_over: bool) -> list[PlotSpan]:
    """Return the parts of a run that are in no figure, and the drain in which nothing starts any longer."""
    end, last_start = slices[-1].high, _last_start(summary)
    spans = [PlotSpan(0, min(summary.warm_up_s, end), "warm-up")] if summary.warm_up_s else []
    return [*spans, PlotSpan(last_start, end, "drain")] if is_over and last_start < slices[-1].low else spans


def _heat(slices: Sequence[Stretch], scale: Log) -> list[Cell]:
    ratio = (scale.high / scale.low) ** (1 / HEAT_ROWS)
    row_of = functools.cache(lambda value: min(int(scale.place(value) * HEAT_ROWS), HEAT_ROWS - 1))
    counts: dict[tuple[float, float, int], int] = {}
    for low, high, piece in slices:
        column: dict[int, int] = {}
        for value, count in piece.completion_ms.buckets():
            # The slices have the same few hundred values.
            row = row_of(value)
            column[row] = column.get(row, 0) + count
        counts.update(((low, high, row), count) for row, count in column.items())
    most = max(counts.values())
    return [
        Cell(
            (low, scale.low * ratio**row),
            (high, scale.low * ratio ** (row + 1)),
            FAINTEST + (DENSEST - FAINTEST) * math.sqrt(count / most),
        )
        for (low, high, row), count in counts.items()
    ]


def _tips(slices: Iterable[Stretch], describe: Callable[[TimeSlice], str]) -> list[PlotSpan]:
    return [PlotSpan(low, high, tip=f"{low:.4g} to {high:.4g} s\n{describe(piece)}") for low, high, piece in slices]


def _percentile_tips(scale: Nines, lines: Sequence[Series]) -> list[PlotSpan]:
    percents = scale.percents(CURVE_POINTS)
    values = [(line.label, dict(line.points)) for line in lines]
    return [
        PlotSpan(
            low,
            high,
            tip="\n".join([f"p{low:.4g}", *(f"{label} {number(ys[low])} ms" for label, ys in values if low in ys)]),
        )
        for low, high in itertools.pairwise(percents)
    ]


def _latency_tip(piece: TimeSlice) -> str:
    spread = piece.completion_ms
    lines = [f"p{percent:g} {number(spread.percentile(percent))} ms" for percent in (*MARKED_PERCENTS, 100.0)]
    return "\n".join([f"{spread.count:,} operations", *lines])


def _split_tip(piece: TimeSlice) -> str:
    return "\n".join(f"{PART_LABELS[name]} {number(mean)} ms" for name, mean in piece.parts.means_ms().items())


def _count_tip(piece: TimeSlice) -> str:
    states = "".join(f"\n{count:,} {COUNT_LABELS[state]}" for state, count in piece.by_state.items())
    return f"{piece.started:,} started\n{piece.completed:,} completed\n{piece.not_completed:,} ended otherwise{states}"


def _figure(plot: str, lines: Sequence[Series], more: str = "") -> str:
    return figure(plot, keys(((line.label, line.css_class) for line in lines), more))


def _bars(histogram: Histogram) -> list[Bar]:
    low = histogram.min or 0.0
    high = max(histogram.percentile(SHOWN_PERCENT) or low, low + 1)
    width = (high - low) / BINS
    counts = [0] * BINS
    for value, count in histogram.buckets():
        counts[min(int(max(value - low, 0) / width), BINS - 1)] += count
    edges = [low + index * width for index in range(BINS + 1)]
    tips = [
        f"{number(edges[index])} to {number(edges[index + 1] if index < BINS - 1 else histogram.max)} ms: {count:,}"
        for index, count in enumerate(counts)
    ]
    return [Bar(edges[index], edges[index + 1], count, tips[index]) for index, count in enumerate(counts)]
