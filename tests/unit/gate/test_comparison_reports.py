"""What each report of a comparison has in it, word by word: text, Markdown, JSON, JUnit XML and the page."""

import json
import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from durable_harness.gate.comparison import Comparison, ConfidenceInterval, CountResult, Decision, Design, Figure
from durable_harness.gate.comparison.comparison_reports import (
    render_json,
    render_junit,
    render_markdown,
    render_text,
    write_all,
)
from durable_harness.gate.comparison.comparison_results import FigureResult
from durable_harness.gate.comparison.page import render_html
from durable_harness.gate.summary import FailureReason
from durable_harness.gate.who.parties import Party
from durable_harness.gate.who.time_shares import Attribution, Share

JUDGED = FigureResult(
    Figure("finish_ms", 95.0),
    Design(),
    base=200.0,
    interval=ConfidenceInterval(math.log(1.1), math.log(1.08), math.log(1.125)),
    answer=Decision.SLOWER,
    sample="3 pairs of slices",
    pairs=(1.1, 1.08, 1.12),
)
SHOWN = FigureResult(
    Figure("polls", 50.0),
    Design(0.2, 0.01, 0.02),
    base=4.0,
    interval=ConfidenceInterval(0.0, -math.inf, math.inf),
    answer=Decision.CANNOT_TELL,
    sample="3 pairs of slices, 2 taken together for their polls",
    resolution=0.125,
    advice="ask for a larger --effect",
    is_judged=False,
)
ACTIONS = CountResult("actions_per_operation", 7.0, 9.0, 40, 2.0, ((7.0, 7.0), (9.0, 9.0)))
EVENTS = CountResult("replayed_events_per_operation", 12.0, 12.0, 40, 0.0, ((12.0, 12.0), (12.0, 12.0)))
BYTES = CountResult("payload_bytes_per_operation", None, None, 0, None, reason="nothing counts them")
BROKEN = FailureReason("failed", "order {number} failed", 3, "order 7 failed")
SLOWER = Comparison(
    "v1",
    "v2",
    (JUDGED, SHOWN),
    "a signed-rank test",
    counts=(ACTIONS, EVENTS, BYTES),
    errors=(0.0, 0.005),
    reasons=(("head", BROKEN),),
    notes=("a note",),
    elapsed_s=61.26,
    settings={"rate": "20/s"},
)
UNSURE = replace(
    SLOWER, results=(replace(JUDGED, answer=Decision.CANNOT_TELL, advice="Take about 40 pairs"),), counts=()
)
EQUAL = replace(SLOWER, results=(replace(JUDGED, answer=Decision.NOT_SLOWER),), counts=())
INTERRUPTED = replace(SLOWER, interrupted="by SIGINT after 2 of 9 pairs")
FAILED = replace(SLOWER, failures=("5 % of the head broke",), counts=())
INVALID = replace(EQUAL, invalid=("there is no base", "nor a head"))
REASON = "finish_ms p95 +10.0 % (+8.0 % to +12.5 %); 5 % matters; smallest change visible here: 2.3 %"
COUNTS = [
    "head dispatches 2 actions more an operation: 7 → 9 (all 40 operations)",
    "replayed_events_per_operation: 12, the same (all 40 operations)",
    "counts are not judged unless asked for: --metric actions_per_operation",
]
DESIGN = (
    "false alarms at most 0.25%, power at least 99.0% where it answers; "
    "the interval has these errors on its two sides, looks and figures included"
)
HOW = [
    f"a signed-rank test; finish_ms p95: {JUDGED.sample}; polls p50: {SHOWN.sample}",
    "finish_ms: intended start until the server had ended the operation (from the generator's clock to the server's)",
    "polls: polls until the end was seen (counted)",
    DESIGN,
    "base and head are centres over slices or blocks; visible is the smallest change that can be seen here",
    "operations that did not complete: base 0.00%, head 0.50%; 61 s",
    "note: a note",
]
HEADINGS = ["figure", "base", "head", "change", "interval", "visible", "matters", "answer"]
ROWS = [
    ["finish_ms p95", "200 ms", "220 ms", "+10.0 %", "+8.0 % to +12.5 %", "2.3 %", "5 %", "slower"],
    ["polls p50", "-", "-", "-", "too few data", "-", "", "not judged"],
]


def test_the_text_has_counts_figures_and_how_they_were_found():
    """The terminal shows what was compared, counts first, the table, the small print, and the verdict at the end."""
    lines = render_text(SLOWER).split("\n")
    table = [re.split(r"\s{2,}", line) for line in lines[6:9]]
    assert lines[:6] == ["v1 (base) against v2 (head)", "", *COUNTS, ""]
    assert table == [HEADINGS, ROWS[0], [cell for cell in ROWS[1] if cell]]
    assert lines[9:] == ["", *HOW, "", f"SLOWER: {REASON}", ""]


