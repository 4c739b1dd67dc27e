"""Reports: the same run as text, JSON and HTML."""

import json
import re
from html.parser import HTMLParser

import pytest

from durable_harness.gate import (
    LATENCIES_MS,
    FailureReason,
    Gate,
    Histogram,
    LoadTimeline,
    OutcomeCounts,
    RunSummary,
    TimeSplit,
    evaluate,
)
from durable_harness.gate.report import Report, render_html, render_json, render_text
from durable_harness.gate.report.model import limit_text, number, with_unit
from durable_harness.gate.report.report_plots import NOT_OVER_TIME, arrivals_and_completions
from durable_harness.web.plots import Bar, Look, Marker, Series, bar_plot, layer_plot, line_plot, round_up, ticks
from durable_harness.web.scales import Log, Nines

GATES = (Gate("completion_ms", "p95", 500, unit="ms"), Gate("operations", "lost", 0))


def report(operations=100, *, gates=GATES, reasons=(), **run):
    """Make the report of a run whose n-th operation took n*10 ms."""
    latencies, timeline = {name: Histogram() for name in LATENCIES_MS}, LoadTimeline()
    for index in range(operations):
        latencies["completion_ms"].record(10.0 * (index + 1))
        timeline.started(1_000_000 + index)
        timeline.ended(1_000_001 + index, completed=True, completion_ms=10.0 * (index + 1))
    counts = OutcomeCounts(started=operations, accepted=operations, completed=operations)
    summary = RunSummary(
        *(counts, 60.0, latencies, Histogram(steps_per_unit=1)),
        **{"started_epoch_s": 1_000_000.0, "timeline": timeline, "reasons": reasons, **run},
    )
    return Report(summary, evaluate(gates, summary), "http://host", ("Steady",), {"poll": "fixed"}, "gates.toml")


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects them."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text):
        super().__init__()
        self.tags, self._open = [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


def test_the_text_ends_in_the_verdict():
    """The terminal's report names the target and every gate with limit, figure and verdict, and ends in the verdict."""
    text = render_text(report())
    assert "Load on http://host by Steady, 60.0 s" in text
    assert re.search(r"^completion_ms p95 +≤ 500 ms +95\d ms +FAIL$", text, re.MULTILINE)
    assert re.search(r"^operations lost +≤ 0 +0 +pass$", text, re.MULTILINE)
    assert re.search(r"FAILED: completion p95 95\d ms > 500 ms\n$", text)


def test_the_text_shows_why_operations_failed():
    """The commonest reasons are listed with their counts, the rest is counted, nothing is shown for a clean run."""
    reasons = tuple(FailureReason("failed", f"reason {index}", 20 - index) for index in range(12))
    text = render_text(report(reasons=reasons))
    assert "      20 x reason 0\n" in text
    assert "and 2 more reasons" in text
    assert "Why operations" not in render_text(report())


def test_the_json_carries_every_figure():
    """Programs get counts, percentiles, gates and the histogram itself, from which any percentile follows."""
    document = json.loads(render_json(report()))
    completion = document["latencies"]["completion_ms"]
    assert (document["format"], document["verdict"]) == (3, "failed")
    assert document["started_at"] == "1970-01-12T13:46:40+00:00"
    assert document["operations"]["completed"] == completion["count"] == 100
    assert Histogram.from_wire(completion["histogram"]).percentile(95) == completion["p95"]
    assert [gate["passed"] for gate in document["gates"]] == [False, True]
    assert sum(piece["completed"] for piece in document["timeline"]["slices"]) == 100


@pytest.mark.parametrize("operations", [0, 1, 100, 1000])
def test_the_page_is_well_formed(operations):
    """The HTML is well-formed and fetches nothing, for an empty run as for a long one; plots need samples.

    Each plot is drawn for wide windows and for narrow ones.
    """
    text = render_html(report(operations))
    assert Page(text).tags.count("svg") == (2 * 5 if operations else 0)
    assert not re.search(r"(src|href)\s*=|@import|url\(|\bnan\b|\binf\b", text)


def test_the_page_escapes_what_others_wrote():
    """Reasons, notes and settings come from servers and users; they are text, never markup."""
    evil = "<script>alert(1)</script>"
    text = render_html(report(reasons=(FailureReason("failed", evil, 1),), notes=(evil,), invalid=(evil,)))
    assert text.count("<script") == 1, "the page's own, which shows values"
    assert text.count("&lt;script&gt;") == 3


def test_a_run_without_samples_is_reported_all_the_same():
    """A run in which nothing started has a report in all three forms, with dashes where there is no figure."""
    empty = report(0, started_epoch_s=None, invalid=("no operation was started",))
    assert "INVALID: no operation was started" in render_text(empty)
    assert "nothing was started" in render_html(empty)
    assert json.loads(render_json(empty))["latencies"]["completion_ms"]["p95"] is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "-"),
        (0, "0"),
        (0.1234, "0.123"),
        (1.2345, "1.23"),
        (12.345, "12.3"),
        (123.45, "123"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_have_three_digits(value, written):
    """Figures are as precise as a person can use."""
    assert number(value) == written


def test_figures_have_their_units():
    """Milliseconds, rates, ratios and counts are written each in its way."""
    assert limit_text(Gate("completion_ms", "p95", 2000, unit="ms")) == "≤ 2,000 ms"
    assert limit_text(Gate("operations", "throughput_per_s", 5, "at least", "/s")) == "≥ 5/s"
    assert with_unit(0.00123, Gate("operations", "error_ratio", 0.01)) == "0.00123"
    assert with_unit(None, GATES[0]) == "-"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.003), (3, 47), (0, 12_345), (5, 5)])
