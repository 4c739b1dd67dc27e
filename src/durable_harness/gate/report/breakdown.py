"""Where time went, as bars and a table: on average over the run, and near percentiles by the critical paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from durable_harness.gate.paths import PathsAt, side_by_side
from durable_harness.gate.report.model import PART_LABELS, number, path_findings, split_sentence
from durable_harness.gate.report.scenarios import shown_scenarios
from durable_harness.gate.split import TimeSplit
from durable_harness.gate.summary import RunSummary
from durable_harness.web.parts import PartOfWhole, bullets, keys, stack, swatch, table

LEAST_SHARE = 0.005
"""Smaller parts of all wholes are left out: a sliver has no room, and no row that names its colour."""


class Column(NamedTuple):
    """One whole and its parts, in milliseconds by their names."""

    head: str
    title: str
    parts_ms: Mapping[str, float]
    whole_ms: float


def breakdown(columns: Sequence[Column], labels: Mapping[str, str]) -> str:
    """Return a bar for each whole, and a table of the parts of all; `labels` has their words, in order."""
    shown = {name: words for name, words in labels.items() if _is_worth(name, columns)}
    return "".join(_bar(column, shown) for column in columns) + _table(columns, shown)


def _is_worth(name: str, columns: Sequence[Column]) -> bool:
    return any(column.parts_ms.get(name, 0.0) >= LEAST_SHARE * column.whole_ms for column in columns)


def _bar(column: Column, labels: Mapping[str, str]) -> str:
    pieces = [
        PartOfWhole(f"{labels[name]} {_cell(value, column.whole_ms)}", f"part-{name}", value)
        for name, value in column.parts_ms.items()
        if value and name in labels
    ]
    return f'<p class="muted lead bar-title">{escape(column.title)}</p>{stack(pieces)}'


def _table(columns: Sequence[Column], labels: Mapping[str, str]) -> str:
    rows = [
        [swatch(f"part-{name}", label), *(_cell(column.parts_ms.get(name), column.whole_ms) for column in columns)]
        for name, label in labels.items()
        if any(column.parts_ms.get(name) for column in columns)
    ]
    return table(["mean of each part", *(column.head for column in columns)], rows)


def _cell(value_ms: float | None, whole_ms: float) -> str:
    return "-" if value_ms is None else f"{number(value_ms)} ms ({_share(value_ms, whole_ms)})"


def _share(value: float, whole: float) -> str:
    return f"{value / whole:.0%}" if whole else "-"


def split_breakdown(split: TimeSplit) -> str:
    """Show the mean parts of completion."""
    sentence = f'<p class="muted lead">{escape(split_sentence(split))}</p>'
    if not split.sums.count:
        return sentence if split.unknown else ""
    means_ms = split.sums.means_ms()
    whole_ms = sum(means_ms.values())
    column = Column("mean", f"mean of {split.sums.count:,}: {number(whole_ms)} ms", means_ms, whole_ms)
    return breakdown([column], PART_LABELS) + sentence


def paths_of_run(summary: RunSummary) -> str:
    """Show the critical paths near each percentile of an only scenario; of several the slowest of each, as a bar."""
    show = _slowest if shown_scenarios(summary) else paths_breakdown
    return "".join(show(name, one) for name, one in summary.scenarios.items())


def paths_breakdown(name: str, summary: RunSummary) -> str:
    """Show the critical paths near each percentile of a scenario, and the bottleneck of the slowest."""
    shown = side_by_side(summary.paths)
    if not shown.columns:
        return _unknown(name, summary)
    columns = [_column(name, one) for one in shown.columns]
    return breakdown(columns, dict(shown.rows)) + bullets(path_findings(summary.paths))


def _slowest(name: str, summary: RunSummary) -> str:
    shown = side_by_side(summary.paths)
    if not shown.columns:
        return _unknown(name, summary)
    column = _column(name, shown.columns[-1])
    labels = {part: words for part, words in shown.rows if _is_worth(part, [column])}
    named = keys((words, f"part-{part}") for part, words in labels.items())
    return f'{_bar(column, labels)}<p class="lead">{named}</p>{bullets(path_findings(summary.paths))}'


def _unknown(name: str, summary: RunSummary) -> str:
    if not summary.paths:
        return ""
    return f'<p class="muted lead">{escape(name)}: {escape(summary.paths[0].unknown)}</p>'


def _column(name: str, paths: PathsAt) -> Column:
    operations = "1 operation" if paths.operations == 1 else f"mean of {paths.operations} operations"
    title = f"{name}, near p{paths.percentile}: {number(paths.completion_ms)} ms, {operations}"
    return Column(f"near p{paths.percentile}", title, paths.means_ms, paths.completion_ms)
