"""The generator watches itself: a run that measured its generator is invalid, whatever the gates' results."""

import pytest

pytestmark = pytest.mark.thorough

GATES = "[operations]\nlost = 0\nerror_ratio = 0\n"
GENEROUS = ("--max-slip-ms", "60000", "--max-stall-ms", "60000")


@pytest.fixture
def passing_gates(tmp_path):
    """Return the arguments of gates that hold in any of these runs."""
    path = tmp_path / "gates.toml"
    path.write_text(GATES)
    return ("--gates", str(path))


def generator_note(run):
    """Return the line in which a run reports how its generator kept up."""
    return next(note for note in run.summary["notes"] if note.startswith("generator: "))


def test_an_overloaded_generator_makes_the_run_invalid(locust, passing_gates):
    """A scenario that holds up the event loop ends with 3 although all gates hold; the reason names the bound."""
    run = locust(*passing_gates, "--max-stall-ms", "200", run_time="2s", scenario="Hogging")
    assert run.operations["completed"] == run.operations["started"] > 0
    assert run.code == 3
    assert run.summary["verdict"] == "invalid"
    (reason,) = [reason for reason in run.summary["invalid"] if "stood still" in reason]
    assert reason.startswith("the generator did not keep up: its event loop stood still for ")
    assert "(allowed: 200 ms, --max-stall-ms)" in reason
    assert f"INVALID: {run.summary['invalid'][0]}" in run.out


def test_an_event_loop_that_is_often_late_makes_the_run_invalid(locust, passing_gates):
    """Stalls that are each within the bound are too many if the loop is late at p99."""
    run = locust(*passing_gates, *GENEROUS[2:], "--max-slip-ms", "50", run_time="2s", scenario="Hogging")
    assert run.code == 3
    assert any("its event loop behind time by " in reason for reason in run.summary["invalid"])


def test_the_bounds_can_be_set(locust, passing_gates):
    """The same overload is a pass where the bounds allow it, and its figures are still reported."""
    run = locust(*passing_gates, *GENEROUS, run_time="2s", scenario="Hogging")
    assert run.code == 0, run.out
    assert run.summary["invalid"] == []
    assert "longest stall " in generator_note(run)


def test_too_few_connections_are_reported(locust, stub, passing_gates):
    """Requests that wait for each other's connection are the generator's fault, and the reason states what to do."""
    stub.always(work_s=0.3)
    run = locust(*passing_gates, "--connections", "1", "--max-pool-wait-ms", "0", run_time="1s", scenario="Eager")
    assert run.code == 3
    (reason,) = run.summary["invalid"]
    assert "requests waited for a connection for " in reason
    assert reason.endswith("(allowed: 0 ms, --max-pool-wait-ms): allow more --connections")


def test_a_workers_overload_is_reported_by_its_name(locust, processes, passing_gates):
    """One overloaded worker makes the whole run invalid, and is named."""
    run = locust(*processes, *passing_gates, "--max-stall-ms", "200", run_time="2s", scenario="Hogging")
    assert run.code == 3
    assert any(
        reason.startswith("worker ") and "its event loop stood still" in reason for reason in run.summary["invalid"]
    )