def test_ticks_are_round_and_inside(low, high):
    """An axis has a handful of round ticks, all of them inside of it."""
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low <= tick <= high for tick in found)


def test_an_axis_ends_above_its_values():
    """The end of an axis is a round number at or above the highest value, also of zero."""
    assert [round_up(value) for value in (0, 0.9, 47, 1001)] == [1, 1, 50, 1200]


def test_plots_interrupt_lines_where_there_is_nothing():
    """A slice without operations leaves a gap in the line, not a drop to zero."""
    series = Series("p50", "one", [(0, 1.0), (1, None), (2, 3.0)])
    plot = line_plot([series], x_label="s", y_label="ms", description="d")
    wide, narrow = plot.split("<svg")[1:]
    for drawing in (wide, narrow):
        assert drawing.count("<polyline") == 2
        assert drawing.count("<circle") == 2


def test_scales_place_values():
    """A logarithmic axis has equal steps for equal ratios, one of percentiles a step for each nine."""
    log, nines = Log.around([3, 700]), Nines(3.0)
    assert (log.low, log.high) == (2, 1000)
    assert log.place(20) - log.place(2) == pytest.approx(log.place(200) - log.place(20))
    assert [nines.place(percent) for percent in (0, 90, 99, 99.9, 100)] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert [words for _, words in nines.ticks()] == ["0 %", "50 %", "90 %", "99 %", "99.9 %"]
    assert all(0 <= log.place(tick) <= 1 for tick, _ in log.ticks())


def test_layers_stand_on_one_another():
    """Each layer of a stack begins where the one below ends, and a gap in time is a gap in all of them."""
    layers = [Series("a", "a", [(0, 1.0), (1, 2.0), (2, None)]), Series("b", "b", [(0, 3.0), (1, 2.0), (2, None)])]
    plot = layer_plot(layers, x_label="s", y_label="ms", description="d")
    lower, upper = (re.search(rf'area {name}" points="([^"]+)"', plot)[1].split() for name in "ab")
    assert upper[2:] == lower[1::-1]
    assert len(lower) == len(upper) == 4


def test_the_warm_up_and_the_drain_are_shaded():
    """The parts of a run that are in no figure, or in which nothing starts any longer, are seen in the plots."""
    text = render_html(report(100, warm_up_s=60))
    wide = "".join(re.findall(r'<svg class="wide".*?</svg>', text, re.DOTALL))
    assert wide.count(">warm-up</text>") == 3
    assert wide.count('class="shade"') == 6


def arrivals(moments, lasting_s=0.05):
    """Make a report of operations that were sent at these moments, and the plot of its arrivals and completions."""
    timeline = LoadTimeline()
    for moment in moments:
        timeline.started(1_000_000 + moment)
        timeline.ended(1_000_000 + moment + lasting_s, completed=True, completion_ms=50.0)
    return arrivals_and_completions(report(timeline=timeline))


