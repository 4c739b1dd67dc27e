"""Runs of several scenarios: figures, records, gates and the audit agree on which operation is whose."""

from collections import Counter

import pytest
from locust_process import headless
from stub_server import Behaviour

from durable_harness.gate.records import read_operations

pytestmark = pytest.mark.thorough


@pytest.fixture
def gates_file(tmp_path):
    """Return gates_file(text): the path of a gates file with that text."""

    def write(text):
        path = tmp_path / "gates.toml"
        path.write_text(text)
        return str(path)

    return write


def by_scenario(rows, value):
    """Count rows by their scenario and a column."""
    return Counter((row["scenario"], row[value]) for row in rows)


def test_scenarios_are_put_together_from_all_processes(start_locust, stub, processes, gates_file):
    """Two workers' figures of each scenario are those of the records, and each scenario's gates are judged by them."""
    stub.in_turn(Behaviour(outcome="Failed"), Behaviour(), Behaviour())
    gates = gates_file(
        "[operations]\nlost = 0\n[scenario.Eager.operations]\nlost = 0\n[scenario.Quick.completion_ms]\np50 = 1\n"
        "[scenario.Few.completion_ms]\np50 = 1\n[scenario.Eager.audit]\nstuck = 0\n"
    )
    run = start_locust(*headless(stub), *processes, "--gates", gates, "-t", "2s", "Quick", "Eager").wait()
    assert run.code == 1, run.err
    rows = read_operations(run.report_dir).operations.to_pylist()
    scenarios = run.summary["scenarios"]
    assert set(scenarios) == {"Quick", "Eager"}
    assert sum(one["operations"]["started"] for one in scenarios.values()) == len(rows) == stub.accepted
    states, polls = by_scenario(rows, "state"), Counter()
    for row in rows:
        polls[row["scenario"]] += row["polls"]
    for name, one in scenarios.items():
        counts = one["operations"]
        assert (counts["completed"], counts["failed"]) == (states[name, "completed"], states[name, "failed"])
        assert one["latencies"]["completion_ms"]["count"] == counts["completed"] + counts["failed"]
        assert one["polls"] == polls[name]
        assert one["audit"]["accepted"] == one["audit"]["confirmed"] == counts["accepted"] > 0
    assert {gate["name"]: gate["passed"] for gate in run.summary["gates"]} == {
        "operations lost": True,
        "Eager operations lost": True,
        "Quick completion_ms p50": False,
        "Eager audit stuck": True,
    }
    assert "the gates of Few are left out: it takes no part in this run" in run.out
    assert "all together" in run.out


def test_a_gate_of_no_scenario_starts_nothing(locust, gates_file, stub):
    """A scenario that is not loaded is named with those that are; the exit code is that of any bad gates file."""
    path = gates_file("[scenario.Fex.completion_ms]\np50 = 1\n")
    run = locust("--gates", path)
    assert run.code == 2
    assert f"error: {path}: scenario.Fex: is not a scenario that is loaded" in run.err
    assert "Did you mean Few? Expected one of Broken, BrokenArrivals, Constant, Eager, Few, Hogging, Quick." in run.err
    assert not [path for method, path, _ in stub.requests if method == "POST"]
