"""Small plots as inline SVG, coloured by the page's own style sheet: lines over time, bars of a distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 40
HEADROOM = 1.08
"""How much higher than its highest value an axis ends at least."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line; a point without a value interrupts it."""

    label: str
    css_class: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Bar:
    """How many values lie between two others."""

    low: float
    high: float
    count: int
    tip: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A vertical line with a name."""

    at: float
    label: str
    css_class: str = "marker"


@dataclass(slots=True)
class _Canvas:
    """Maps values to places and collects shapes."""

    low_x: float
    high_x: float
    high_y: float
    shapes: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        span = (self.high_x - self.low_x) or 1
        return LEFT + (value - self.low_x) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / (self.high_y or 1) * (HEIGHT - TOP - BOTTOM)

    def line(self, start: tuple[float, float], end: tuple[float, float], css_class: str) -> None:
        (x1, y1), (x2, y2) = start, end
        self.shapes.append(f'<line class="{css_class}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, place: tuple[float, float], words: str, css_class: str) -> None:
        x, y = place
        self.shapes.append(f'<text class="{css_class}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')

    def axes(self, x_label: str, y_label: str) -> None:
        for tick in ticks(0, self.high_y):
            self.line((LEFT, self.y(tick)), (WIDTH - RIGHT, self.y(tick)), "grid")
            self.text((LEFT - 8, self.y(tick) + 4), f"{tick:,g}", "tick y")
        for tick in ticks(self.low_x, self.high_x):
            self.line((self.x(tick), HEIGHT - BOTTOM), (self.x(tick), HEIGHT - BOTTOM + 4), "axis")
            self.text((self.x(tick), HEIGHT - BOTTOM + 18), f"{tick:,g}", "tick x")
        self.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "axis")
        self.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4), x_label, "label x")
        self.shapes.append(
            f'<text class="label x" transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">'
            f"{escape(y_label)}</text>"
        )

    def render(self, description: str) -> str:
        title = f"<title>{escape(description)}</title>"
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{title}{"".join(self.shapes)}</svg>'


def line_plot(series: Sequence[Series], *, x_label: str, y_label: str, description: str) -> str:
    """Draw lines over a common axis; the y axis starts at zero."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points if y is not None]
    if not ys:
        return empty_plot()
    canvas = _Canvas(min(xs), max(*xs, min(xs) + 1), round_up(max(ys) * HEADROOM))
    canvas.axes(x_label, y_label)
    for one in series:
        _draw_series(canvas, one)
    return canvas.render(description)


def bar_plot(bars: Sequence[Bar], markers: Sequence[Marker], *, x_label: str, y_label: str, description: str) -> str:
    """Draw a distribution with markers over it."""
    if not bars:
        return empty_plot()
    ends = [bars[0].low, bars[-1].high, *(marker.at for marker in markers)]
    canvas = _Canvas(min(ends), max(ends), round_up(max(bar.count for bar in bars) * HEADROOM))
    canvas.axes(x_label, y_label)
    for bar in bars:
        _draw_bar(canvas, bar)
    for marker, row in zip(markers, _label_rows(canvas, markers), strict=True):
        canvas.line((canvas.x(marker.at), TOP), (canvas.x(marker.at), HEIGHT - BOTTOM), marker.css_class)
        x, anchor = _label_place(canvas, marker)
        canvas.text((x, TOP + 9 + 13 * row), marker.label, f"note {marker.css_class}-text {anchor}")
    return canvas.render(description)


def empty_plot() -> str:
    """Say that there is nothing to draw."""
    return '<p class="muted">There are no samples to draw.</p>'


def ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Return round numbers between two others, about as many as wanted."""
    step = _nice((high - low) / wanted) if high > low else 1.0
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def round_up(value: float) -> float:
    """Return the next round number."""
    if value <= 0:
        return 1.0
    step = _nice(value / 6)
    return math.ceil(value / step - 1e-9) * step


def _nice(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    factor = next(factor for factor in (1, 2, 5, 10) if rough <= factor * magnitude * (1 + 1e-9))
    return factor * magnitude


def _draw_series(canvas: _Canvas, series: Series) -> None:
    for run in _unbroken(series.points):
        places = " ".join(f"{canvas.x(x):.1f},{canvas.y(y):.1f}" for x, y in run)
        canvas.shapes.append(f'<polyline class="series {series.css_class}" points="{places}"/>')
        canvas.shapes += [
            f'<circle class="point {series.css_class}" cx="{canvas.x(x):.1f}" cy="{canvas.y(y):.1f}" r="3">'
            f"<title>{escape(series.label)}: {y:,.4g} at {x:g} s</title></circle>"
            for x, y in run
        ]


def _unbroken(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _draw_bar(canvas: _Canvas, bar: Bar) -> None:
    x, y = canvas.x(bar.low), canvas.y(bar.count)
    width = max(canvas.x(bar.high) - x - 1, 1)
    canvas.shapes.append(
        f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT - BOTTOM - y:.1f}">'
        f"<title>{escape(bar.tip)}</title></rect>"
    )


def _label_place(canvas: _Canvas, marker: Marker) -> tuple[float, str]:
    """Write to the right of the line, to its left where the plot ends."""
    x = canvas.x(marker.at)
    return (x + 4, "right") if x + _label_width(marker) <= WIDTH else (x - 4, "left")


def _label_width(marker: Marker) -> float:
    return 7.0 * len(marker.label) + 8


def _label_rows(canvas: _Canvas, markers: Sequence[Marker]) -> list[int]:
    """Put labels that would overlap into rows below one another."""
    ends: list[float] = []
    rows = []
    for marker in markers:
        x, anchor = _label_place(canvas, marker)
        start = x if anchor == "right" else x - _label_width(marker)
        row = next((row for row, end in enumerate(ends) if start > end), len(ends))
        ends[row : row + 1] = [start + _label_width(marker)]
        rows.append(row)
    return rows
