"""The report's forms for CI and monitoring: JUnit XML, Markdown and OpenMetrics say what the summary shows."""

import json
import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from durable_harness.gate import FailureReason, Gate, Histogram, TimeSplit
from durable_harness.gate.audit import Audit, AuditFinding, AuditProblem
from durable_harness.gate.gates import GateResult, Outcome
from durable_harness.gate.measurable import NO_COSTS, WHOLE_SECONDS
from durable_harness.gate.report import (
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_openmetrics,
    render_text,
)
from durable_harness.load.results.progress import progress_line
from durable_harness.load.results.reporting import write_report
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationState
from tallies import record, tally_of
from test_gate_report import report

EVIL = 'a|b\n<script> "q" \\ `c`\x00'
AUDIT = Audit("by a paged query", accepted=100, confirmed=98, counts={AuditProblem.LOST: 2}, elapsed_s=0.5)


def suite_of(some):
    """Return the one test suite of a report."""
    return ET.fromstring(render_junit(some)).find("testsuite")


def test_each_gate_is_a_test_case():
    """A CI system sees a test case per gate: the ones that hold pass, the others fail with figure and limit."""
    suite = suite_of(report())
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "time": "60.000",
    }
    failed, passed = suite.findall("testcase")
    assert (failed.get("classname"), failed.get("name")) == ("gates.completion_ms", "completion_ms p95 ≤ 500 ms")
    assert re.fullmatch(r"completion p95 95\d ms > 500 ms", failed.find("failure").get("message"))
    assert list(passed) == []


def test_gates_of_an_invalid_run_are_skipped():
    """A run that proves nothing is an error of its own in JUnit, and none of its gates passes or fails."""
    suite = suite_of(report(invalid=(f"a worker vanished {EVIL}",)))
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "2")
    assert "a worker vanished" in suite.find("testcase/error").get("message")


def test_gates_of_an_interrupted_run_are_skipped():
    """So are those of a run that a signal ended; the reasons why it would be invalid anyway stand beside that."""
    some = report(interrupted="after 3.0 s of a run time of 60 s", invalid=("a worker vanished",))
    suite = suite_of(some)
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "2")
    error = suite.find("testcase/error")
    assert error.attrib == {
        "type": "interrupted run",
        "message": "after 3.0 s of a run time of 60 s; a worker vanished",
    }
    assert "⏹️ Load run interrupted: after 3.0 s" in render_markdown(some)
    assert suite.findall("testcase/skipped")[0].get("message") == "the run was interrupted"


def test_the_markdown_shows_verdict_gates_and_audit():
    """The CI summary has the verdict in its heading, a row per gate, the latencies and what the audit found."""
    text = render_markdown(report(audit=AUDIT))
    assert re.match(r"### ❌ Load run failed: completion p95 95\d ms \\> 500 ms; lost 2 \\> 0\n", text)
    assert re.search(r"^\| ❌ \| `completion_ms p95` \| ≤ 500 ms \| 95\d ms \|", text, re.MULTILINE)
    assert re.search(
        r"^\| ✅ \| `operations lost` \| ≤ 0 \| 2|^\| ❌ \| `operations lost` \| ≤ 0 \| 2", text, re.MULTILINE
    )
    assert "⚠️ Audit: 98 of 100 accepted operations" in text
    assert re.search(r"^\| completion \(ms\) \| 100 \|", text, re.MULTILINE)


def unmeasured():
    """Make the report of a run whose service gives whole seconds, with a gate on what that does not show."""
    reasons = dict.fromkeys(("finish_ms", "detection_lag_ms"), WHOLE_SECONDS) | {"actions_per_operation": NO_COSTS}
    clocks = {"completion_ms": "the generator's clock", "start_ms": "the generator's clock"}
    return report(gates=(Gate("detection_lag_ms", "p95", 300, unit="ms"),), not_measurable=reasons, clocks=clocks)


def costly():
    """Make the report of a run whose costs are known."""
    actions = Histogram(steps_per_unit=1)
    for _ in range(100):
        actions.record(5)
    kinds = {"orchestration": 100, "activity": 200, "result": 200}
    gates = (Gate("actions_per_operation", "max", 6),)
    sources = {"actions_per_operation": "counted by the scheduler"}
    return report(gates=gates, costs={"actions_per_operation": actions}, actions=kinds, clocks=sources)


