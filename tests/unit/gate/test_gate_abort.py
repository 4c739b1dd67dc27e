"""Which gates can hold no longer: reported as soon as it is certain, and never before."""

from dataclasses import replace

import pytest

from durable_harness.gate import LATENCIES_MS, Gate, Histogram, OutcomeCounts, RunSummary, broken_for_good


def summary(values=(), counts=None, polls=()):
    """Make a run's summary with these completion times."""
    latencies = {name: Histogram() for name in LATENCIES_MS}
    for value in values:
        latencies["completion_ms"].record(value)
    counted = Histogram(steps_per_unit=1)
    for value in polls:
        counted.record(value)
    counts = counts or OutcomeCounts(started=len(values), accepted=len(values), completed=len(values))
    return RunSummary(counts, 10.0, latencies, counted)


P95 = Gate("completion_ms", "p95", 100)


@pytest.mark.parametrize(
    ("slow", "share_done", "broken"),
    [
        (5, 1.0, False),
        (6, 1.0, True),
        (6, 0.5, False),
        (15, 0.5, False),
        (16, 0.5, True),
        (100, 0.01, False),
        (100, 0.1, True),
        (100, None, False),
    ],
)
def test_a_percentile_is_broken_when_the_rest_cannot_mend_it(slow, share_done, broken):
    """With a hundred operations at half of the run, and twice the pace to come, 15 of 300 may be slow."""
    values = [50] * (100 - slow) + [200] * slow
    assert broken_for_good([P95], summary(values), share_done) == ((P95,) if broken else ())


@pytest.mark.parametrize(
    ("gate", "run"),
    [
        (Gate("completion_ms", "max", 100), summary([50, 101])),
        (Gate("polls_per_operation", "max", 3), summary([50], polls=[4])),
        (Gate("operations", "lost", 0), summary(counts=OutcomeCounts(started=9, accepted=9, completed=8, lost=1))),
    ],
)
def test_some_limits_are_broken_by_one(gate, run):
    """The maximum, and what was lost, cannot be mended: they need no known end of the run."""
    assert broken_for_good([gate], run, None) == (gate,)


def test_what_is_not_measured_breaks_nothing():
    """A gate on a figure that no operation has ends no run early; a cost beyond its maximum does."""
    gates = [Gate("detection_lag_ms", "max", 1), Gate("actions_per_operation", "max", 5)]
    assert broken_for_good(gates, summary([50]), 0.9) == ()
    actions = Histogram(steps_per_unit=1)
    actions.record(6)
    run = replace(summary([50]), costs={"actions_per_operation": actions})
    assert broken_for_good(gates, run, 0.9) == (gates[1],)


@pytest.mark.parametrize(("failed", "broken"), [(3, False), (4, True)])
def test_the_error_ratio_counts_what_is_still_to_come(failed, broken):
    """Operations in flight are no errors yet; 1 % of the 300 that there may be at the end is 3."""
    gate = Gate("operations", "error_ratio", 0.01)
    counts = OutcomeCounts(started=100, accepted=100, completed=90 - failed, failed=failed, unaccounted=10)
    assert bool(broken_for_good([gate], summary(counts=counts), 0.5)) is broken


def test_what_can_be_made_good_ends_nothing():
    """Throughput and a mean may still change until the run is over."""
    gates = [Gate("operations", "throughput_per_s", 1000, "at least"), Gate("polls_per_operation", "mean", 1)]
    assert broken_for_good(gates, summary([50] * 100, polls=[9] * 100), 1.0) == ()
