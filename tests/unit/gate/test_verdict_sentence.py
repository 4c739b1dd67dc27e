"""The sentence of a verdict names the gates that failed, each with its figure and its limit."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from durable_harness.gate import Gate, OutcomeCounts
from durable_harness.gate.gates import GateResult, Outcome
from durable_harness.gate.report import render_html, render_json, render_junit, render_markdown, render_text
from durable_harness.gate.report.model import MOST_NAMED, broken_sentence
from durable_harness.gate.report.report_plots import _slices
from test_gate_report import report


def broken(metric, statistic, limit, measured, *, note="", **gate):
    return GateResult(Gate(metric, statistic, limit, **gate), measured, Outcome.FAILED, note)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (broken("completion_ms", "p99", 2000, 4812.3, unit="ms"), "completion p99 4,812 ms > 2,000 ms"),
        (broken("completion_ms", "p99", 2000, 2000.4, unit="ms"), "completion p99 2,000.4 ms > 2,000 ms"),
        (broken("operations", "error_ratio", 0.01, 0.0312), "errors 3.12 % > 1 %"),
        (broken("operations", "error_ratio", 0, 1.0), "errors 100 % > 0 %"),
        (broken("operations", "error_ratio", 0.01, 0.010001), "errors 1.0001 % > 1 %"),
        (broken("operations", "throughput_per_s", 5, 3.25, bound="at least", unit="/s"), "throughput 3.25/s < 5/s"),
        (broken("operations", "lost", 0, 3.0), "lost 3 > 0"),
        (broken("audit", "wrong_output", 0, 2.0), "wrong output (audit) 2 > 0"),
        (broken("polls_per_operation", "mean", 5, 7.25), "polls per operation mean 7.25 > 5"),
        (broken("actions_per_operation", "max", 6, 7.0), "actions per operation max 7 > 6"),
        (broken("poll_ms", "p95", 10, 12.0, unit="ms", scenario="Burst"), "Burst one poll p95 12.0 ms > 10 ms"),
    ],
)
def test_a_broken_gate_has_figure_and_limit(result, words):
    """Each kind of gate is in words, with units, and figure and limit are distinguished."""
    assert broken_sentence([result]) == words


def test_gates_without_a_figure_share_their_reason():
    """Where nothing was measured the verdict says that once."""
    lacking = [broken("completion_ms", f"p{percent}", 10, None, note="no samples", unit="ms") for percent in (50, 95)]
    words = "errors 100 % > 0 %; completion p50, completion p95 (no samples)"
    assert broken_sentence([*lacking, broken("operations", "error_ratio", 0, 1.0)]) == words


def test_many_broken_gates_are_counted():
    """A verdict stays one sentence: of many gates the first are named."""
    many = [broken("completion_ms", f"p{percent}", 1, 5.0, unit="ms") for percent in range(50, 60)]
    assert broken_sentence(many).endswith(f"; {len(many) - MOST_NAMED} more")
    assert broken_sentence(many).count(">") == MOST_NAMED


def test_every_form_has_the_same_sentence():
    """Text, page, Markdown, JSON and JUnit have one sentence."""
    some = report()
    words = some.verdict_sentence
    assert words.startswith("completion p95 95")
    assert words in render_text(some)
    assert words.replace(">", "&gt;") in render_html(some)
    assert words.replace(">", "\\>") in render_markdown(some)
    assert json.loads(render_json(some))["verdict_reason"] == words
    suite = ET.fromstring(render_junit(some)).find("testsuite")
    assert suite.find("properties/property[@name='verdict']").get("value") == f"failed: {words}"
    assert suite.find("testcase/failure").get("message") == words


def test_without_gates_the_sentence_explains_the_exit_code():
    """Locust's exit code for failures has a reason to read; without failures nothing is added."""
    fine = report(gates=())
    assert fine.verdict_sentence == "nothing was judged"
    failed = replace(
        fine, summary=replace(fine.summary, counts=OutcomeCounts(started=30, accepted=30, completed=25, failed=5))
    )
    assert failed.verdict_sentence == "nothing was judged; 5 of 30 operations did not complete"


def test_where_nothing_completed_there_are_no_completion_times():
    """Times of operations that timed out are no completion times: tiles and progress have none."""
    full = report(gates=())
    timed_out = replace(
        full, summary=replace(full.summary, counts=OutcomeCounts(started=100, accepted=100, timed_out=100))
    )
    tile = "<span>completion p50</span><strong>{}</strong>"
    assert tile.format("-") in render_html(timed_out)
    assert tile.format("-") not in render_html(full)


def test_a_report_names_its_part_of_the_run():
    """The time at its top is that of its figures; a warm-up before it is named."""
    whole = report()
    assert ", 60.0 s\n" in render_text(whole)
    warm = replace(whole, summary=replace(whole.summary, warm_up_s=3.0))
    assert ", 60.0 s after a warm-up of 3 s\n" in render_text(warm)


def test_plots_end_with_the_run():
    """The last slice of time, which the end of the run is in, is drawn until there and no further."""
    summary = replace(report(operations=3).summary, started_epoch_s=1_000_000.0, elapsed_s=3.3)
    assert [one.high for one in _slices(summary)] == [1.0, 2.0, 3.0, pytest.approx(3.3)]