@pytest.mark.parametrize("render", [render_text, render_html, render_markdown])
def test_what_is_not_measurable_is_explained(render):
    """Reports for people say so instead of a figure, and which clock the figures that there are are of."""
    text = " ".join(unescape(render(unmeasured())).replace("\\", "").split())
    assert "finish, detection lag: not measurable: the service reports whole seconds" in text
    assert f"actions per operation: not known: {NO_COSTS}" in text
    assert "not measured" in text
    assert "not measured: detection_lag_ms p95 (the service reports whole seconds): name finer times" in text
    assert re.search(r"the generator's clock\W+(?:[\w/]+\W+){0,2}start, completion", text)


def test_a_run_that_failed_has_no_reason_to_be_invalid():
    """Its audit could not look for one problem, and another gate broke: what was not measured is a gate's result."""
    broken = GateResult(Gate("completion_ms", "p95", 1.0, unit="ms"), 50.0, Outcome.FAILED)
    lacking = GateResult(Gate("audit", "wrong_output", 0.0), None, Outcome.NOT_MEASURED, "nothing was compared")
    failed, invalid = (replace(report(), results=results) for results in ((broken, lacking), (lacking,)))
    assert (failed.verdict.value, failed.invalid) == ("failed", ())
    document = json.loads(render_json(failed))
    assert (document["invalid"], document["gates"][1]["result"]) == ([], "not measured")
    assert invalid.invalid[0].startswith("not measured: audit wrong_output (nothing was compared)")


def test_programs_get_null_for_what_is_not_measurable():
    """JSON has null for such a figure and its gate's verdict, and the reason; metrics have no sample of it."""
    document = json.loads(render_json(unmeasured()))
    assert (document["verdict"], document["latencies"]["detection_lag_ms"]) == ("invalid", None)
    assert document["not_measurable"]["detection_lag_ms"] == WHOLE_SECONDS
    assert document["latencies"]["completion_ms"]["count"] == 100
    assert (document["gates"][0]["passed"], document["gates"][0]["result"]) == (None, "not measured")
    assert document["invalid"][0].startswith("not measured: detection_lag_ms p95")
    samples = samples_of(render_openmetrics(unmeasured()))
    assert not [name for name, _ in samples if "detection_lag" in name]
    assert ("durable_harness_gate_passed", 'gate="detection_lag_ms p95"') not in samples
    assert samples["durable_harness_gate_not_measured", 'gate="detection_lag_ms p95"'] == 1


def test_an_unmeasured_gate_is_skipped_with_the_reason():
    """JUnit shows neither a pass nor a failure of it; the run's own case has the error."""
    suite = suite_of(unmeasured())
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "1")
    assert suite.findall("testcase")[1].find("skipped").get("message") == f"not measured: {WHOLE_SECONDS}"


@pytest.mark.parametrize("render", [render_text, render_html, render_markdown])
def test_costs_are_shown_with_what_the_actions_are(render):
    """People see a row of the counts, and one line that says which actions they are and who counted."""
    text = " ".join(unescape(render(costly())).split())
    assert "actions per operation: 2 activity, 2 result, 1 orchestration (counted by the scheduler)" in text
    assert "not known" not in text


def test_costs_are_in_the_forms_for_programs():
    """JSON and metrics have the histogram of a cost, and the actions by kind."""
    document, samples = json.loads(render_json(costly())), samples_of(render_openmetrics(costly()))
    assert document["actions_per_operation"]["max"] == 5
    assert document["replayed_events_per_operation"] is None
    assert document["actions"]["activity"] == 200
    assert samples["durable_harness_actions_per_operation", 'quantile="1"'] == 5
    assert samples["durable_harness_actions", 'kind="activity"'] == 200
    assert samples["durable_harness_gate_passed", 'gate="actions_per_operation max"'] == 1


def test_the_heading_is_the_verdict_and_names_can_be_copied():
    """Names keep their underscores, and the reasons of an invalid run are a paragraph below the heading."""
    some = report(invalid=("not measured: completion_ms of __all__ workers",))
    assert render_markdown(some).startswith(
        "### ⚠️ Load run invalid\n\nnot measured: completion_ms of \\_\\_all\\_\\_ workers\n"
    )


def test_the_markdown_shows_how_many_operations_are_split():
    """The sentence on where the time went is one: the mean of the parts, then of how many operations it is."""
    split = TimeSplit()
    split.add((0.0, 10.0, 20.0, 500.0, 70.0), 600.0)
    text = render_markdown(report(split=split))
    assert "Where the time went, on average: start 10.0 ms (2%), queueing (from 202) 20.0 ms" in text
    assert "detection lag 70.0 ms (12%). 1 operations are split; their parts" in text


