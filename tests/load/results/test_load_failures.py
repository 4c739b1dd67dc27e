"""Operations that go wrong: each is counted once, under its own name, with its reason."""

import math
import re

import pytest
from stub_server import Behaviour

from durable_harness.load.results.reporting import RENDERINGS

pytestmark = pytest.mark.thorough


def reasons(run):
    """The reasons of the report, each with its state."""
    return {(reason["state"], reason["reason"]) for reason in run.summary["reasons"]}


def test_each_way_to_fail_has_its_name_and_reason(locust, stub):
    """Refused, failed, wrong, lost and never ending operations are distinguished, and together are the errors."""
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
        ("refused", 'start refused: POST /api/async_http_api answered 503 {"error": "the stub refuses"}'),
        ("failed", "operation Failed: the activity raised"),
        ("wrong output", "wrong output: output.data is not what was asked for"),
        ("lost", "lost: accepted, then 404 on its status"),
        ("timed out", "timed out: not terminal after 0.4 s"),
    }
    counts = run.operations
    ends = ("completed", "refused", "failed", "wrong_output", "lost", "timed_out")
    assert all(counts[name] for name in ends)
    assert sum(counts[name] for name in ends) == counts["started"]
    assert counts["accepted"] == counts["started"] - counts["refused"] == stub.accepted
    assert run.summary["error_ratio"] == pytest.approx(1 - counts["completed"] / counts["started"])
    errors = dict(re.findall(r"OP Few completion: OperationError\(.(\w+).*?\) *$()", run.err, re.MULTILINE))
    assert set(errors) == {"start", "operation", "wrong", "lost", "timed"}


def test_a_time_out_counts_in_the_percentiles(locust, stub):
    """An operation that timed out is in the completion times with what it had lasted at least."""
    stub.always(work_s=math.inf)
    run = locust("-u", "12", "--operation-timeout", "0.5")
    completion = run.summary["latencies"]["completion_ms"]
    assert completion["count"] == run.operations["timed_out"] == run.operations["started"]
    assert completion["min"] >= 500


def test_busy_polls_are_tried_again(locust, stub):
    """A poll that is answered 503 fails as a poll; the operation continues and completes."""
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


def test_wrong_times_of_the_server_are_reported(locust, stub):
    """Lags below zero (clocks differ) are kept as they are, whole seconds make no lag, and notes report both."""
    stub.in_turn(Behaviour(clock_error_s=5), Behaviour(coarse_times=True))
    run = locust("--history-sample", "0")
    lag, coarse = run.summary["latencies"]["detection_lag_ms"], run.summary["coarse_lags"]
    assert lag["count"] == run.operations["completed"] - coarse
    assert lag["max"] == pytest.approx(-4950, abs=150)
    assert 0 < coarse < run.operations["completed"]
    assert "the clocks here and at the server differ" in run.out
    assert f"{coarse} operations have no detection lag: the service reports whole seconds" in run.out


def test_whole_seconds_are_no_detection_lag(locust, stub, tmp_path):
    """Where a service gives whole seconds only there is no lag in any form, and a gate on it makes the run invalid."""
    stub.always(coarse_times=True)
    gates = tmp_path / "gates.toml"
    gates.write_text("[detection_lag_ms]\np95 = 3000\n[actions_per_operation]\nmax = 9\n[completion_ms]\np95 = 9000\n")
    run = locust("--history-sample", "0", "--gates", str(gates))
    assert run.code == 3
    assert "detection lag: not measurable: the service reports whole seconds" in " ".join(run.out.split())
    assert "actions per operation: not known: " in run.out
    assert re.search(r"^detection_lag_ms p95 .* not measured", run.out, re.MULTILINE)
    assert (
        "INVALID: not measured: detection_lag_ms p95 (the service reports whole seconds): name finer times" in run.out
    )
    assert run.summary["latencies"]["detection_lag_ms"] is run.summary["actions_per_operation"] is None
    assert [gate["result"] for gate in run.summary["gates"]] == ["not measured", "not measured", "passed"]
    assert [gate["passed"] for gate in run.summary["gates"]] == [None, None, True]
    assert "OP       detection lag" not in run.err
    for name in ("report.html", "summary.md"):
        assert "not measurable: the service reports whole seconds" in (run.report_dir / name).read_text()


def test_a_sample_of_histories_makes_a_gate_measurable(locust, stub, tmp_path):
    """Lags and actions of the operations whose histories were read are figures, of that clock and that number."""
    stub.always(coarse_times=True)
    gates = tmp_path / "gates.toml"
    gates.write_text("[detection_lag_ms]\np95 = 3000\n[actions_per_operation]\nmax = 3\n")
    run = locust("--history-sample", "5", "--gates", str(gates))
    assert run.code == 0, run.out
    ended = run.operations["completed"]
    notes = [gate["note"] for gate in run.summary["gates"]]
    assert notes == [
        f"the highest of only 5 samples, known of 5 of {ended} operations",
        f"known of 5 of {ended} operations",
    ]
    assert run.summary["actions"] == {"orchestration": 5, "activity": 5, "result": 5}
    assert run.summary["clocks"]["detection_lag_ms"] == "the generator's clock and the clock of the histories"
    assert run.summary["latencies"]["finish_ms"]["p50"] == pytest.approx(105, abs=30)
    assert run.summary["replayed_events_per_operation"] is None


def test_text_without_bytes_fails_its_operation_alone(locust, stub):
    """Half a character in an id or a state is the failure of that operation, with a reason; all reports are whole."""
    stub.in_turn(Behaviour(odd_id="\ud800"), Behaviour(odd_word="Gone\ud800"), Behaviour(), Behaviour())
    run = locust("--operation-timeout", "1", "--audit", "off", run_time="2s")
    assert run.operations["completed"] >= run.operations["started"] / 2 - 4 > 0, run.err
    assert run.operations["unaccounted"] == 0
    assert "202 with an id that cannot be asked for" in run.out
    assert all((run.report_dir / name).stat().st_size for name in RENDERINGS)
    assert "Traceback" not in run.err
