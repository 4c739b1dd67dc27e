"""A plot before it is drawn: as SVG here, or by a page's own script from JSON. Both make the same marks."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from durable_harness.web.canvas import WIDE
from durable_harness.web.plots import (
    PLAIN,
    Look,
    PlotSpan,
    Series,
    column_plot,
    column_scales,
    layer_plot,
    layer_scales,
    line_plot,
    line_scales,
)
from durable_harness.web.scales import Linear, Log, Scale

DIGITS = 6
"""Significant digits of the numbers that a script gets: more than a plot has pixels."""


class DrawingKind(StrEnum):
    """How a plot shows its series."""

    LINES = "lines"
    LAYERS = "layers"
    """Areas on one another."""
    COLUMNS = "columns"
    """Columns on one another, each as wide as the span of its point in `look.tips`."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Series over a common axis."""

    series: Sequence[Series]
    x_label: str
    y_label: str
    description: str
    look: Look = PLAIN
    kind: DrawingKind = DrawingKind.LINES

    def svg(self) -> str:
        """Return the plot for wide windows and for narrow ones."""
        labels = {"x_label": self.x_label, "y_label": self.y_label, "description": self.description}
        if self.kind is DrawingKind.LAYERS:
            return layer_plot(self.series, **labels, tips=self.look.tips)
        if self.kind is DrawingKind.COLUMNS:
            return column_plot(self.series, **labels, look=self.look)
        return line_plot(self.series, **labels, look=self.look)

    def for_script(self) -> dict[str, Any]:
        """Return plain values from which `drawing.js` draws the plot. It draws no bands and no vertical lines."""
        scales = self._scales()
        return {
            "kind": self.kind,
            "size": "wide" if self.look.size == WIDE and self.kind is not DrawingKind.LAYERS else "half",
            "labels": [self.x_label, self.y_label],
            "description": self.description,
            "x": _scale(scales[0]),
            "y": _scale(scales[1]),
            "x_unit": self.look.x_unit,
            "series": [
                {"label": one.label, "style": one.css_class, "points": [_rounded(point) for point in one.points]}
                for one in self.series
            ],
            "cells": [_rounded((*cell.low, *cell.high, cell.density)) for cell in self.look.cells],
            "shades": [[*_rounded((span.low, span.high)), span.label] for span in self.look.shades],
            "tips": [_tip(span) for span in self.look.tips],
            "rules": [[rule.at, rule.label, rule.css_class] for rule in self.look.rules],
        }

    def _scales(self) -> tuple[Scale, Scale]:
        if self.kind is DrawingKind.LAYERS:
            return layer_scales(self.series)
        if self.kind is DrawingKind.COLUMNS:
            return column_scales(self.series, self.look)
        return line_scales(self.series, self.look)


def _scale(scale: Scale) -> dict[str, Any]:
    if not isinstance(scale, Linear | Log):
        raise TypeError(f"a page's script has no scale like {scale!r}")
    return {"kind": type(scale).__name__.lower(), "low": scale.low, "high": scale.high}


def _tip(span: PlotSpan) -> list[Any]:
    return [*_rounded((span.low, span.high)), span.tip]


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [*map(_round, values)]


@functools.lru_cache(maxsize=8192)
def _round(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
