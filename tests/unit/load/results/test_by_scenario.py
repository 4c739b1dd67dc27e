"""Results by scenario: each operation in its own, the whole merged from them, gates and reports of both."""

import json
import re

import pytest

from durable_harness.errors import UsageError
from durable_harness.gate import Gate, GateFileError, Outcome, broken_for_good, evaluate, load_gates
from durable_harness.gate.audit import Audit, AuditProblem, ScenarioAudit
from durable_harness.gate.gatefile import check_scenarios
from durable_harness.gate.gates import gates_of, left_out
from durable_harness.gate.report import (
    Report,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_openmetrics,
    render_text,
)
from durable_harness.load.audit.ledger import AtServer, Ledger, LedgerEntry
from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally
from durable_harness.operations import OperationState
from durable_harness.operations.wire import Phase
from tallies import across_processes, record, run_of

FAST = [record(scenario="Fast", lasted=1.0, polls=1) for _ in range(9)]
SLOW = [
    record(scenario="Slow", lasted=30.0, polls=7, server_updated_epoch_s=1_000_128.0),
    record(OperationState.FAILED, scenario="Slow", lasted=5.0, error="it broke"),
    record(OperationState.TIMED_OUT, scenario="Slow", lasted=60.0),
    record(OperationState.LOST, scenario="Slow"),
    record(OperationState.REFUSED, scenario="Slow", error="HTTP 404"),
]


def summary_of(*records, **more):
    """Sum a run up."""
    return summarize_run(run_of(*records), **more)


def report_of(*records, gates=()):
    """Make the report of a run."""
    summary = summary_of(*records)
    return Report(summary, evaluate(gates, summary), "http://host", tuple(summary.scenarios))


def test_each_scenario_has_all_figures():
    """A scenario's counts, percentiles, polls, lags and reasons are those of its operations alone."""
    run = run_of(*FAST, *SLOW)
    run.polled(SLOW[0], 5.0, "HTTP 500")
    scenarios = summarize_run(run).scenarios
    fast, slow = scenarios["Fast"], scenarios["Slow"]
    assert (fast.counts.completed, fast.counts.errors, fast.reasons) == (9, 0, ())
    ends = (slow.counts.completed, slow.counts.failed, slow.counts.timed_out, slow.counts.lost, slow.counts.refused)
    assert ends == (1, 1, 1, 1, 1)
    assert fast.latencies_ms["completion_ms"].max == pytest.approx(1000)
    assert slow.latencies_ms["completion_ms"].percentile(50) == pytest.approx(30_000, rel=0.001)
    assert (fast.polls_per_operation.mean, slow.polls_per_operation.max) == (1, 7)
    assert (fast.polls, slow.polls, slow.failed_polls) == (0, 1, 1)
    assert (fast.latencies_ms["detection_lag_ms"].count, slow.latencies_ms["detection_lag_ms"].max) == (0, 2000)
    assert {reason.reason for reason in slow.reasons} >= {"it broke", "HTTP 404"}


def test_the_whole_is_its_scenarios():
    """What the scenarios add up to is what the run has, and their throughputs add up to the run's."""
    run = summary_of(*FAST, *SLOW)
    parts = run.scenarios.values()
    assert run.counts.started == sum(part.counts.started for part in parts) == 14
    assert run.throughput_per_s == pytest.approx(sum(part.throughput_per_s for part in parts))
    completion = run.latencies_ms["completion_ms"]
    assert completion.count == sum(part.latencies_ms["completion_ms"].count for part in parts)
    assert (completion.percentile(50), completion.max) == (pytest.approx(1000, rel=0.001), 60_000)


def test_processes_are_merged_by_scenario():
    """Percentiles over processes are those of all operations of a scenario, not a mean of two percentiles."""
    split = summarize_run(across_processes(run_of(*FAST[:4], *SLOW[3:]), run_of(*SLOW[:3], *FAST[4:])))
    together = summary_of(*FAST, *SLOW)
    for name, one in together.scenarios.items():
        assert split.scenarios[name].counts == one.counts
        for latency, histogram in one.latencies_ms.items():
            assert list(split.scenarios[name].latencies_ms[latency].buckets()) == list(histogram.buckets())


def test_a_scenario_that_did_nothing_is_shown():
    """A scenario of the run without a single operation has its row; only the run as a whole can be invalid."""
    run = summary_of(*FAST, expected=["Fast", "Idle"])
    assert (run.scenarios["Idle"].counts.started, run.invalid) == (0, ())
    assert re.search(r"^Idle +0 ", render_text(Report(run)), re.MULTILINE)


def test_scenarios_get_the_times_of_histories():
    """A cost that was read after the run is in the figures of the operation's scenario."""
    run = run_of(*FAST)
    known = record(scenario="Fast", actions={"activity": 3})
    assert run.lacks
    run.learn([(FAST[0], known)])
    assert summarize_run(run).scenarios["Fast"].costs["actions_per_operation"].max == 3


