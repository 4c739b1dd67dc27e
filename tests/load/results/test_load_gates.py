"""Gates: they decide the exit code, and nothing that is not understood starts any load."""

import re
import shutil
import time

import pytest
from locust_process import SCENARIOS
from stub_server import Behaviour

pytestmark = pytest.mark.thorough

PASSING = """
[start_ms]
p95 = 1000
[completion_ms]
p50 = 2000
"p99.9" = 5000
max = 6000
[operations]
error_ratio = 0
lost = 0
throughput_per_s = 1
"""


@pytest.fixture
def gates_file(tmp_path):
    """Return gates_file(text): the path of a gates file with that text."""

    def write(text):
        path = tmp_path / "gates.toml"
        path.write_text(text)
        return str(path)

    return write


def verdicts(run):
    """The verdict of each gate in the JSON report."""
    return {gate["name"]: gate["passed"] for gate in run.summary["gates"]}


def test_gates_that_hold_end_with_zero(locust, gates_file):
    """Every gate is judged, the table shows them all, and the run passes."""
    run = locust("--gates", gates_file(PASSING))
    assert run.code == 0
    assert run.summary["verdict"] == "passed"
    assert len(verdicts(run)) == 7
    assert all(verdicts(run).values())
    assert "PASSED: all 7 gates hold" in run.out


def test_a_breach_ends_with_one(locust, gates_file, stub):
    """A gate that does not hold makes Locust exit with 1, and the table names it, with limit and figure."""
    stub.always(work_s=0.2)
    run = locust("--gates", gates_file("[completion_ms]\np50 = 100\nmax = 9000\n"))
    assert run.code == 1
    assert verdicts(run) == {"completion_ms p50": False, "completion_ms max": True}
    row = next(line for line in run.out.splitlines() if line.startswith("completion_ms p50"))
    assert row.split()[2:5] == ["≤", "100", "ms"]
    assert row.split()[-1] == "FAIL"
    assert re.search(r"^FAILED: completion p50 \d+ ms > 100 ms$", run.out, re.MULTILINE)


def test_failures_within_the_limit_pass(locust, gates_file, stub):
    """Gates, where there are any, decide alone: failures that they allow do not fail the run."""
    stub.always(outcome="Failed")
    run = locust("--gates", gates_file("[operations]\nerror_ratio = 1\n"))
    assert run.operations["failed"] == run.operations["started"]
    assert run.code == 0


def test_a_scenario_that_raises_does_not_pass(locust, gates_file):
    """Gates that hold do not hide a bug in the scenario: the exit code is Locust's for errors."""
    run = locust("--gates", gates_file(PASSING), scenario="Broken")
    assert run.code == 1
    assert "ZeroDivisionError: a bug of the scenario" in run.err
    assert "PASSED: all 7 gates hold" in run.out
    assert "The gates hold, but exceptions were raised" in run.err


def test_gates_lie_beside_the_scenarios(start_locust, stub, tmp_path):
    """Without --gates the gates.toml in the scenarios' folder applies."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(SCENARIOS / "quick.py", folder)
    (folder / "gates.toml").write_text("[completion_ms]\np50 = 1\n")
    run = start_locust("--headless", "--host", stub.url, "-t", "1s", "Few", scenarios=folder).wait()
    assert run.code == 1
    assert run.summary["gates_file"] == "mine/gates.toml"


def test_a_malformed_gates_file_starts_nothing(locust, gates_file, stub):
    """A gates file that is not understood ends with 2, names file and key, and the server hears nothing."""
    path = gates_file("[completion_ms]\np95 = '2 s'\n")
    run = locust("--gates", path)
    assert run.code == 2
    assert f"--gates: {path}: completion_ms.p95: got a string, expected milliseconds above 0" in run.err
    assert not stub.requests


ABORT = """
[completion_ms]
p50 = 50
[abort]
grace_s = 1
min_operations = 5
"""


def test_a_gate_that_can_hold_no_longer_ends_the_run(locust, gates_file, stub):
    """With [abort] a run that cannot pass any more ends long before its time, with 1, and names the gate."""
    stub.always(work_s=0.1)
    began = time.monotonic()
    run = locust("--gates", gates_file(ABORT), run_time="50s")
    assert run.code == 1
    assert time.monotonic() - began < 45
    assert run.summary["verdict"] == "failed"
    note = next(note for note in run.summary["notes"] if "ended early" in note)
    assert "completion_ms p50 can hold no longer" in note
    assert run.operations["timed_out"] == 0


def test_a_gate_that_breaks_late_cuts_nothing_short(locust, gates_file, stub):
    """Once the run's time is up there is nothing to end: what is in flight is followed to its end anyway."""
    stub.in_turn(Behaviour(work_s=4), Behaviour(work_s=0.1))
    run = locust("--gates", gates_file(ABORT.replace("= 5", "= 1")), run_time="1s")
    assert run.code == 1
    assert run.operations["completed"] == run.operations["started"] == stub.accepted > 2
    assert "FAILED" in run.out
    assert not [note for note in run.summary["notes"] if "ended early" in note]


def test_without_abort_a_run_continues_to_its_end(locust, gates_file, stub):
    """A gates file without [abort] judges a run when it is over."""
    stub.always(work_s=0.1)
    run = locust("--gates", gates_file("[completion_ms]\np50 = 50\n"), run_time="3s")
    assert run.code == 1
    assert not [note for note in run.summary["notes"] if "ended early" in note]


def test_polls_per_operation_have_gates(locust, gates_file, stub):
    """The cost of polling is gated like a latency: by a percentile, the maximum, or the mean."""
    stub.always(work_s=0.3)
    run = locust("--gates", gates_file("[polls_per_operation]\nmean = 1.5\nmax = 1000\n"))
    assert run.code == 1
    assert verdicts(run) == {"polls_per_operation mean": False, "polls_per_operation max": True}
