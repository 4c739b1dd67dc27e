"""The report's plots: completion over time, operations over time, the distribution of completion."""

from __future__ import annotations

from durable_harness.gate.histogram import Histogram
from durable_harness.gate.report.model import Report, limit_text, number
from durable_harness.gate.report.svg import Bar, Marker, Series, bar_plot, empty_plot, line_plot
from durable_harness.gate.timeline import Timeline

BINS = 48
SHOWN_PERCENT = 99.5
"""The distribution is drawn up to here; what is slower shares the last bar, so that one straggler hides nothing."""
MARKED_PERCENTS = (50.0, 95.0, 99.0)


def completion_over_time(timeline: Timeline) -> str:
    """Draw the median, p95 and maximum of the operations that ended in each slice of time."""
    slices = timeline.slices()
    if not slices:
        return empty_plot()
    zero = slices[0][0]

    def points(percent: float) -> list[tuple[float, float | None]]:
        return [(start - zero, piece.completion_ms.percentile(percent)) for start, piece in slices]

    lines = [
        Series("p50", "one", points(50)),
        Series("p95", "two", points(95)),
        Series("max", "three", points(100)),
    ]
    return _figure(lines, "completion (ms)", "Completion time of the operations that ended in each slice of time")


def operations_over_time(timeline: Timeline) -> str:
    """Draw how many operations started and ended per second, and how many were in flight at the end of each slice."""
    slices, width_s = timeline.slices(), timeline.width_s
    if not slices:
        return empty_plot()
    zero, in_flight = slices[0][0], 0
    started: list[tuple[float, float | None]] = []
    ended: list[tuple[float, float | None]] = []
    flying: list[tuple[float, float | None]] = []
    for start, piece in slices:
        ends = piece.completed + piece.not_completed
        in_flight += piece.started - ends
        started.append((start - zero, piece.started / width_s))
        ended.append((start - zero, ends / width_s))
        flying.append((start - zero, in_flight))
    lines = [
        Series("started per second", "one", started),
        Series("ended per second", "two", ended),
        Series("in flight", "three", flying),
    ]
    return _figure(lines, "operations", "Operations started, ended and in flight")


def completion_distribution(report: Report) -> str:
    """Draw how completion times are spread, with the percentiles and the gates on them."""
    histogram = report.summary.latencies_ms["completion_ms"]
    if not histogram.count:
        return empty_plot()
    bars = _bars(histogram)
    markers = [
        Marker(histogram.percentile(percent) or 0, f"p{percent:g} {number(histogram.percentile(percent))}")
        for percent in MARKED_PERCENTS
    ]
    markers += [
        Marker(result.gate.limit, f"gate {result.gate.statistic} {limit_text(result.gate)}", "limit")
        for result in report.results
        if result.gate.metric == "completion_ms" and result.gate.limit <= 1.5 * bars[-1].high
    ]
    markers.sort(key=lambda marker: marker.at)
    return bar_plot(
        bars,
        [marker for marker in markers if marker.css_class == "limit" or marker.at <= bars[-1].high],
        x_label="completion (ms)",
        y_label="operations",
        description="Distribution of completion times",
    )


def _figure(lines: list[Series], y_label: str, description: str) -> str:
    keys = "".join(f'<span class="key {line.css_class}">{line.label}</span>' for line in lines)
    plot = line_plot(lines, x_label="seconds since the first start", y_label=y_label, description=description)
    return f"<figure><figcaption>{keys}</figcaption>{plot}</figure>"


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