def test_remarks_and_warnings_are_of_the_run():
    """What a process reports is a note of the run, and makes no scenario."""
    run = RunTally()
    run.warned(["a long history"])
    summary = summarize_run(across_processes(run))
    assert summary.scenarios == {}
    assert "near a limit: a long history" in summary.notes


def gates_from(tmp_path, text):
    """Read a gates file."""
    path = tmp_path / "gates.toml"
    path.write_text(text)
    return load_gates(path)


def test_gates_of_a_scenario_take_the_keys_of_the_whole(tmp_path):
    """Every table may stand under a scenario, and is judged by that scenario's figures."""
    tables = ("[{0}completion_ms]\np95 = 2000\n[{0}operations]\nerror_ratio = 0.1\nthroughput_per_s = 0.1\n", "")
    gates = gates_from(tmp_path, tables[0].format("") + tables[0].format("scenario.Fast."))
    assert [gate.scenario for gate in gates] == ["", "", "", "Fast", "Fast", "Fast"]
    assert [gate.name for gate in gates][::3] == ["completion_ms p95", "Fast completion_ms p95"]
    outcomes = [result.outcome for result in evaluate(gates, summary_of(*FAST, *SLOW))]
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.PASSED, *[Outcome.PASSED] * 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[scenario.Fast.completionms]\np95 = 1", r"scenario\.Fast\.completionms: is not a metric\n.*completion_ms\?"),
        ("[scenario.Fast.completion_ms]\np95 = -1", r"scenario\.Fast\.completion_ms\.p95: got -1"),
        ("[scenario.completion_ms]\np95 = 1", r"scenario\.completion_ms: lacks the scenario\n.*scenario\.NAME\."),
        ("[scenario]\nFast = 1", r"scenario\.Fast: got 1, expected a table"),
        ("[scenario.Fast.relative.finish_ms]\np95 = 2", r"scenario\.Fast\.relative: is not a metric"),
        ("[scenario.Fast.audit]\nunknown = 0", r"scenario\.Fast\.audit\.unknown: is nothing that an audit counts"),
    ],
)
def test_a_bad_gate_of_a_scenario_is_named(tmp_path, text, message):
    """A mistake in a scenario's table is named with its whole key, what came and what is allowed."""
    with pytest.raises(GateFileError, match=message):
        gates_from(tmp_path, text)


def test_a_gate_of_an_unknown_scenario_is_refused(tmp_path):
    """A scenario that no file defines is named with those that are known; the exit code is that of a bad file."""
    path = tmp_path / "gates.toml"
    gates = [Gate("completion_ms", "p95", 1, scenario="Fats")]
    with pytest.raises(
        UsageError, match=r"scenario\.Fats: .*\n.*Did you mean Fast\? Expected one of Fast, Slow"
    ) as refused:
        check_scenarios(path, gates, ["Slow", "Fast"])
    assert refused.value.exit_code == 2
    check_scenarios(path, [Gate("completion_ms", "p95", 1, scenario="Fast")], ["Fast"])


def test_gates_of_scenarios_that_take_no_part_are_left_out():
    """One gates file serves runs of some of its scenarios; what does not apply is reported, not failed."""
    gates = [Gate("completion_ms", "p95", 1, scenario=name) for name in ("", "Fast", "Slow")]
    assert [gate.scenario for gate in gates_of(["Fast"], gates)] == ["", "Fast"]
    assert left_out(["Fast"], gates) == ["the gates of Slow are left out: it takes no part in this run"]


def test_a_broken_gate_of_a_scenario_ends_a_run_early():
    """A maximum that one scenario has broken is broken permanently, whatever the others do."""
    gates = [Gate("completion_ms", "max", 2000, scenario=name) for name in ("Fast", "Slow", "Absent")]
    assert broken_for_good(gates, summary_of(*FAST, *SLOW), None) == (gates[1],)