def line_of(plot, css_class):
    """Return the points of a line, or of lone points, in pixels of the wide drawing."""
    plot = plot.partition("</svg>")[0]
    lines = re.findall(rf'series {css_class}" points="([^"]+)"', plot)
    dots = re.findall(rf'point {css_class}" cx="([\d.]+)" cy="([\d.]+)"', plot)
    return [tuple(map(float, place.split(","))) for line in lines for place in line.split()] or [
        (float(x), float(y)) for x, y in dots
    ]


@pytest.mark.parametrize("offset_s", [0.0, 0.3, 0.62, 0.99])
def test_a_constant_rate_is_drawn_constant(offset_s):
    """Whenever within a second a run begins, its first and last second do not look like a rise and a fall."""
    plot = arrivals([offset_s + number / 8 for number in range(40)])
    for css_class in ("one", "good"):
        points = line_of(plot, css_class)
        assert len(points) >= 4
        assert len({y for _, y in points}) == 1


def test_a_burst_at_either_end_is_drawn():
    """A first or last second that holds more than the one beside it is no cut one, and is in the plot."""
    heights = [y for _, y in line_of(arrivals([0.4] * 30 + [3.5] * 20 + [9.7] * 30), "one")]
    assert len(heights) == 10
    assert heights[0] == heights[-1] < heights[1]


def test_time_counts_from_the_first_start():
    """The axis says so: a run that begins late in a second does not begin at the second's beginning."""
    assert "0 to 0.3 s\n2 started" in arrivals([0.7, 0.9, 1.2])
    assert "0.3 to 1.3 s\n1 started" in arrivals([0.7, 0.9, 1.2])


def test_a_split_from_histories_is_not_over_time():
    """Where histories gave the times after the run there is no split over time, and the page gives the reason."""
    split = TimeSplit()
    split.add((0.0, 10.0, 20.0, 500.0, 70.0), 600.0)
    text = render_html(report(split=split))
    assert NOT_OVER_TIME in text
    assert "There are no samples" not in text.split("Where the time went, over time")[1].split("</section>")[0]


def test_the_time_split_is_shown_or_its_lack_is_explained():
    """The page has a bar of the parts of completion; of operations that cannot be split it gives the reason."""
    split = TimeSplit()
    split.add((0.0, 10.0, 20.0, 500.0, 70.0), 600.0)
    assert re.search(r'class="part-execution" style="flex: 500\.0+"', render_html(report(split=split)))
    unknown = TimeSplit()
    unknown.add(None, 600.0)
    assert "1 are not split: the service does not report" in render_html(report(split=unknown))


def test_labels_of_markers_do_not_overlap():
    """Markers close to each other are labelled in rows; one at the edge is labelled to its left."""
    markers = [Marker(50, "p50 50"), Marker(51, "p95 51"), Marker(100, "gate", "limit")]
    plot = bar_plot([Bar(0, 100, 5, "tip")], markers, x_label="ms", y_label="n", description="d")
    heights = re.findall(r'<text class="note[^>]*y="([\d.]+)"', plot)
    assert heights[0] != heights[1]
    assert 'limit-text left"' in plot


def test_names_of_lines_do_not_overlap():
    """Names of horizontal lines stand in columns; where a narrow plot has room for one, above and below."""
    rules = (Marker(10, "one"), Marker(10.1, "two"))
    plot = line_plot(
        [Series("s", "one", [(0, 1.0), (9, 20.0)])], x_label="", y_label="", description="", look=Look(rules=rules)
    )
    wide, narrow = (re.findall(r'note left[^>]*x="([\d.]+)" y="([\d.]+)"', one) for one in plot.split("<svg")[1:])
    assert float(wide[0][0]) - float(wide[1][0]) >= 100
    assert abs(float(narrow[0][1]) - float(narrow[1][1])) >= 10


def test_a_limit_reads_as_it_was_written():
    """A limit keeps its digits, and a figure beside it has as many as show on which side of it it lies."""
    gate = Gate("actions_per_operation", "mean", 13.999)
    assert (limit_text(gate), with_unit(14.0, gate), with_unit(13.9991, gate)) == ("≤ 13.999", "14", "13.9991")
    finish = Gate("finish_ms", "p95", 310.04, unit="ms")
    assert (limit_text(finish), with_unit(310.05, finish), with_unit(299.96, finish)) == (
        "≤ 310.04 ms",
        "310.05 ms",
        "300 ms",
    )
