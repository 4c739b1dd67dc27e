"""What a report shows first, and of what did not end."""

import itertools
import json
import re

import pytest

from durable_harness.gate import FailureReason, LoadTimeline
from durable_harness.gate.report import render_html, render_json, render_markdown, render_text
from durable_harness.gate.report.report_plots import errors_over_time
from durable_harness.gate.stuck import StuckOperation
from durable_harness.web.style import STYLE
from durable_harness.why import Part
from test_gate_report import report
from test_gate_report_paths import P50, P99, with_paths

STUCK = StuckOperation("abc", "Steady", "approval", "running", ("an external event: none has come that it takes",))
REASONS = (FailureReason("failed", "the activity raised", 3, "instance abc"),)


def in_order(text, *words):
    """Whether all words are in a text, each after the one before."""
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def test_people_read_verdict_then_why_then_gates():
    """The page and the summary for CI begin with the verdict; a terminal shows the end, so there it comes last."""
    some = report(reasons=REASONS, stuck=(STUCK,))
    words = ("completion p95 9", "the activity raised", "instance abc (orchestrator", "≤")
    assert in_order(render_html(some), *words)
    assert in_order(render_markdown(some), *words)
    assert in_order(render_text(some), "≤", "the activity raised", "instance abc (orchestrator", "FAILED")


def test_many_reasons_do_not_hide_what_is_stuck():
    """The page has the first reasons, then what is stuck, then the other reasons, folded."""
    reasons = tuple(FailureReason("failed", f"reason {number}", 20 - number) for number in range(12))
    page = render_html(report(reasons=reasons, stuck=(STUCK,)))
    assert in_order(page, "reason 0", "reason 4", "instance abc (orchestrator", "7 more reasons", "reason 11")


def test_a_stuck_operation_has_what_it_waits_for():
    """Each form says it; where it is not known each gives the reason."""
    some = report(stuck=(STUCK, StuckOperation("def", unknown="no notes")))
    for render in (render_text, render_html, render_markdown):
        text = render(some).replace("&#x27;", "'").replace("\\", "")
        assert "instance abc (orchestrator 'approval', running): waits for an external event" in text
        assert "instance def: what it waits for is not known: no notes" in text
    first, second = json.loads(render_json(some))["stuck"]
    assert (first["instance_id"], first["waits"]) == ("abc", ["an external event: none has come that it takes"])
    assert (second["waits"], second["unknown"]) == ([], "no notes")


def test_the_summary_for_ci_has_the_paths():
    """Of each percentile the largest parts, and the knob that binds."""
    text = render_markdown(with_paths(P50, P99))
    parts = "wait for a slot 300 ms (75%), code of activities 100 ms (25%)"
    assert f"- Steady, near p99 (400 ms, mean of 9): {parts}" in text
    assert "- Steady, p99: 75% waits for a slot: \\<2\\> activities at once." in text
    assert "slow ones" not in render_markdown(report())


def test_errors_over_time_are_columns_on_one_another():
    """Each slice has a column for each way to end, above those before it; columns of two slices do not overlap."""
    made = LoadTimeline()
    for number in range(12):
        moment, state = 1_000_000.7 + number / 4, ("failed", "refused", "completed")[number % 3]
        made.started(moment)
        made.ended(moment, completed=state == "completed", completion_ms=None, state=state)
    plot = errors_over_time(report(timeline=made))
    wide = plot.partition("</svg>")[0]
    columns = re.findall(r'bar end-(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', wide)
    boxes = [(name, *map(float, numbers)) for name, *numbers in columns]
    assert {name for name, *_ in boxes} == {"failed", "refused"}
    for (_, x, y, width, _), (_, next_x, next_y, _, next_height) in itertools.pairwise(boxes):
        same = next_x == x
        assert next_y + next_height == pytest.approx(y, abs=0.2) if same else next_x >= x + width - 0.2
    assert "errors (operations/s)" in wide
    assert errors_over_time(report()) == ""


def test_a_run_without_samples_has_no_empty_plots():
    """What is unknown has no section, but for completion: the page says that it is unknown."""
    assert render_html(report(0)).count("There are no samples") <= 3
    assert "Execution times" not in render_html(report())


def test_each_part_has_a_colour():
    """A part of a path without a rule in the style sheet would have no colour."""
    assert [part for part in Part if f".part-{part.value}" not in STYLE] == []
