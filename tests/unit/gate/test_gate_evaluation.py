"""Gates: each figure against its limit, and the verdict on all."""

from dataclasses import replace

import pytest

from durable_harness.gate import (
    LATENCIES_MS,
    Gate,
    Histogram,
    Outcome,
    OutcomeCounts,
    RunSummary,
    Verdict,
    evaluate,
    verdict_on,
)
from durable_harness.gate.audit import Audit, AuditProblem
from durable_harness.gate.gates import not_measured


def summary(*, completion_ms=(), counts=None, elapsed_s=10.0, invalid=()):
    """Make a run's summary."""
    latencies = {name: Histogram() for name in LATENCIES_MS}
    for value in completion_ms:
        latencies["completion_ms"].record(value)
    counts = counts or OutcomeCounts(started=10, accepted=10, completed=9, lost=1)
    polls = Histogram(steps_per_unit=1)
    return RunSummary(counts, elapsed_s, latencies, polls, invalid=invalid, unexpected_answers=2)


def judge(gate, **run):
    """Judge one gate on a run."""
    return evaluate([gate], summary(**run))[0]


@pytest.mark.parametrize(
    ("statistic", "limit", "passed"),
    [("p50", 501, True), ("p50", 499, False), ("p90", 901, True), ("p99.9", 999, False), ("max", 1000, True)],
)
def test_a_percentile_must_not_exceed_its_limit(statistic, limit, passed):
    """A latency gate holds up to and including its limit, to the three digits of the histogram."""
    result = judge(Gate("completion_ms", statistic, limit), completion_ms=range(1, 1001))
    assert result.passed is passed


@pytest.mark.parametrize(
    ("statistic", "limit", "bound", "measured", "passed"),
    [
        ("error_ratio", 0.1, "at most", 0.1, True),
        ("error_ratio", 0.09, "at most", 0.1, False),
        ("lost", 0, "at most", 1, False),
        ("lost", 1, "at most", 1, True),
        ("unexpected_answers", 1, "at most", 2, False),
        ("unexpected_answers", 2, "at most", 2, True),
        ("throughput_per_s", 0.9, "at least", 0.9, True),
        ("throughput_per_s", 0.91, "at least", 0.9, False),
    ],
)
def test_figures_of_the_operations(statistic, limit, bound, measured, passed):
    """Errors are all that did not complete, of all started; throughput is what completed per second."""
    result = judge(Gate("operations", statistic, limit, bound))
    assert (result.measured, result.passed) == (pytest.approx(measured), passed)


@pytest.mark.parametrize(
    ("gate", "counts"),
    [
        (Gate("completion_ms", "p95", 1), OutcomeCounts(started=1, refused=1)),
        (Gate("unheard_of_ms", "p95", 1), OutcomeCounts(started=1, accepted=1, completed=1)),
        (Gate("operations", "error_ratio", 1), OutcomeCounts()),
        (Gate("operations", "throughput_per_s", 0.1, "at least"), OutcomeCounts()),
        (Gate("operations", "lost", 9), OutcomeCounts(started=1, refused=1)),
    ],
)
def test_nothing_measured_is_a_failure(gate, counts):
    """A gate without samples fails and says so: a run that measured nothing must not pass."""
    result = judge(gate, counts=counts)
    assert (result.passed, result.measured) == (False, None)
    assert result.note


@pytest.mark.parametrize("metric", ["detection_lag_ms", "finish_ms", "execution_ms", "actions_per_operation"])
def test_what_the_service_does_not_give_is_not_measured(metric):
    """A gate on it neither holds nor fails: the run is invalid, and gives the reason and what would measure it."""
    run = replace(summary(), not_measurable={metric: "the service reports whole seconds"})
    (result,) = results = evaluate([Gate(metric, "max", 1)], run)
    assert (result.outcome, result.passed, result.failed) == (Outcome.NOT_MEASURED, False, False)
    assert verdict_on(run, results) is Verdict.INVALID
    (sentence,) = not_measured(results)
    assert sentence.startswith(f"not measured: {metric} max (the service reports whole seconds): ")
    assert "run the app on the embedded stack, without --host" in sentence


def test_without_completions_nothing_is_asked_of_a_service():
    """A gate on a figure of the server fails like any other if no operation completed."""
    failed = summary(counts=OutcomeCounts(started=1, accepted=1, failed=1))
    (result,) = evaluate([Gate("finish_ms", "max", 1)], failed)
    assert result.failed


def test_a_failed_gate_beside_an_unmeasured_one_proves_nothing():
    """Neither a pass nor a failure of other gates makes a verdict of a run that lacks what a gate is about."""
    run = summary(completion_ms=[50])
    for limit in (100, 1):
        gates = [Gate("completion_ms", "max", limit), Gate("finish_ms", "max", 9)]
        assert verdict_on(run, evaluate(gates, run)) is Verdict.INVALID