def test_the_terminal_does_not_list_other_peoples_operations():
    """Unknown operations are counted in the audit's sentence; the terminal names those that went wrong alone."""
    counts = {AuditProblem.LOST: 1, AuditProblem.UNKNOWN: 20}
    findings = (
        AuditFinding(AuditProblem.LOST, "ours"),
        *(AuditFinding(AuditProblem.UNKNOWN, f"theirs{n}") for n in range(20)),
    )
    text = render_text(report(audit=replace(AUDIT, counts=counts, findings=findings)))
    assert "  lost: ours\n" in text
    assert "theirs" not in text
    assert "and 20 more" not in text


def test_the_markdown_escapes_what_others_wrote():
    """Reasons and notes come from servers and users: they neither end a table's cell nor become markup."""
    text = render_markdown(report(reasons=(FailureReason("failed", EVIL, 1),), notes=(EVIL,)))
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert text.count("a\\|b \\<script\\>") == 2


def samples_of(text):
    """Parse OpenMetrics text: every line must be a sample of the family that was declared before it."""
    found, family = {}, None
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    for line in lines[:-1]:
        if line.startswith("# "):
            family = re.fullmatch(r"# (?:HELP|TYPE) (\w+) .+", line)[1]
            continue
        name, labels, value = re.fullmatch(r"(\w+)\{((?:\w+=\"(?:[^\"\\\n]|\\.)*\",?)*)\} (\S+)", line).groups()
        assert name.startswith(family)
        found[name, labels.partition(",")[2]] = float(value)
    return found


def test_metrics_are_those_of_the_summary():
    """Monitoring gets latencies in seconds, counts by state, gates, the verdict and the audit; names are declared."""
    samples = samples_of(render_openmetrics(report(audit=AUDIT)))
    assert samples["durable_harness_completion_seconds", 'quantile="0.5"'] == pytest.approx(0.5, rel=2e-3)
    assert samples["durable_harness_completion_seconds_count", ""] == 100
    assert samples["durable_harness_completion_seconds_sum", ""] == pytest.approx(50.5)
    assert samples["durable_harness_operations", 'state="completed"'] == 100
    assert samples["durable_harness_gate_passed", 'gate="completion_ms p95"'] == 0
    assert samples["durable_harness_gate_limit", 'gate="completion_ms p95"'] == 500
    assert samples["durable_harness_audit_operations", 'problem="lost"'] == 2
    verdicts = {labels: value for (name, labels), value in samples.items() if name == "durable_harness_verdict"}
    assert [labels for labels, value in verdicts.items() if value] == ['verdict="failed"']


def test_metrics_without_samples_have_no_quantiles():
    """A run in which nothing started still gives well-formed text, without figures that do not exist."""
    samples = samples_of(render_openmetrics(replace(report(0), target='ev"il\n')))
    assert ("durable_harness_completion_seconds", 'quantile="0.5"') not in samples
    assert samples["durable_harness_operations", 'state="started"'] == 0


def test_every_form_is_written_and_ci_gets_its_summary(tmp_path, monkeypatch):
    """A run leaves all forms in its folder, and appends the Markdown to the step's summary where there is one."""
    summary = tmp_path / "step.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    paths, problems = write_report(report(), tmp_path / "made" / "here")
    assert not problems
    assert [path.name for path in paths] == ["summary.json", "report.html", "summary.md", "junit.xml", "metrics.prom"]
    assert all(path.read_text() for path in paths)
    assert summary.read_text() == f"before\n{paths[2].read_text()}\n"


def test_a_step_summary_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch, caplog):
    """A CI system that names a place that does not exist gets a warning in the log, and the reports are there."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "missing" / "step.md"))
    assert not write_report(report(), tmp_path).problems
    assert "GITHUB_STEP_SUMMARY" in caplog.text


@pytest.mark.parametrize(
    ("elapsed_s", "bar"), [(0, f"▕{' ' * 16}▏"), (30, f"▕{'█' * 8}{' ' * 8}▏"), (90, f"▕{'█' * 16}▏")]
)
def test_the_progress_line_has_a_bar_of_the_run_time(elapsed_s, bar):
    """The bar is full when the run time is over, also while the rest is drained; without a run time there is none."""
    assert progress_line(Tally(), elapsed_s, 60).startswith(bar)
    assert progress_line(Tally(), elapsed_s).startswith(f"{elapsed_s:4.0f} s  started 0")


def test_progress_has_no_times_until_something_completed():
    """Times of operations that timed out are no completion times."""
    line = progress_line(tally_of(record(OperationState.TIMED_OUT)), 3.0)
    assert line.endswith("completed 0")
    assert progress_line(tally_of(record()), 3.0).endswith("completed 1, p50 2,000 ms, p95 2,000 ms")
