"""CPU and memory of generator and host over time, where their processes are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from durable_harness.gate.report.model import Report, number
from durable_harness.gate.report.report_plots import SECONDS
from durable_harness.gate.usage import GENERATOR, HOST, UsageSlice
from durable_harness.web.canvas import HALF
from durable_harness.web.parts import figure, keys
from durable_harness.web.plots import Look, PlotSpan, Series, line_plot
from durable_harness.web.scales import Linear

MIB = 1024 * 1024


class _Figure(NamedTuple):
    """What is drawn of a slice: its words, its unit, how it is read."""

    label: str
    unit: str
    of: Callable[[UsageSlice], float | None]


CPU = _Figure("CPU", "cores", lambda piece: piece.cores)
MEMORY = _Figure("memory", "MiB", lambda piece: piece.memory_bytes / MIB if piece.covered_s else None)


def cpu_over_time(report: Report) -> str:
    """Draw the cores that generator and host used; nothing if no process is known."""
    return _over_time(report, CPU)


def memory_over_time(report: Report) -> str:
    """Draw the resident memory of generator and host; nothing if no process is known."""
    return _over_time(report, MEMORY)


def _over_time(report: Report, shown: _Figure) -> str:
    usage = report.summary.usage
    zero_s = report.summary.timeline.first_s
    if zero_s is None or not usage.parties:
        return ""
    values = {
        party: {start - zero_s: shown.of(piece) for start, piece in usage.slices(party)}
        for party in (GENERATOR, HOST)
        if party in usage.parties
    }
    # What comes before the first start is no part of the run.
    starts = sorted({at for slices in values.values() for at in slices if at > -usage.width_s})
    if not starts:
        return ""
    lines = [
        Series(party, f"party-{party}", [(_middle(at, usage.width_s), slices.get(at)) for at in starts])
        for party, slices in values.items()
    ]
    plot = line_plot(
        lines,
        x_label=SECONDS,
        y_label=f"{shown.label} ({shown.unit})",
        description=f"{shown.label} of generator and host over time",
        look=Look(
            size=HALF,
            x_scale=Linear(0, starts[-1] + usage.width_s),
            tips=[
                PlotSpan(max(at, 0), at + usage.width_s, tip=_tip(at, usage.width_s, values, shown)) for at in starts
            ],
        ),
    )
    return figure(plot, keys((line.label, line.css_class) for line in lines))


def _middle(at: float, width_s: float) -> float:
    return (max(at, 0) + at + width_s) / 2


def _tip(at: float, width_s: float, values: dict[str, dict[float, float | None]], shown: _Figure) -> str:
    rows = (f"{party} {number(slices.get(at))} {shown.unit}" for party, slices in values.items())
    return "\n".join([f"{max(at, 0):.4g} to {at + width_s:.4g} s", *rows])
