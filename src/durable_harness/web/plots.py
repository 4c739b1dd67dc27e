"""Kinds of plots: lines over time, bars of a distribution, layers on one another, heat below lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from durable_harness.web.canvas import HALF, NARROW, TOP, WIDE, Canvas, Size, unbroken
from durable_harness.web.scales import Linear, Scale, round_up, ticks

__all__ = [
    "Bar",
    "Cell",
    "Look",
    "Marker",
    "PlotSpan",
    "Series",
    "bar_plot",
    "column_plot",
    "empty_plot",
    "layer_plot",
    "line_plot",
    "round_up",
    "ticks",
]


@dataclass(frozen=True, slots=True)
class Series:
    """One line; a point without a value interrupts it."""

    label: str
    css_class: str
    points: Sequence[tuple[float, float | None]]
    tips: Sequence[str] = ()
    """What each point shows where one points at it; by default its values."""


@dataclass(frozen=True, slots=True)
class Bar:
    """How many values lie between two others."""

    low: float
    high: float
    count: int
    tip: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle of values, the denser the more lie in it: `density` is from 0 to 1."""

    low: tuple[float, float]
    high: tuple[float, float]
    density: float


@dataclass(frozen=True, slots=True)
class Marker:
    """A line with a name, at a value."""

    at: float
    label: str
    css_class: str = "marker"