def test_the_markdown_has_the_same():
    """A step's summary shows the verdict first, then counts, table and small print as Markdown."""
    table = [f"| {' | '.join(row)} |" for row in (HEADINGS, ["---"] * 8, *ROWS)]
    counts, how = ([f"- {line}" for line in lines] for lines in (COUNTS, HOW))
    assert render_markdown(SLOWER).split("\n") == [
        "### ❌ Slower: `v2` against `v1`",
        "",
        REASON,
        "",
        *counts,
        "",
        *table,
        "",
        *how,
        "",
    ]


@pytest.mark.parametrize(
    ("comparison", "mark"),
    [
        (EQUAL, "✅ Not slower"),
        (UNSURE, "❔ Cannot tell"),
        (INVALID, "⚠️ Invalid"),
        (INTERRUPTED, "⏹️ Interrupted"),
    ],
)
def test_each_verdict_has_its_mark(comparison, mark):
    """The heading of the Markdown shows at a glance how it went."""
    assert render_markdown(comparison).startswith(f"### {mark}: `v2` against `v1`\n")


def test_without_counts_and_figures_their_place_is_empty():
    """A comparison that found nothing has neither an empty table nor blank lines for one."""
    empty = replace(INVALID, results=(), notes=())
    ended = "operations that did not complete: base 0.00%, head 0.50%; 61 s"
    verdict = "there is no base; nor a head"
    assert render_text(empty) == f"v1 (base) against v2 (head)\n\n{ended}\n\nINVALID: {verdict}\n"
    assert render_markdown(empty) == f"### ⚠️ Invalid: `v2` against `v1`\n\n{verdict}\n\n- {ended}\n"


def test_the_json_has_every_figure_and_count():
    """Programs read figures, counts and reasons by these keys; what is not known is null."""
    document = json.loads(render_json(SLOWER))
    judged, shown = document.pop("figures")
    assert [(count["metric"], count["difference"], count["sentence"]) for count in document.pop("counts")] == [
        ("actions_per_operation", 2.0, COUNTS[0]),
        ("replayed_events_per_operation", 0.0, COUNTS[1]),
        ("payload_bytes_per_operation", None, "payload_bytes_per_operation: not known: nothing counts them"),
    ]
    assert document == {
        "format": 2,
        "verdict": "slower",
        "verdict_reason": REASON,
        "base": "v1",
        "head": "v2",
        "method": "a signed-rank test",
        "elapsed_s": 61.26,
        "error_ratio": {"base": 0.0, "head": 0.005},
        "reasons": [
            {
                "side": "head",
                "state": "failed",
                "reason": "order {number} failed",
                "count": 3,
                "example": "order 7 failed",
            }
        ],
        "who": None,
        "failures": [],
        "invalid": [],
        "interrupted": None,
        "notes": ["a note"],
        "settings": {"rate": "20/s"},
    }
    assert judged == {
        "name": "finish_ms p95",
        "metric": "finish_ms",
        "percent": 95.0,
        "effect": 0.05,
        "false_alarm_rate": 0.0025,
        "miss_rate": 0.01,
        "clock": "from the generator's clock to the server's",
        "judged": True,
        "base": 200.0,
        "head": pytest.approx(220.0),
        "ratio": pytest.approx(1.1),
        "lower": pytest.approx(1.08),
        "upper": pytest.approx(1.125),
        "visible": pytest.approx(1.125 / 1.1 - 1),
        "resolution": 0.0,
        "answer": "slower",
        "sample": "3 pairs of slices",
        "advice": "",
        "pairs": [1.1, 1.08, 1.12],
    }
    unknown = ("base", "head", "ratio", "lower", "upper", "visible", "answer")
    assert [shown[key] for key in unknown] == [None] * len(unknown)
    assert (shown["judged"], shown["resolution"], shown["advice"]) == (False, 0.125, "ask for a larger --effect")


def test_the_json_of_a_count_has_its_means_and_ranges():
    """A count has the means of both sides, what operations it was taken from, and whether the difference is exact."""
    count = json.loads(render_json(SLOWER))["counts"][0]
    assert count == {
        "metric": "actions_per_operation",
        "base": 7.0,
        "head": 9.0,
        "operations": 40,
        "difference": 2.0,
        "ranges": [[7.0, 7.0], [9.0, 9.0]],
        "effect": None,
        "reason": "",
        "exact": True,
        "judged": False,
        "sentence": COUNTS[0],
    }


