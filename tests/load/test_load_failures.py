"""Operations that go wrong: each is counted once, under its own name, with its reason."""

import math
import re

import pytest
from stub_server import Behaviour

pytestmark = pytest.mark.thorough


def reasons(run):
    """The reasons of the report, each with its state."""
    return {(reason["state"], reason["reason"]) for reason in run.summary["reasons"]}


def test_each_way_to_fail_has_its_name_and_reason(locust, stub):
    """Refused, failed, wrong, lost and never ending operations are told apart, and together are the errors."""
    stub.in_turn(
        Behaviour(),
        Behaviour(refuse=503),
        Behaviour(outcome="Failed"),
        Behaviour(wrong_output=True),
        Behaviour(lost=True),
        Behaviour(work_s=math.inf),
    )
    run = locust("-u", "12", "--operation-timeout", "0.4")
    assert run.code == 1
    assert reasons(run) == {
        ("refused", 'start refused: 503 {"error": "the stub refuses"}'),
        ("failed", "operation Failed: the activity raised"),
        ("wrong output", "wrong output: output.data is not what was sent"),
        ("lost", "lost: accepted, then 404 on its status"),
        ("timed out", "timed out: not terminal after 0.4 s"),
    }
    counts = run.operations
    ends = ("completed", "refused", "failed", "wrong_output", "lost", "timed_out")
    assert all(counts[name] for name in ends)
    assert sum(counts[name] for name in ends) == counts["started"]
    assert counts["accepted"] == counts["started"] - counts["refused"] == stub.accepted
    assert run.summary["error_ratio"] == pytest.approx(1 - counts["completed"] / counts["started"])
    errors = dict(re.findall(r"OP (?:start|completion): OperationError\(.(\w+).*?\) *$()", run.err, re.MULTILINE))
    assert set(errors) == {"start", "operation", "wrong", "lost", "timed"}


def test_a_time_out_counts_in_the_percentiles(locust, stub):
    """An operation that timed out is in the completion times with what it had lasted at least."""
    stub.always(work_s=math.inf)
    run = locust("-u", "12", "--operation-timeout", "0.5")
    completion = run.summary["latencies"]["completion_ms"]
    assert completion["count"] == run.operations["timed_out"] == run.operations["started"]
    assert completion["min"] >= 500


def test_busy_polls_are_tried_again(locust, stub):
    """A poll that is answered 503 fails as a poll; the operation goes on and completes."""
    stub.always(busy_polls=2)
    run = locust()
    assert run.operations["completed"] == run.operations["started"] == stub.accepted
    assert run.summary["failed_polls"] == 2 * stub.accepted
    assert "had no usable answer" in run.out


def test_a_start_without_an_answer_is_unreachable(locust, stub):
    """A server that closes the connection instead of answering a start is unreachable: nothing was refused or lost."""
    stub.in_turn(Behaviour(), Behaviour(hang_up=True))
    run = locust()
    assert run.operations["unreachable"] == run.operations["started"] - stub.accepted
    assert run.operations["completed"] == run.operations["accepted"] == stub.accepted
    assert {state for state, _ in reasons(run)} == {"unreachable"}


def test_what_is_wrong_with_the_servers_times_is_told(locust, stub):
    """Lags below zero (clocks differ) and lags from whole seconds are kept as they are, and notes say so."""
    stub.in_turn(Behaviour(clock_error_s=5), Behaviour(coarse_times=True))
    run = locust()
    lag = run.summary["latencies"]["detection_lag_ms"]
    assert lag["count"] == run.operations["completed"]
    assert lag["min"] == pytest.approx(-4950, abs=150)
    assert lag["max"] >= 0
    assert 0 < run.summary["coarse_lags"] < run.operations["completed"]
    assert "the clocks here and at the server differ" in run.out
    assert f"{run.summary['coarse_lags']} detection lags come from times in whole seconds" in run.out
