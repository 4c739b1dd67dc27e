"""How a run ends: what is in flight is followed to its end, for a bounded time, also on Ctrl-C."""

import math
import re
import time

import pytest
from locust_process import headless
from stub_server import Behaviour

pytestmark = pytest.mark.thorough


def test_operations_in_flight_are_followed_to_their_end(locust, stub):
    """Operations that outlast the run's time are followed until they complete; none is started meanwhile."""
    stub.always(work_s=2)
    run = locust(run_time="1s")
    assert run.operations == {"started": 4, "accepted": 4, "completed": 4}
    assert "Following 4 operations in flight to their end" in run.err


def test_what_outlasts_the_drain_timed_out(locust, stub):
    """An operation that does not end in the drain's time is timed out, with that reason, and not forgotten."""
    stub.in_turn(Behaviour(work_s=math.inf), Behaviour(work_s=1.2))
    run = locust("--drain-timeout", "1", run_time="1s")
    assert run.operations == {"started": 4, "accepted": 4, "completed": 2, "timed_out": 2}
    (reason,) = run.summary["reasons"]
    assert (reason["state"], reason["count"]) == ("timed out", 2)
    assert reason["reason"] == "timed out: still running 1 s after the end of the run"
    assert reason["example"].startswith("instance ")


def test_ctrl_c_drains_and_reports(start_locust, stub, wait_until):
    """Ctrl-C ends a run as its time does, but for the verdict: what is in flight is followed, then summed up."""
    stub.always(work_s=1)
    locust = start_locust(*headless(stub), "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations in flight")
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == 130, run.err
    assert run.operations["completed"] == run.operations["started"] == stub.accepted
    assert re.search(r"^INTERRUPTED: after \d+\.\d s of a run without a set run time$", run.out, re.MULTILINE)


def test_a_second_ctrl_c_gives_up(start_locust, stub, wait_until):
    """Ctrl-C while operations are followed gives them up at once, and the summary still accounts for them."""
    stub.always(work_s=math.inf)
    locust = start_locust(*headless(stub), "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations in flight")
    locust.press_ctrl_c()
    wait_until(lambda: "in flight to their end" in locust.err, "the drain to begin")
    pressed = time.monotonic()
    locust.press_ctrl_c()
    run = locust.wait()
    assert time.monotonic() - pressed < 10
    assert run.operations == {"started": 4, "accepted": 4, "timed_out": 4}
    assert run.summary["reasons"][0]["reason"] == "timed out: given up when the run was interrupted"


def test_ctrl_c_in_the_drain_of_a_run_whose_time_is_up_gives_up(start_locust, stub, wait_until):
    """The drain that follows a run's time can be cut short too, although another greenlet waits in it."""
    stub.always(work_s=math.inf)
    locust = start_locust(*headless(stub), "-t", "1s", "Quick")
    wait_until(lambda: "in flight to their end" in locust.err, "the drain to begin")
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.operations == {"started": 4, "accepted": 4, "timed_out": 4}
    assert run.code == 130
    assert "s of a run time of 1 s, while operations in flight were followed to their end" in run.out


def test_a_run_that_starts_nothing_is_invalid(locust, stub, tmp_path):
    """A run without operations proves nothing: exit code 3, whatever the gates' results."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[operations]\nlost = 0\n")
    run = locust("--gates", str(gates), "-u", "0", run_time="1s")
    assert run.code == 3
    assert "INVALID: no operation was started" in run.out