def test_who_spent_the_time_of_both_sides_is_in_text_and_json():
    """The small print begins with the party that grew; the JSON has the shares of each side."""
    base, head = (Attribution(20, ms, (Share(Party.APP, ms, 1.0),)) for ms in (100.0, 150.0))
    comparison = replace(SLOWER, split=(base, head))
    who = json.loads(render_json(comparison))["who"]
    assert (who["text"], sorted(who)) == (comparison.who, ["base", "head", "text"])
    assert (who["base"]["mean_ms"], who["head"]["mean_ms"]) == (100.0, 150.0)
    assert f"\nwho was it: {comparison.who}\n" in render_text(comparison)
    assert cases(replace(comparison, counts=()))[1] == [(FIGURE, [("failure", f"{ROW}; {comparison.who}")])]


def cases(comparison, cannot_tell=3):
    """Return the attributes of the JUnit suite, and each case with the kind and message of its mark."""
    suite = ET.fromstring(render_junit(comparison, cannot_tell))
    assert {case.get("classname") for case in suite} == {"performance"}
    assert {case.tag for case in suite} == {"testcase"}
    found = [(case.get("name"), [(mark.tag, mark.get("message")) for mark in case]) for case in suite]
    return {"tag": suite.tag, **suite.attrib}, found


ROW = ", ".join(ROWS[0])
FIGURE = "finish_ms p95"


def test_a_slower_figure_is_a_failure_of_junit():
    """Test reports show the judged figure as a failed case with its row, and the counts and time of the suite."""
    suite, found = cases(replace(SLOWER, counts=()))
    assert suite == {
        "tag": "testsuite",
        "name": "durable-harness comparison",
        "time": "61.260",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "tests": "1",
    }
    assert found == [(FIGURE, [("failure", ROW)])]
    assert render_junit(SLOWER, 3).startswith("<?xml version='1.0' encoding='utf-8'?>\n<testsuite ")


def test_a_figure_that_is_not_slower_passes():
    """Its case has no mark, even where a missing answer would fail."""
    assert cases(EQUAL, 1)[1] == [(FIGURE, [])]


@pytest.mark.parametrize(("code", "kind"), [(0, "skipped"), (1, "failure"), (3, "error")])
def test_a_missing_answer_is_judged_by_its_exit_code(code, kind):
    """With 0 it is skipped, with 1 it fails, else it is an error: as the command ends, so does the case."""
    suite, found = cases(UNSURE, code)
    message = ROW.replace("slower", "cannot tell")
    assert found == [(FIGURE, [(kind, message)])]
    counted = {"skipped": "skipped", "failure": "failures", "error": "errors"}
    assert [suite[name] for name in counted.values()] == [str(int(kind == each)) for each in counted]


def test_an_interrupted_comparison_skips_its_figures():
    """No figure failed or passed; the case `validity` has the reason."""
    suite, found = cases(INTERRUPTED)
    assert found == [
        (FIGURE, [("skipped", "the comparison was interrupted")]),
        ("validity", [("error", "by SIGINT after 2 of 9 pairs")]),
    ]
    assert (suite["tests"], suite["skipped"], suite["errors"], suite["failures"]) == ("2", "1", "1", "0")


def test_broken_and_invalid_comparisons_have_cases():
    """`errors` fails with what breaks the head, `validity` is an error with why nothing was compared."""
    assert cases(FAILED)[1][1:] == [("errors", [("failure", "5 % of the head broke")])]
    assert cases(INVALID)[1][1:] == [("validity", [("error", "there is no base; nor a head")])]


def test_judged_counts_have_cases():
    """A count that may not rise fails with its sentence, one that may rise by half passes, one that varies is open."""
    judged = [replace(ACTIONS, effect=effect) for effect in (0.0, 0.5)]
    varying = replace(ACTIONS, difference=None, effect=0.0, ranges=((5.0, 9.0), (7.0, 11.0)))
    results = [cases(replace(EQUAL, counts=(count,)))[1][0] for count in (*judged, varying)]
    name = "actions_per_operation"
    assert results[:2] == [(name, [("failure", COUNTS[0])]), (name, [])]
    ((kind, message),) = results[2][1]
    assert (kind, message) == ("error", varying.sentence)


def test_counts_that_rose_by_one_are_hinted_at():
    """A reader who did not ask for counts learns how to; without a rise, or if they are judged, there is no hint."""
    hint = "counts are not judged unless asked for"
    one = replace(ACTIONS, head=8.0, difference=1.0, ranges=((7.0, 7.0), (8.0, 8.0)))
    assert hint in render_text(replace(SLOWER, counts=(one,)))
    assert hint not in render_text(replace(SLOWER, counts=(replace(one, effect=0.5),)))
    assert hint not in render_text(replace(SLOWER, counts=(EVENTS,)))


def sections(page):
    """Return the heading and the lead of each section of a page."""
    return re.findall(r'<section><h2>(.*?)</h2>(?:<p class="muted lead">(.*?)</p>)?', page)


def table_of(page, heading):
    """Return the headings and the rows of the table of a section, in words."""
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", section)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)] for row in rows]


