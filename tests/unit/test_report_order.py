"""What a report says first, and of what did not end."""

import json

from durable_harness.gate import FailureReason
from durable_harness.gate.report import render_html, render_json, render_markdown, render_text
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
    """Each form says it; where it is not known each says why."""
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
    assert "- Steady, p99 (400 ms): wait for a slot 300 ms (75%), code of activities 100 ms (25%)" in text
    assert "- Steady, p99: 75% waits for a slot: \\<2\\> activities at once." in text
    assert "slow ones" not in render_markdown(report())


def test_each_part_has_a_colour():
    """A part of a path without a rule in the style sheet would have no colour."""
    assert [part for part in Part if f".part-{part.value}" not in STYLE] == []
