"""Reports of a run that proves nothing show its figures, and no gate as passed or failed."""

import re

import pytest

from durable_harness.gate import Gate
from durable_harness.gate.measurable import WHOLE_SECONDS
from durable_harness.gate.report import (
    render_html,
    render_markdown,
    render_text,
)
from test_gate_report import report

INTERRUPTED = {"interrupted": "after 3.0 s of a run time of 60 s"}
INVALID = {"invalid": ("a worker vanished",)}
UNPROVEN = pytest.mark.parametrize("why", [INTERRUPTED, INVALID])


@UNPROVEN
def test_gates_are_not_judged_in_the_text(why):
    """The terminal shows what was measured beside its limit, and that the gate was not judged."""
    text = render_text(report(**why))
    assert re.search(r"^completion_ms p95 +≤ 500 ms +95\d ms +not judged$", text, re.MULTILINE)
    assert re.search(r"^operations lost +≤ 0 +0 +not judged$", text, re.MULTILINE)
    assert not re.search(r" (pass|FAIL)\b", text)


@UNPROVEN
def test_gates_are_not_judged_in_the_html(why):
    """The page shows neither a pass nor a failure, nor in red how far a limit is exceeded."""
    page = render_html(report(**why))
    assert page.count('<span class="muted">not judged</span>') == 2
    assert not re.search(r'class="(pass|fail|use over)"', page)
    assert 'class="use over"' in render_html(report())


@UNPROVEN
def test_gates_are_not_judged_in_the_markdown(why):
    """The CI summary marks each gate as neither good nor bad, and says so in words."""
    gates = [line for line in render_markdown(report(**why)).splitlines() if "≤" in line]
    assert len(gates) == 2
    assert all(line.startswith("| ⚪ ") and "not judged" in line for line in gates)


def test_a_gate_that_was_not_measured_is_marked():
    """In a run that is invalid because of it, the gate on what the service does not give is the one to look at."""
    gates = (Gate("detection_lag_ms", "p95", 300, unit="ms"), Gate("operations", "lost", 0))
    text = render_text(report(gates=gates, not_measurable={"detection_lag_ms": WHOLE_SECONDS}))
    assert re.search(r"^detection_lag_ms p95 +≤ 300 ms +- +not measured ", text, re.MULTILINE)
    assert re.search(r"^operations lost +≤ 0 +0 +not judged$", text, re.MULTILINE)


def test_an_interrupted_run_does_not_ask_for_other_services():
    """After Ctrl-C the report does not list what the service would have to give for a gate."""
    gates = (Gate("detection_lag_ms", "p95", 300, unit="ms"),)
    some = report(gates=gates, not_measurable={"detection_lag_ms": WHOLE_SECONDS}, **INTERRUPTED)
    assert some.verdict_sentence == INTERRUPTED["interrupted"]
