"""A drawing of one plot as inline SVG, coloured by the page's own style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from durable_harness.web.scales import Scale

RIGHT, TOP, BOTTOM = 24, 14, 42
LABEL_ROOM = 56
RULE_COLUMN = 150
ABOVE, BELOW = -4, 13
"""How far the name of a line is from it."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a plot in pixels of its own."""

    width: int
    height: int
    left: int = 72
    """The room for the y axis with its labels."""


WIDE, HALF, NARROW = Size(1080, 340), Size(520, 300), Size(350, 270, left=56)


@dataclass(slots=True)
class Canvas:
    """Maps values to places and collects shapes; all places are given as values of the two axes."""

    x_scale: Scale
    y_scale: Scale
    size: Size = WIDE
    shapes: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.size.left

    @property
    def right(self) -> float:
        return self.size.width - RIGHT

    @property
    def bottom(self) -> float:
        return self.size.height - BOTTOM

    def x(self, value: float) -> float:
        """Return the pixel of a value of the x axis."""
        return self.left + self.x_scale.place(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the pixel of a value of the y axis."""
        return self.bottom - self.y_scale.place(value) * (self.bottom - TOP)

    def axes(self, x_label: str, y_label: str) -> None:
        """Draw grid, ticks and labels."""
        for tick, words in self.y_scale.ticks():
            self.line((self.left, self.y(tick)), (self.right, self.y(tick)), "grid")
            self.text((self.left - 8, self.y(tick) + 4), words, "tick y")
        for tick, words in self.x_scale.ticks():
            self.line((self.x(tick), self.bottom), (self.x(tick), self.bottom + 4), "axis")
            self.text((self.x(tick), self.bottom + 18), words, "tick x")
        self.line((self.left, self.bottom), (self.right, self.bottom), "axis")
        self.text(((self.left + self.right) / 2, self.size.height - 4), x_label, "label x")
        middle = (TOP + self.bottom) / 2
        self.shapes.append(
            f'<text class="label x" transform="translate(13 {middle:.0f}) rotate(-90)">{escape(y_label)}</text>'
        )

    def line(self, start: Point, end: Point, css_class: str) -> None:
        """Draw a line between two pixels."""
        (x1, y1), (x2, y2) = start, end
        self.shapes.append(f'<line class="{css_class}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, place: Point, words: str, css_class: str) -> None:
        """Write at a pixel."""
        x, y = place
        self.shapes.append(f'<text class="{css_class}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')

    def path(self, points: Iterable[Point], css_class: str) -> None:
        """Draw a line through values."""
        self.shapes.append(f'<polyline class="series {css_class}" points="{self._places(points)}"/>')

    def area(self, points: Iterable[Point], css_class: str) -> None:
        """Fill what values surround."""
        self.shapes.append(f'<polygon class="area {css_class}" points="{self._places(points)}"/>')

    def dot(self, point: Point, css_class: str, tip: str) -> None:
        """Draw a point whose tip is its value."""
        x, y = self.x(point[0]), self.y(point[1])
        place = f'cx="{x:.1f}" cy="{y:.1f}" r="3"'
        self.shapes.append(f'<circle class="point {css_class}" {place} data-tip="{escape(tip)}"/>')

    def box(self, low: Point, high: Point, css_class: str, *, tip: str = "", opacity: float | None = None) -> None:
        """Fill a rectangle between two values."""
        x, y = self.x(low[0]), self.y(high[1])
        size = max(self.x(high[0]) - x, 1), max(self.y(low[1]) - y, 0)
        self._rectangle((x, y), size, css_class, tip, opacity)

    def column(self, low: float, high: float, css_class: str, *, tip: str = "", label: str = "") -> None:
        """Fill a part of the x axis from bottom to top."""
        x, width = self.x(low), max(self.x(high) - self.x(low), 1)
        self._rectangle((x, TOP), (width, self.bottom - TOP), css_class, tip)
        if label and width > LABEL_ROOM:
            self.text((x + width / 2, TOP + 12), label, "note x")

    def row(self, low: float, high: float, css_class: str) -> None:
        """Fill a part of the y axis from left to right."""
        y, height = self.y(high), max(self.y(low) - self.y(high), 1)
        self._rectangle((self.left, y), (self.right - self.left, height), css_class)

    def _rectangle(
        self, place: Point, size: Point, css_class: str, tip: str = "", opacity: float | None = None
    ) -> None:
        (x, y), (width, height) = place, size
        shade = "" if opacity is None else f' fill-opacity="{opacity:.2f}"'
        words = f' data-tip="{escape(tip)}"' if tip else ""
        self.shapes.append(
            f'<rect class="{css_class}"{shade} x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
            f"{words}/>"
        )

    def rule(self, at: float, label: str, css_class: str, column: int = 0) -> None:
        """Draw a horizontal line at a value of the y axis, with its name.

        In columns names do not overlap, and where there is room for no more columns, above and below the line.
        """
        y = self.y(at)
        self.line((self.left, y), (self.right, y), css_class)
        if not label:
            return
        row, column = divmod(column, max(1, int((self.right - self.left) // RULE_COLUMN)))
        place = self.right - 4 - RULE_COLUMN * column, y + (BELOW if row % 2 else ABOVE)
        self.text(place, label, f"note left {css_class}-text")

    def render(self, description: str) -> str:
        """Return the drawing; `description` is what a screen reader says."""
        css_class = "narrow" if self.size == NARROW else "wide"
        return (
            f'<svg class="{css_class}" viewBox="0 0 {self.size.width} {self.size.height}" role="img">'
            f"<title>{escape(description)}</title>{''.join(self.shapes)}</svg>"
        )

    def _places(self, points: Iterable[Point]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def unbroken(points: Sequence[tuple[float, float | None]]) -> list[list[Point]]:
    """Return the runs of points that have a value."""
    runs: list[list[Point]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]