def test_costs_are_judged_by_percentile_and_mean():
    """What an operation costs has a histogram of its own; one that only some operations have is noted as such."""
    run, actions = summary(), Histogram(steps_per_unit=1)
    for value in (5, 5, 7):
        actions.record(value)
        run.polls_per_operation.record(1)
    run.polls_per_operation.record(1)
    run = replace(run, costs={"actions_per_operation": actions})
    gates = [Gate("actions_per_operation", statistic, 6) for statistic in ("p50", "max", "mean")]
    results = evaluate(gates, run)
    assert [result.measured for result in results] == [5, 7, pytest.approx(17 / 3)]
    assert [result.passed for result in results] == [True, False, True]
    assert results[1].note == "known of 3 of 4 operations"


def test_a_percentile_of_too_few_samples_is_reported():
    """A p99 of ten samples is their highest; the note says so."""
    result = judge(Gate("completion_ms", "p99", 100), completion_ms=range(10))
    assert (result.measured, result.note) == (9, "the highest of only 10 samples")
    assert judge(Gate("completion_ms", "p50", 100), completion_ms=range(10)).note == ""


@pytest.mark.parametrize(
    ("limits", "invalid", "verdict", "code"),
    [
        ([100], (), Verdict.PASSED, 0),
        ([100, 1], (), Verdict.FAILED, 1),
        ([100], ("a worker vanished",), Verdict.INVALID, 3),
        ([1], ("a worker vanished",), Verdict.INVALID, 3),
        ([], (), Verdict.UNJUDGED, None),
    ],
)
def test_the_verdict_and_its_exit_code(limits, invalid, verdict, code):
    """All gates must hold; an invalid run is neither pass nor failure; without gates there is no verdict."""
    run = summary(completion_ms=[50], invalid=invalid)
    results = evaluate([Gate("completion_ms", "p50", limit) for limit in limits], run)
    assert verdict_on(run, results) is verdict
    assert verdict.exit_code == code


@pytest.mark.parametrize("invalid", [(), ("a worker vanished",)])
@pytest.mark.parametrize("limits", [[100], [1], []])
def test_an_interrupted_run_has_no_other_verdict(limits, invalid):
    """Whatever the gates' results, and whether it was valid: a run that a signal ended is interrupted, with 130."""
    run = replace(summary(completion_ms=[50], invalid=invalid), interrupted="after 3.0 s of a run time of 60 s")
    verdict = verdict_on(run, evaluate([Gate("completion_ms", "p50", limit) for limit in limits], run))
    assert (verdict, verdict.exit_code) == (Verdict.INTERRUPTED, 130)


@pytest.mark.parametrize(
    ("audit", "measured", "outcome", "note"),
    [
        (Audit("asked", counts={AuditProblem.STUCK: 2}), 2, Outcome.FAILED, ""),
        (Audit("asked", counts={AuditProblem.LOST: 2}), 0, Outcome.PASSED, ""),
        (Audit("asked", incomplete="it is gone"), None, Outcome.NOT_MEASURED, "the audit is incomplete: it is gone"),
        (
            Audit("asked", counts={AuditProblem.STUCK: 1}, incomplete="it is gone"),
            1,
            Outcome.FAILED,
            "at least: the audit is incomplete: it is gone",
        ),
        (
            Audit("asked", not_checked={AuditProblem.STUCK: "nobody looked"}),
            None,
            Outcome.NOT_MEASURED,
            "nobody looked",
        ),
        (None, None, Outcome.NOT_MEASURED, "there was no audit: --audit off"),
    ],
)
def test_an_inconclusive_audit_breaks_and_holds_no_gate(audit, measured, outcome, note):
    """A gate on the audit counts what it found. What it did not look at is not measured, with the reason."""
    gate = Gate("audit", "stuck", 0)
    counts = OutcomeCounts(started=1, accepted=1)
    run = RunSummary(counts, 1.0, {}, Histogram(steps_per_unit=1), audit=audit, no_audit="" if audit else "--audit off")
    (result,) = evaluate([gate], run)
    assert (result.measured, result.outcome, result.note) == (measured, outcome, note)


def test_nothing_accepted_fails_a_gate_on_the_audit():
    """Where no start was accepted there is nothing to audit, which is no success of the service."""
    run = RunSummary(
        OutcomeCounts(started=1), 1.0, {}, Histogram(steps_per_unit=1), no_audit="no operation was accepted"
    )
    (result,) = evaluate([Gate("audit", "lost", 0)], run)
    assert (result.outcome, result.note) == (Outcome.FAILED, "no operation was accepted")


@pytest.mark.parametrize(("limit", "verdict"), [(1, Verdict.FAILED), (100, Verdict.INVALID)])
def test_an_inconclusive_audit_hides_no_failure(limit, verdict):
    """A run whose service broke down fails by its other gates, although the service could not be audited either."""
    run = replace(summary(completion_ms=[50]), counts=OutcomeCounts(started=1, accepted=1), no_audit="--audit off")
    gates = [Gate("completion_ms", "max", limit), Gate("audit", "lost", 0)]
    assert verdict_on(run, evaluate(gates, run)) is verdict
