"""The pages of a comparison and of a search for capacity: what they show, whatever was found."""

import json
import math
import re
from dataclasses import replace

import pytest

from durable_harness.experiments.capacity_report import render_html as capacity_page
from durable_harness.experiments.capacity_report import render_text as capacity_text
from durable_harness.experiments.capacity_search import CapacityReport, MeasuredTrial
from durable_harness.gate.capacity import Capacity, Trial
from durable_harness.gate.capacity.saturation import Figures
from durable_harness.gate.comparison import Comparison, Decision, words
from durable_harness.gate.comparison.comparison_reports import render_json, render_text
from durable_harness.gate.comparison.comparison_results import FigureResult
from durable_harness.gate.comparison.design import Design
from durable_harness.gate.comparison.figures import Figure
from durable_harness.gate.comparison.page import render_html as comparison_page
from durable_harness.gate.comparison.ranks import ConfidenceInterval
from durable_harness.gate.gates import Gate
from durable_harness.gate.summary import FailureReason

EVIL = "<script>alert(1)</script>"


def result(*pairs, lower=-0.02, upper=0.03, answer=Decision.NOT_SLOWER, is_judged=True):
    return FigureResult(
        Figure("finish_ms", 95.0),
        Design(),
        base=500.0,
        interval=ConfidenceInterval(0.01, lower, upper),
        answer=answer,
        sample=f"{len(pairs)} pairs of slices",
        is_judged=is_judged,
        pairs=pairs,
    )


def compared(*results, **changes):
    return replace(Comparison("abc (base)", "def", results, "a signed-rank test"), **changes)


def drawings(page):
    """Return the drawings for wide windows."""
    return re.findall(r'<svg class="wide".*?</svg>', page, re.DOTALL)


def test_a_comparison_shows_each_pair_and_the_interval():
    """Every pair is a point with its change, the interval a band, the change that matters a line."""
    (plot,) = drawings(comparison_page(compared(result(1.01, 0.98, 1.05))))
    assert [f"pair {number}: {change} %" in plot for number, change in ((1, "+1.0"), (2, "-2.0"), (3, "+5.0"))] == [
        True,
        True,
        True,
    ]
    assert plot.count("<circle") == 3
    assert plot.count('class="band"') == 1
    assert (plot.count('class="limit"'), plot.count('class="estimate"')) == (1, 1)


def test_line_names_are_in_the_key_where_no_point_is():
    """A plot of many pairs has no room for names at any width: the drawing has none but those of its axes."""
    page = comparison_page(compared(result(*[1.05, 0.98] * 30)))
    assert '<span class="key bad dashed">matters: +5 %</span>' in page
    assert '<span class="key two">estimate: +1.0 %</span>' in page
    assert re.findall(r'<text class="note[^>]*>([^<]+)<', page) == []


NOTHING_YET = result(1.01, 0.98, lower=-math.inf, upper=math.inf, answer=Decision.CANNOT_TELL)


def test_a_comparison_without_an_interval_draws_its_pairs_alone():
    """Before the first look nothing is known: no band and no estimate is drawn, and the page gives the reason."""
    page = comparison_page(compared(NOTHING_YET))
    (plot,) = drawings(page)
    assert 'class="band"' not in plot
    assert 'class="estimate"' not in plot
    assert plot.count("<circle") == 2
    assert "too few data" in page


def test_a_figure_that_is_not_known_yet_is_not_shown():
    """With too few data for an interval base, head and change are dashes for people and null for programs."""
    comparison = compared(NOTHING_YET)
    (row,) = [line for line in render_text(comparison).splitlines() if line.startswith("finish_ms p95 ")]
    assert re.split(r"\s{2,}", row)[1:5] == ["-", "-", "-", "too few data"]
    assert "500 ms" not in comparison_page(comparison)
    assert comparison.sentence.startswith("finish_ms p95 too few data; 5 % matters")
    (figure,) = json.loads(render_json(comparison))["figures"]
    assert (figure["base"], figure["head"], figure["ratio"]) == (None, None, None)


def test_a_figure_with_one_bound_is_known():
    """An interval that is open at one side is an interval."""
    (row,) = words.figure_rows(compared(result(1.01, 0.98, lower=-math.inf)))
    assert row[1:4] == ("500 ms", "505 ms", "+1.0 %")


def test_unjudged_figures_have_no_line_of_what_matters():
    """No verdict hangs on them."""
    (plot,) = drawings(comparison_page(compared(result(1.0, 1.1, is_judged=False))))
    assert "matters" not in plot


def test_a_comparison_of_runs_has_no_plot_of_pairs():
    """Two finished runs have blocks of operations and no pairs."""
    page = comparison_page(compared(result()))
    assert drawings(page) == []
    assert "finish_ms p95" in page


