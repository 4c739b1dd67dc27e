"""What ends a run before its time: a gate that can hold no longer, or the last arrival."""

import pytest

from durable_harness.gate import AbortRule, Gate
from durable_harness.operations import OperationState
from tallies import record, run_of

GATES = (Gate("operations", "lost", 0), Gate("operations", "error_ratio", 0.5))
COMPLETED, FAILED, LOST = OperationState.COMPLETED, OperationState.FAILED, OperationState.LOST


class Clock:
    """A clock that is set by hand."""

    now = 0.0


@pytest.fixture
def ends(monkeypatch, import_unpatched):
    """Return the module, on a clock that stands; Locust is imported without patching the standard library."""
    module = import_unpatched("durable_harness.load.processes.early_ends")
    monkeypatch.setattr(module, "monotonic", lambda: Clock.now)
    monkeypatch.setattr(Clock, "now", 1000.0)
    return module


@pytest.fixture
def reason_at(ends):
    """Return reason_at(elapsed_s, *states): why such a run is ended then; None if it is not."""

    def find(elapsed_s, *states, run_time_s=None):
        total = run_of(*(record(state) for state in states))
        rule = AbortRule(grace_s=5.0, min_operations=3)
        Clock.now = 1000.0
        watch = ends.AbortWatch(rule, GATES, lambda: total, (10.0, run_time_s), lambda: None)
        Clock.now += elapsed_s
        try:
            return watch.find_reason()
        finally:
            watch.close()

    return find


def test_a_gate_that_can_hold_no_longer_ends_the_run(reason_at):
    """The reason has the moment and the gate."""
    assert reason_at(20.0, LOST, COMPLETED, COMPLETED) == (
        f"ended early, after 20 s: {GATES[0].name} can hold no longer"
    )


@pytest.mark.parametrize(("elapsed_s", "states"), [(14.9, [LOST] * 3), (20.0, [LOST] * 2), (20.0, [COMPLETED] * 9)])
def test_no_gate_ends_a_run_too_early(reason_at, elapsed_s, states):
    """Before warm-up and grace are over, with too few operations, or with no broken gate the run continues."""
    assert reason_at(elapsed_s, *states) is None


@pytest.mark.parametrize(("run_time_s", "elapsed_s", "is_ended"), [(30.0, 30.0, True), (30.0, 15.0, False)])
def test_a_ratio_is_judged_by_the_time_that_is_left(reason_at, run_time_s, elapsed_s, is_ended):
    """With all of the measured time over six failures of ten are final; with most of it to come they may be mended."""
    reason = reason_at(elapsed_s, *[FAILED] * 6, *[COMPLETED] * 4, run_time_s=run_time_s)
    assert (reason is not None) is is_ended


@pytest.mark.parametrize("run_time_s", [None, 10.0])
def test_without_a_set_end_no_ratio_ends_a_run(reason_at, run_time_s):
    """A run with no end, or that ends within its warm-up, may still mend any ratio."""
    assert reason_at(30.0, *[FAILED] * 10, run_time_s=run_time_s) is None


def test_the_last_arrival_ends_a_run(ends):
    """As long as arrivals come there is no reason to end it."""
    over = []
    watch = ends.LastArrivalWatch(lambda: bool(over), lambda: None)
    assert watch.find_reason() is None
    over.append(1)
    assert watch.find_reason() == ends.ALL_ARRIVED
    watch.close()
