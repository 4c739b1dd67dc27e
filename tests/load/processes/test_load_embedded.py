"""Without a host, the embedded stack is started for the run and taken down with it."""

import contextlib
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from locust_process import Locust

from durable_harness.gate.records import read_operations
from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough

LOADTESTS = "loadtests"
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def start_loadtests(tmp_path):
    """Yield start_loadtests(*arguments): locust on the project's own scenarios, as a user starts it."""
    started = []

    def start(*arguments):
        process = Locust(["-f", LOADTESTS, "--headless", *arguments], tmp_path / "report", REPOSITORY)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.close()


def accepts_connections(port):
    """Return whether any process listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return False


def is_served(url):
    """Return whether any server answers there."""
    try:
        requests.get(url, timeout=10)
    except requests.ConnectionError:
        return False
    return True


def test_the_projects_scenarios_pass_their_gates(start_loadtests):
    """The scenarios run together on the embedded stack, start dozens of operations and keep to their gates."""
    run = start_loadtests("--config", "loadtests/locust.conf", "-t", "3s", "Steady", "Burst").wait()
    assert run.code == 0, run.out + run.err
    assert list(run.summary["scenarios"]) == ["Burst", "Steady"]
    assert run.operations["completed"] == run.operations["started"] >= 50
    assert "PASSED" in run.out
    assert not is_served(run.summary["target"])
    assert (run.report_dir / "stack.log").exists()


def test_time_is_split_on_the_embedded_stack(start_loadtests):
    """Every operation of the sample app is split; its execution lasts as long as its work, and parts make the whole."""
    run = start_loadtests("-u", "4", "-r", "50", "-t", "2s", "--operation-duration", "0.3", "Steady").wait()
    split, latencies = run.summary["time_split"], run.summary["latencies"]
    assert (split["operations"], split["unknown"]) == (run.operations["completed"], 0), run.out + run.err
    assert latencies["execution_ms"]["count"] == latencies["queueing_ms"]["count"] == split["operations"]
    assert latencies["execution_ms"]["min"] >= 290  # the loop may wake it a millisecond early
    overlap_ms = latencies["start_ms"]["max"] + max(-latencies["detection_lag_ms"]["min"], 0)
    assert latencies["queueing_ms"]["min"] > 0
    whole_ms = latencies["completion_ms"]["mean"]
    assert whole_ms - 0.01 <= sum(split["mean_ms"].values()) <= whole_ms + overlap_ms + 0.01


def test_an_app_unlike_the_sample_is_measured(start_locust, tmp_path):
    """An app of another route, whose output has other times by the sample's names, is measured by the scheduler."""
    app = REPOSITORY / "tests" / "apps" / "constant"
    gates = tmp_path / "gates.toml"
    gates.write_text("[finish_ms]\np95 = 5000\n[actions_per_operation]\nmax = 5\n")
    arguments = ["--headless", "--app-dir", str(app), "-t", "3s", "--rate", "8", "--gates", str(gates), "Constant"]
    run = start_locust(*arguments).wait()
    assert run.code == 0, run.out + run.err
    latencies, completed = run.summary["latencies"], run.operations["completed"]
    assert (run.summary["time_split"]["operations"], run.summary["time_split"]["unknown"]) == (completed, 0)
    assert latencies["execution_ms"]["min"] >= 195  # two activities of 0.1 s; the loop may wake each too early
    assert latencies["finish_ms"]["max"] < latencies["completion_ms"]["max"]
    assert run.summary["actions"] == {
        kind: completed * n for kind, n in (("activity", 2), ("orchestration", 1), ("result", 2))
    }
    assert run.summary["replayed_events_per_operation"]["count"] == completed
    assert run.summary["settings"]["app"] == "constant", "a trend does not join it with another app"
    assert {row["server_clock"] for row in read_operations(run.report_dir).operations.to_pylist()} == {"scheduler"}