def test_the_page_has_a_section_for_each_part():
    """The page begins with what is compared; each part has a heading, and the plot its sample."""
    page = render_html(SLOWER)
    assert "<title>Comparison: slower</title>" in page
    assert '<h1>Comparison</h1><p class="muted lead">v1 (base) against v2 (head)</p>' in page
    assert sections(page) == [
        ("Figures", "Change is head against base; above 0 the head is slower."),
        ("finish_ms p95", "3 pairs of slices"),
        ("Why operations did not complete", ""),
        ("What an operation costs", ""),
        ("How it was found", ""),
        ("Settings", ""),
    ]
    assert "<dt>rate</dt><dd>20/s</dd>" in page
    lists = [re.findall(r"<li>(.*?)</li>", part) for part in re.findall(r"<ul>(.*?)</ul>", page)]
    assert lists == [COUNTS, [line.replace("'", "&#x27;") for line in HOW]]


def test_the_page_of_an_empty_comparison_has_no_empty_sections():
    """Parts without content are left out."""
    empty = replace(INVALID, results=(), reasons=(), settings={})
    assert [heading for heading, _ in sections(render_html(empty))] == ["How it was found"]


def test_the_table_of_the_page_has_the_answer_beside_the_figure():
    """A reader looks for the answer first: it is the second column. A figure that is not judged shows no limit."""
    page = render_html(SLOWER)
    order = [0, 7, 1, 2, 3, 4, 5, 6]
    assert table_of(page, "Figures") == [[row[at] for at in order] for row in (HEADINGS, *ROWS)]
    assert '<span class="fail">slower</span>' in page
    assert '<span class="muted">not judged</span>' in page
    assert table_of(page, "Why operations did not complete") == [
        ["count", "side", "ended as", "reason"],
        ["3", "head", "failed", "order {number} failedsuch as order 7 failed"],
    ]


@pytest.mark.parametrize(
    ("comparison", "verdict", "answer"),
    [
        (SLOWER, "failed", "fail"),
        (EQUAL, "passed", "pass"),
        (UNSURE, "invalid", "odd"),
        (INVALID, "invalid", "muted"),
        (INTERRUPTED, "interrupted", "fail"),
    ],
)
def test_the_colours_of_the_page_are_those_of_the_verdict(comparison, verdict, answer):
    """What passed and what failed looks so, for the whole and for each figure."""
    page = render_html(comparison)
    assert f'<p class="verdict {verdict}"><b>{comparison.verdict}</b> ' in page
    assert f'<td data-head="answer"><span class="{answer}">' in page


def test_the_key_of_a_plot_names_what_is_drawn():
    """Pairs, estimate, interval and what matters are named; without an interval the key has its reason instead."""
    key = re.findall(r'<span class="key (.*?)">(.*?)</span>', render_html(SLOWER))
    assert key == [
        ("one", "pair of slices"),
        ("two", "estimate: +10.0 %"),
        ("band", "interval: +8.0 % to +12.5 %"),
        ("bad dashed", "matters: +5 %"),
    ]
    early = replace(JUDGED, interval=ConfidenceInterval(0.0, -math.inf, math.inf), is_judged=False)
    page = render_html(replace(SLOWER, results=(early,)))
    assert re.findall(r'<span class="key (.*?)">(.*?)</span>', page) == [("one", "pair of slices")]
    assert '<span class="muted">too few data</span></figcaption>' in page
    assert '<span class="muted"></span>' not in render_html(SLOWER)


def test_the_plot_shows_changes_in_percent_around_none():
    """The axis reaches 5 % to both sides at least, and further where pairs lie further out."""
    plots = re.findall(r'<svg class="wide".*?</svg>', render_html(SLOWER), re.DOTALL)
    assert len(plots) == 1
    assert "Change of finish_ms p95 in each pair" in plots[0]
    words = re.findall(r"<text[^>]*>([^<]+)</text>", plots[0])
    assert "pair of slices (number, in their order)" in words
    assert "change (%)" in words
    assert {"1", "2", "3", "-5", "0", "5", "10"} <= set(words)


def test_all_forms_are_written_and_the_step_summary_is_appended(tmp_path, monkeypatch):
    """A folder gets the four files; CI's summary page gets the Markdown."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    written = write_all(SLOWER, tmp_path / "report", 3)
    names = ["comparison.html", "comparison.json", "comparison.md", "comparison.xml"]
    assert sorted(path.name for path in written.paths) == names
    forms = (render_html(SLOWER), render_json(SLOWER), render_markdown(SLOWER), render_junit(SLOWER, 3))
    assert [(tmp_path / "report" / name).read_text() for name in names] == list(forms)
    assert (tmp_path / "step.md").read_text() == render_markdown(SLOWER) + "\n"