@dataclass(frozen=True, slots=True)
class PlotSpan:
    """A part of the x axis with a name, or with a text that is shown when pointed at."""

    low: float
    high: float
    label: str = ""
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A part of the y axis, in the colour of its class."""

    low: float
    high: float
    css_class: str = "band"


@dataclass(frozen=True, slots=True)
class Look:
    """How a line plot differs from a plain one, whose axes are linear, with y from zero."""

    size: Size = WIDE
    x_scale: Scale | None = None
    y_scale: Scale | None = None
    cells: Sequence[Cell] = ()
    """Lie below the lines."""
    shades: Sequence[PlotSpan] = ()
    """Mark parts of the x axis."""
    tips: Sequence[PlotSpan] = ()
    """Show figures where pointed at, instead of the points."""
    rules: Sequence[Marker] = ()
    """Horizontal lines."""
    bands: Sequence[Band] = ()
    """Mark parts of the y axis."""
    uprights: Sequence[Marker] = ()
    """Vertical lines."""
    x_unit: str = "s"


PLAIN = Look()


def line_plot(series: Sequence[Series], *, x_label: str, y_label: str, description: str, look: Look = PLAIN) -> str:
    """Draw lines over a common axis."""
    if not any(y is not None for one in series for _, y in one.points):
        return empty_plot()
    scales = line_scales(series, look)
    canvases = [Canvas(*scales, size) for size in (look.size, NARROW)]
    for canvas in canvases:
        _draw_lines(canvas, series, look, (x_label, y_label))
    return _rendered(canvases, description)


def line_scales(series: Sequence[Series], look: Look = PLAIN) -> tuple[Scale, Scale]:
    """Return the axes of a plot of lines, which has at least one point."""
    xs = [x for one in series for x, _ in one.points]
    ys = (y for one in series for _, y in one.points if y is not None)
    return look.x_scale or Linear(min(xs), max(*xs, min(xs) + 1)), look.y_scale or Linear.up_to(ys)


def _draw_lines(canvas: Canvas, series: Sequence[Series], look: Look, labels: tuple[str, str]) -> None:
    for shade in look.shades:
        canvas.column(shade.low, shade.high, "shade", label=shade.label)
    for band in look.bands:
        canvas.row(band.low, band.high, band.css_class)
    canvas.axes(*labels)
    for cell in look.cells:
        canvas.box(cell.low, cell.high, "cell", opacity=cell.density)
    for column, rule in enumerate(look.rules):
        canvas.rule(rule.at, rule.label, rule.css_class, column)
    _draw_markers(canvas, look.uprights)
    for one in series:
        _draw_series(canvas, one, look.x_unit, with_dots=not look.tips)
    for tip in look.tips:
        canvas.column(tip.low, tip.high, "tip", tip=tip.tip)


def _rendered(canvases: Iterable[Canvas], description: str) -> str:
    """Return a drawing for wide windows and one for narrow ones; the style sheet shows one of them."""
    return "".join(canvas.render(description) for canvas in canvases)


def layer_plot(
    layers: Sequence[Series], *, x_label: str, y_label: str, description: str, tips: Sequence[PlotSpan] = ()
) -> str:
    """Draw series on one another: the upper edge of the last is the sum of all."""
    if not layers or not any(y is not None for _, y in layers[0].points):
        return empty_plot()
    scales, xs = layer_scales(layers), [x for x, _ in layers[0].points]
    canvases = [Canvas(*scales, size) for size in (HALF, NARROW)]
    for canvas in canvases:
        canvas.axes(x_label, y_label)
        _draw_layers(canvas, layers, xs)
        for tip in tips:
            canvas.column(tip.low, tip.high, "tip", tip=tip.tip)
    return _rendered(canvases, description)


def layer_scales(layers: Sequence[Series]) -> tuple[Scale, Scale]:
    """Return the axes of a plot of layers, which has at least one point."""
    totals = [_sum(layer.points[index][1] for layer in layers) for index in range(len(layers[0].points))]
    xs = [x for x, _ in layers[0].points]
    height = Linear.up_to(total for total in totals if total is not None)
    return Linear(min(xs), max(*xs, min(xs) + 1)), height


def _draw_layers(canvas: Canvas, layers: Sequence[Series], xs: Sequence[float]) -> None:
    base = [0.0] * len(xs)
    for layer in layers:
        top = [None if y is None else low + y for low, (_, y) in zip(base, layer.points, strict=True)]
        floors = dict(zip(xs, base, strict=True))
        for run in unbroken(list(zip(xs, top, strict=True))):
            canvas.area([*run, *((x, floors[x]) for x, _ in reversed(run))], layer.css_class)
        base = [low if high is None else high for low, high in zip(base, top, strict=True)]


def column_plot(layers: Sequence[Series], *, x_label: str, y_label: str, description: str, look: Look = PLAIN) -> str:
    """Draw series as stacked columns, one for each point and each text in `look.tips`."""
    if not any(y for layer in layers for _, y in layer.points):
        return empty_plot()
    scales = column_scales(layers, look)
    canvases = [Canvas(*scales, size) for size in (look.size, NARROW)]
    for canvas in canvases:
        for shade in look.shades:
            canvas.column(shade.low, shade.high, "shade", label=shade.label)
        canvas.axes(x_label, y_label)
        _draw_columns(canvas, layers, look.tips)
        for tip in look.tips:
            canvas.column(tip.low, tip.high, "tip", tip=tip.tip)
    return _rendered(canvases, description)


def column_scales(layers: Sequence[Series], look: Look) -> tuple[Scale, Scale]:
    """Return the axes of a plot of columns, which has at least one."""
    spans = look.tips
    totals = (_sum(layer.points[index][1] for layer in layers) or 0.0 for index in range(len(spans)))
    return look.x_scale or Linear(spans[0].low, spans[-1].high), Linear.up_to(totals)


def _draw_columns(canvas: Canvas, layers: Sequence[Series], spans: Sequence[PlotSpan]) -> None:
    for index, span in enumerate(spans):
        base = 0.0
        for layer in layers:
            height = layer.points[index][1]
            if height:
                canvas.box((span.low, base), (span.high, base + height), f"bar {layer.css_class}")
                base += height


def bar_plot(  # noqa: PLR0913 - each is one thing to choose
    bars: Sequence[Bar],
    markers: Sequence[Marker],
    *,
    x_label: str,
    y_label: str,
    description: str,
    css_class: str = "one",
) -> str:
    """Draw a distribution with markers over it."""
    if not bars:
        return empty_plot()
    ends = [bars[0].low, bars[-1].high, *(marker.at for marker in markers)]
    height = Linear.up_to((bar.count for bar in bars), is_whole=True)
    canvases = [Canvas(Linear(min(ends), max(ends)), height, size) for size in (HALF, NARROW)]
    for canvas in canvases:
        canvas.axes(x_label, y_label)
        _draw_bars(canvas, bars, markers, css_class)
    return _rendered(canvases, description)


def _draw_bars(canvas: Canvas, bars: Sequence[Bar], markers: Sequence[Marker], css_class: str) -> None:
    for bar in bars:
        canvas.box((bar.low, 0), (bar.high, bar.count), f"bar {css_class}", tip=bar.tip)
    _draw_markers(canvas, markers)


def _draw_markers(canvas: Canvas, markers: Sequence[Marker]) -> None:
    for marker, row in zip(markers, _label_rows(canvas, markers), strict=True):
        canvas.line((canvas.x(marker.at), TOP), (canvas.x(marker.at), canvas.bottom), marker.css_class)
        x, anchor = _label_place(canvas, marker)
        canvas.text((x, TOP + 9 + 13 * row), marker.label, f"note {marker.css_class}-text {anchor}")


def empty_plot() -> str:
    """Write that there is nothing to draw."""
    return '<p class="muted">There are no samples to draw.</p>'


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _draw_series(canvas: Canvas, series: Series, x_unit: str, *, with_dots: bool) -> None:
    known = [point for point in series.points if point[1] is not None]
    tips = dict(zip(known, series.tips, strict=True)) if series.tips else {}
    for run in unbroken(series.points):
        canvas.path(run, series.css_class)
        if with_dots or len(run) == 1:
            for x, y in run:
                words = tips.get((x, y)) or f"{series.label}: {y:,.4g} at {x:g} {x_unit}"
                canvas.dot((x, y), series.css_class, words)


def scattered(points: Iterable[tuple[float, float]]) -> list[tuple[float, float | None]]:
    """Return points that no line joins."""
    return [each for x, y in points for each in ((x, y), (x, None))]


def _label_place(canvas: Canvas, marker: Marker) -> tuple[float, str]:
    """Write to the right of the line, to its left where the plot ends."""
    x = canvas.x(marker.at)
    return (x + 4, "right") if x + _label_width(marker) <= canvas.size.width else (x - 4, "left")


def _label_width(marker: Marker) -> float:
    return 7.0 * len(marker.label) + 8


def _label_rows(canvas: Canvas, markers: Sequence[Marker]) -> list[int]:
    """Put labels that would overlap into rows below one another."""
    ends: list[float] = []
    rows = []
    for marker in markers:
        x, anchor = _label_place(canvas, marker)
        start = x if anchor == "right" else x - _label_width(marker)
        row = next((row for row, end in enumerate(ends) if start > max(end, canvas.left)), len(ends))
        ends[row : row + 1] = [start + _label_width(marker)]
        rows.append(row)
    return rows