def test_all_scenarios_run_together(start_loadtests):
    """Every scenario runs at the same time as the others: terminated operations and bad clients are no failures."""
    run = start_loadtests("--config", "loadtests/locust.conf", "-t", "4s", "-u", "10", "-r", "50").wait()
    assert run.code == 0, run.out + run.err
    scenarios = ["BadClients", "Burst", "Closed", "Mixed", "Replay", "Soak", "Spike", "Steady", "Terminate"]
    assert list(run.summary["scenarios"]) == scenarios
    counts = run.operations
    assert counts["completed"] + counts["terminated"] == counts["started"] == counts["accepted"]
    assert counts["terminated"] >= 10
    assert run.summary["latencies"]["completion_ms"]["count"] == counts["completed"]
    records = read_operations(run.report_dir).operations.to_pylist()
    assert {row["scenario"] for row in records} == {*scenarios} - {"Replay"}
    assert {row["scenario"] for row in records if row["state"] == "terminated"} == {"Terminate"}
    assert re.search(r"POST +bad start: no JSON +\d+ +0\(0.00%\)", run.err)


@pytest.mark.parametrize("scenario", ["BadClients", "Mixed", "Soak", "Spike", "Terminate"])
def test_a_scenario_runs_alone(start_loadtests, scenario):
    """Each scenario can be run by its class's name, and passes."""
    run = start_loadtests("-t", "2s", "--gates", "none", scenario).wait()
    assert run.code == 0, run.out + run.err
    assert list(run.summary["scenarios"]) == [scenario]
    assert run.operations["completed"] + run.operations["terminated"] == run.operations["started"] >= 2


def test_ctrl_c_drains_before_the_stack_is_taken_down(start_loadtests, wait_until):
    """Ctrl-C reaches Locust alone: the stack serves until what was in flight has ended, then nothing is left behind."""
    locust = start_loadtests("-u", "4", "-r", "50", "--operation-duration", "2", "Closed")
    wait_until(lambda: "All users spawned" in locust.err, "the load to begin")
    stack = locust.children()
    assert stack
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.operations["completed"] == run.operations["started"] == 4, run.out + run.err
    assert (run.code, run.summary["verdict"]) == (130, "interrupted")
    assert not [child for child in stack if psutil.pid_exists(child.pid)]


def test_a_stack_that_dies_is_reported(start_loadtests, wait_until):
    """A stack that ends by itself is named in the notes with its log: failures have a cause to look for."""
    locust = start_loadtests("-u", "4", "-r", "50", "--operation-duration", "60", "--drain-timeout", "0", "Closed")
    wait_until(lambda: "All users spawned" in locust.err, "the load to begin")
    for child in locust.children():
        child.kill()
        child.wait()
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == 130
    log = run.report_dir / "stack.log"
    assert f"note: the embedded stack ended during the run (killed by SIGKILL); its log is {log}" in run.out


def test_an_app_that_cannot_be_loaded_is_reported_immediately(start_loadtests, tmp_path):
    """A function app that does not import ends the run before any load, with the host's own exit code and message."""
    app = tmp_path / "broken"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text("import a_module_that_is_not_there\n")
    run = start_loadtests("--app-dir", str(app), "-t", "30s").wait()
    assert run.code == 5, run.err
    assert "a_module_that_is_not_there" in run.err
    assert not run.out


def test_a_host_of_ours_is_loaded_over_tls(start_loadtests, wait_until):
    """`serve --useHttps` is loaded and audited with `--insecure`, and without it, since it is on this machine."""
    port = free_port()
    serving = subprocess.Popen(
        [sys.executable, "-m", "durable_harness", "serve", "--useHttps", "--port", str(port)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"https://localhost:{port}"
        wait_until(lambda: accepts_connections(port), "the host")
        for trust in ([], ["--insecure"]):
            run = start_loadtests("--host", url, *trust, "-u", "2", "-r", "50", "-t", "2s", "Steady").wait()
            assert run.code == 0, run.out + run.err
            audit = run.summary["audit"]
            assert audit["confirmed"] == audit["accepted"] == run.operations["completed"] > 0
            assert audit["incomplete"] is None
    finally:
        serving.terminate()
        serving.wait()
