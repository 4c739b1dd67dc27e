"""A comparison as a page: the verdict, the figures, each pair with the interval, and how it was found."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from durable_harness.gate.comparison.comparison_results import Comparison, FigureResult, change_text, interval_text
from durable_harness.gate.comparison.words import HEADINGS, count_lines, figure_rows, small_print
from durable_harness.web.canvas import WIDE
from durable_harness.web.parts import bullets, facts, figure, heading, keys, page, section, table, verdict, with_example
from durable_harness.web.plots import Band, Look, Marker, Series, line_plot, scattered
from durable_harness.web.scales import Linear

VERDICT_CLASSES = {"not slower": "passed", "slower": "failed", "interrupted": "interrupted"}
ANSWER_CLASSES = {"not slower": "pass", "slower": "fail", "cannot tell": "odd"}
LEAST_SHOWN = 0.05
"""The change that the axis shows at least, on both sides of 0: noise alone would fill a narrower one."""


def render_html(comparison: Comparison) -> str:
    """Return the comparison as a self-contained page."""
    return page(
        f"Comparison: {comparison.verdict}",
        [
            heading("Comparison", f"{comparison.base} (base) against {comparison.head} (head)"),
            verdict(comparison.verdict, comparison.sentence, VERDICT_CLASSES.get(comparison.verdict, "invalid")),
            section("Figures", _figures(comparison), "Change is head against base; above 0 the head is slower."),
            *(_pairs(result) for result in comparison.results if result.pairs),
            section("Why operations did not complete", _reasons(comparison)),
            section("What an operation costs", bullets(count_lines(comparison)) if comparison.counts else ""),
            section("How it was found", bullets(small_print(comparison))),
            section("Settings", facts(comparison.settings)),
        ],
    )


def _figures(comparison: Comparison) -> str:
    rows = [[escape(row[0]), _answer(row[-1]), *map(escape, row[1:-1])] for row in figure_rows(comparison)]
    return table([HEADINGS[0], HEADINGS[-1], *HEADINGS[1:-1]], rows) if rows else ""


def _reasons(comparison: Comparison) -> str:
    rows = [
        [f"{reason.count:,}", side, escape(reason.state), with_example(reason.reason, reason.example)]
        for side, reason in comparison.reasons
    ]
    return table(["count", "side", "ended as", "reason"], rows, words=(1, 2, 3)) if rows else ""


def _answer(word: str) -> str:
    return f'<span class="{ANSWER_CLASSES.get(word, "muted")}">{escape(word)}</span>'


def _pairs(result: FigureResult) -> str:
    """Draw the change that each pair of slices saw, with the estimate, its interval and the change that matters."""
    changes = [_percent(ratio) for ratio in result.pairs]
    points = list(enumerate(changes, 1))
    tips = [f"pair {at}: {change:+.1f} %" for at, change in points]
    bounds = [_percent(bound) for bound in (result.lower, result.upper) if bound is not None]
    matters = 100 * result.design.effect if result.is_judged else None
    seen = [*changes, *bounds, *([matters] if matters else []), 100 * LEAST_SHOWN, -100 * LEAST_SHOWN]
    # Their names are in the key: in the drawing they would lie on points.
    rules = [Marker(0.0, "", "axis")]
    rules += [Marker(_percent(result.ratio), "", "estimate")] if result.ratio is not None else []
    rules += [Marker(matters, "", "limit")] if matters else []
    plot = line_plot(
        [Series("pair of slices", "one", scattered(points), tips)],
        x_label="pair of slices (number, in their order)",
        y_label="change (%)",
        description=f"Change of {result.figure.name} in each pair",
        look=Look(
            size=WIDE,
            x_scale=Linear.numbered(len(changes)),
            y_scale=_around(seen),
            rules=rules,
            bands=[Band(bounds[0], bounds[1])] if len(bounds) == 2 else (),  # noqa: PLR2004 - from and to
        ),
    )
    return section(result.figure.name, figure(plot, _key(result, matters)), result.sample)


def _key(result: FigureResult, matters: float | None) -> str:
    """Name what is drawn; without an interval there is neither a band nor an estimate."""
    labels = [("pair of slices", "one")]
    if result.has_interval:
        labels += [(f"estimate: {change_text(result)}", "two"), (f"interval: {interval_text(result)}", "band")]
    labels += [(f"matters: +{matters:g} %", "bad dashed")] if matters else []
    more = "" if result.has_interval else f'<span class="muted">{escape(interval_text(result))}</span>'
    return keys(labels, more)


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def _around(values: Iterable[float]) -> Linear:
    known = list(values)
    low, high = min(known), max(known)
    margin = 0.08 * (high - low)
    return Linear(low - margin, high + margin)