def test_reasons_are_a_table_with_counts_and_examples():
    """Why operations of a side did not complete is in JSON and on the page: in groups, with counts and examples."""
    reason = FailureReason("failed", "order {number} is {number} s late", 3, "instance abc: order 7 is 2 s late")
    comparison = compared(result(1.0, 1.1), reasons=(("head", reason),))
    assert json.loads(render_json(comparison))["reasons"] == [
        {
            "side": "head",
            "state": "failed",
            "reason": "order {number} is {number} s late",
            "count": 3,
            "example": "instance abc: order 7 is 2 s late",
        }
    ]
    words = re.sub(r"<[^>]+>", " ", comparison_page(comparison))
    assert re.search(r"3\s+head\s+failed\s+order {number} is {number} s late\s+such as instance abc: order 7", words)


@pytest.mark.parametrize(
    "changes",
    [
        {"invalid": (EVIL,)},
        {"failures": (EVIL,)},
        {"interrupted": EVIL},
        {"base": EVIL},
        {"reasons": (("head", FailureReason("failed", EVIL, 1, "")),)},
    ],
)
def test_a_comparison_escapes_what_others_wrote(changes):
    """Names of revisions and reasons are text."""
    page = comparison_page(compared(result(1.0, 1.1), **changes))
    assert page.count("<script") == 1, "the page's own"
    assert "&lt;script&gt;" in page


def trial(rate, *, met, valid=True, p95=100.0):
    figures = Figures(rate, rate, p95 / 2, p95, 5.0, 5.0, 1.0, 0.2, None, 0.5, 0)
    return MeasuredTrial(Trial(rate, met=met, valid=valid, why="" if met else "too slow"), figures, ("p95 fine",))


def searched(*trials, lower, upper, **changes):
    found = Capacity(lower, upper, tuple(one.trial for one in trials), **changes)
    objective = (Gate("completion_ms", "p95", 200.0, unit="ms"),)
    return CapacityReport(f"app {EVIL}", objective, found, trials, "", 30.0)


def test_a_search_shows_its_trials_in_order_and_the_capacity():
    """Each trial is a point in the colour of its outcome; the band is between the rates that bound capacity."""
    page = capacity_page(
        searched(trial(5, met=True), trial(20, met=False), trial(10, met=False, valid=False), lower=5, upper=10)
    )
    search = drawings(page)[0]
    assert re.findall(r'point (\w+)"[^>]*data-tip="trial (\d)', search) == [("good", "1"), ("bad", "2"), ("two", "3")]
    assert search.count('class="band"') == 1
    assert '<span class="key two">capacity 5.00/s</span>' in page
    assert 'class="estimate"' in search
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("lower", "upper", "changes", "begins"),
    [
        (None, 5, {}, "<b>no capacity</b> completion_ms p95"),
        (5, 9, {}, "<b>capacity</b> 5.00 operations/s with completion_ms p95"),
        (5, None, {}, "<b>capacity at least</b> 5.00 operations/s with completion_ms p95"),
        (5, None, {"interrupted": "after 2 trials"}, "<b>interrupted</b> after 2 trials; so far"),
        (None, None, {}, "<b>cannot tell</b> no trial could be judged"),
        (None, 5, {"limited_by": "too few"}, "<b>cannot tell</b> completion_ms p95 ≤ 200 ms is not met at 5.00"),
    ],
)
def test_the_verdict_of_a_search_is_shown_once(lower, upper, changes, begins):
    """The sentence continues from the word that the page begins with."""
    assert begins in capacity_page(searched(trial(5, met=True), lower=lower, upper=upper, **changes))


def test_a_figure_that_no_operation_gave_is_a_dash():
    """A trial in which none ended has no latencies: the table has dashes without a unit."""
    empty = trial(5, met=False, valid=False)
    none = dict.fromkeys(("completion_p50_ms", "completion_p95_ms", "start_p95_ms", "queueing_p95_ms"))
    report = searched(replace(empty, figures=replace(empty.figures, **none)), lower=None, upper=None)
    for text in (capacity_text(report), capacity_page(report)):
        assert "- ms" not in text
    assert "no answer" in capacity_text(report)


@pytest.mark.parametrize(
    ("lower", "upper", "limited_by", "css_class"),
    [
        (5, 9, "", "passed"),
        (None, 5, "", "failed"),
        (5, None, "the highest rate to try, 5/s, still meets the objective", "passed"),
        (5, None, "the generator could not offer 9/s", "invalid"),
        (None, None, "", "invalid"),
    ],
)
def test_the_colour_of_a_search_is_that_of_its_exit_code(lower, upper, limited_by, css_class):
    """A search that came to no end is neither green nor red."""
    page = capacity_page(searched(trial(5, met=True), lower=lower, upper=upper, limited_by=limited_by))
    assert f'class="verdict {css_class}"' in page


def test_a_search_that_found_no_upper_end_draws_no_band():
    """Where capacity ends is not known, and nothing is drawn for it."""
    search = drawings(capacity_page(searched(trial(5, met=True), lower=5, upper=None)))[0]
    assert 'class="band"' not in search


def test_what_is_not_known_of_a_host_is_not_drawn():
    """The CPU of a host elsewhere is not known: its line and its key are not there."""
    page = capacity_page(searched(trial(5, met=True), trial(9, met=False), lower=5, upper=9))
    assert ">generator<" in page
    assert ">host<" not in page