def test_an_audit_is_known_by_scenario():
    """Problems and confirmations count for the scenario whose record they are of; what has no record for none."""
    accepted = {
        "a": LedgerEntry("ta", "completed", 1.0, "a", scenario="Fast"),
        "b": LedgerEntry("tb", "completed", 1.0, "b", scenario="Slow"),
        "c": LedgerEntry("tc", "timed out", None, "c", scenario="Slow"),
    }
    ledger = Ledger(accepted)
    ledger.note(AtServer("a", Phase.SUCCEEDED, "Completed", token="ta"))
    ledger.note(AtServer("a2", Phase.SUCCEEDED, "Completed", token="ta"))
    ledger.note(AtServer("c", Phase.RUNNING, "Running", token="tc"))
    ledger.note(AtServer("x", Phase.SUCCEEDED, "Completed", token="tx"))
    ledger.lost("b", "unknown")
    audit = ledger.close("by hand", 1.0)
    fast, slow = audit.of_scenario("Fast"), audit.of_scenario("Slow")
    assert (fast.accepted, fast.confirmed, fast.counts) == (1, 1, {AuditProblem.DUPLICATED: 1})
    assert (slow.accepted, slow.confirmed, slow.counts) == (2, 0, {AuditProblem.LOST: 1, AuditProblem.STUCK: 1})
    assert {finding.instance_id for finding in slow.findings} == {"b", "c"}
    assert audit.counts[AuditProblem.UNRECORDED] == 1
    run = summary_of(*FAST, *SLOW, audit=audit)
    gates = [Gate("audit", "stuck", 0, scenario=name) for name in ("Fast", "Slow")]
    assert [result.outcome for result in evaluate(gates, run)] == [Outcome.PASSED, Outcome.FAILED]


def test_an_audits_possible_misses_may_be_in_any_scenario():
    """An incomplete audit proves nothing for any scenario."""
    audit = Audit("m", 2, 1, incomplete="it was stopped", scenarios={"Fast": ScenarioAudit(1, 1)})
    run = summary_of(*FAST, *SLOW, audit=audit)
    (result,) = evaluate([Gate("audit", "lost", 0, scenario="Fast")], run)
    assert (result.outcome, "stopped" in result.note) == (Outcome.NOT_MEASURED, True)


GATES = (
    Gate("completion_ms", "p95", 1400, unit="ms", scenario="Fast"),
    Gate("completion_ms", "p95", 1400, unit="ms", scenario="Slow"),
)


def test_the_json_has_the_figures_of_each_scenario():
    """`scenarios` has by name the keys that the run has for all of them, with histograms that can be merged."""
    document = json.loads(render_json(report_of(*FAST, *SLOW, gates=GATES)))
    assert list(document["scenarios"]) == ["Fast", "Slow"]
    for one in document["scenarios"].values():
        assert one.keys() < document.keys()
        assert one["latencies"].keys() == document["latencies"].keys()
    assert document["scenarios"]["Slow"]["operations"]["lost"] == 1
    assert document["scenarios"]["Slow"]["latencies"]["completion_ms"]["p50"] == pytest.approx(30_000, rel=0.001)
    assert [(gate["scenario"], gate["passed"]) for gate in document["gates"]] == [("Fast", True), ("Slow", False)]


def test_the_text_has_a_row_for_each_scenario():
    """The terminal shows each scenario beside all together, and whose a reason is."""
    text = render_text(report_of(*FAST, *SLOW, gates=GATES))
    assert re.search(r"^Fast +9 +9 +0 ", text, re.MULTILINE)
    assert re.search(r"^all together +14 +10 ", text, re.MULTILINE)
    assert "1 x it broke (Slow 1)\n" in text
    assert re.search(r"^Slow completion_ms p95 +≤ 1,400 ms .* FAIL ", text, re.MULTILINE)


def test_other_forms_show_scenarios():
    """Markdown has the table, JUnit the scenario in a gate's class, OpenMetrics families by scenario."""
    report = report_of(*FAST, *SLOW, gates=GATES)
    assert re.search(r"^\| Slow \| 5 \| 1 \|", render_markdown(report), re.MULTILINE)
    assert 'classname="gates.Slow.completion_ms"' in render_junit(report)
    metrics = render_openmetrics(report)
    assert 'durable_harness_scenario_operations{target="http://host",scenario="Fast",state="completed"} 9' in metrics
    assert re.search(r'scenario_completion_seconds\{.*scenario="Slow",quantile="0.5"\} 30', metrics)


def test_the_page_has_tables_and_plots_of_each_scenario():
    """The page has a row for each scenario, and its plots with its own gates to unfold."""
    page = render_html(report_of(*FAST, *SLOW, gates=GATES))
    assert re.search(r"<td[^>]*>Fast</td><td[^>]*>9</td><td[^>]*>9</td>", page)
    assert page.count("<details>") == 2
    assert "gate p95 ≤ 1,400 ms" in page.split("<summary>Fast")[1].split("</details>")[0]


@pytest.mark.parametrize("render", [render_text, render_html, render_markdown])
def test_an_only_scenario_is_not_shown_twice(render):
    """With one scenario its figures are those of the run, and there is no second table of them."""
    assert "all together" not in render(report_of(*FAST))


@pytest.mark.parametrize("render", [render_text, render_html, render_markdown, render_junit, render_openmetrics])
def test_names_of_scenarios_are_no_markup(render):
    """A scenario may be called by any name that a class can be made with."""
    records = [record(scenario="A<i>|"), record(scenario="B\x1b[2J")]
    text = render(report_of(*records))
    assert "<i>" not in text or render in (render_text, render_openmetrics)
    assert "\x1b" not in text
