"""Several processes make one run: exact counts, merged histograms, one summary, and no worker is lost unnoticed."""

import json
import math
import os
import re
import signal
from pathlib import Path

import psutil
import pytest
from locust_process import SCENARIOS, Locust, headless
from web_ui import WebUi

from durable_harness.gate.records import read_operations
from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough
LOADTESTS = Path(__file__).parents[3] / "loadtests"


def test_workers_figures_are_put_together(start_locust, stub, processes, tmp_path):
    """Two workers' counts are the server's own, percentiles come from all samples; only the master judges."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[completion_ms]\np50 = 10\n[operations]\nlost = 0\n")
    run = start_locust(*headless(stub), *processes, "--gates", str(gates), "-t", "2s", "Quick").wait()
    assert run.code == 1, run.err
    assert run.operations == {"started": stub.accepted, "accepted": stub.accepted, "completed": stub.accepted}
    assert run.summary["latencies"]["completion_ms"]["count"] == stub.accepted >= 4
    assert sum(piece["started"] for piece in run.summary["timeline"]["slices"]) == stub.accepted
    assert run.summary["settings"]["processes"] == "1 master, 2 workers"
    assert [gate["passed"] for gate in run.summary["gates"]] == [False, True]
    assert len(re.findall(r"^FAILED: completion p50 [\d.]+ ms > 10 ms$", run.out, re.MULTILINE)) == 1
    assert "durable_harness.load.engine.load_run: Following" in run.err


def test_a_worker_that_vanishes_makes_the_run_invalid(start_locust, stub, processes, port, wait_until):
    """A killed worker is reported in the summary with what it left open, and the run is neither pass nor fail."""
    stub.always(work_s=math.inf)
    page = ["--web-host", "127.0.0.1", "--web-port", str(port), "--autostart"]
    locust = start_locust(*headless(stub)[1:], *page, *processes, "--drain-timeout", "1", "Quick")
    ui = WebUi(port)
    wait_until(lambda: stub.accepted >= 4, "the workers to make load")
    wait_until(lambda: ui.state()["in_flight"] == 4, "the master to have heard of all operations")
    locust.children()[0].kill()
    ui.stop()
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == 3, run.err
    assert run.operations == {"started": 4, "accepted": 4, "timed_out": 2, "unaccounted": 2}
    assert "it had started 2 operations; 2 of them are unaccounted" in run.summary["invalid"][0]
    assert "Audit: 0 of 2 accepted operations with a record ended once" in run.out
    assert "INVALID: worker" in run.out
    # The two that the other worker gave up have records; the server knows of the two that have none.
    assert run.summary["audit"]["counts"] | {"stuck": 2, "unrecorded": 2} == run.summary["audit"]["counts"]


@pytest.mark.parametrize("scenario", ["Quick", "Eager"])
def test_a_master_that_is_killed_ends_its_workers(start_locust, stub, processes, wait_until, scenario):
    """Workers without their master soon start nothing more, say why in one line and end, whatever is in flight."""
    stub.always(work_s=math.inf)
    locust = start_locust(*headless(stub), *processes, "-t", "60s", scenario)
    wait_until(lambda: stub.accepted >= 4, "the workers to make load")
    children = locust.children()
    locust.process.kill()
    wait_until(lambda: not any(child.is_running() for child in children), "the workers to end")
    locust.close()
    assert locust.err.count("locust: the master of this run is gone") == 2, locust.err
    assert "Traceback" not in locust.err


def test_a_worker_without_its_master_has_an_exit_code(stub, tmp_path, wait_until):
    """A worker whose master was killed ends with 3: it took part in a run that proves nothing."""
    for name in ("master", "worker"):
        (tmp_path / name).mkdir()
    scenario, port, token = ["-f", str(SCENARIOS)], str(free_port()), ["--run-token", "a token of the tests"]
    address = [*token, "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1"]
    master = Locust([*scenario, "--master", *address, *headless(stub), "Quick"], Path("report"), tmp_path / "master")
    worker = Locust([*scenario, "--worker", *token, "--master-port", port], Path("report"), tmp_path / "worker")
    try:
        wait_until(lambda: stub.accepted, "the worker to make load")
        master.kill()
        run = worker.wait()
    finally:
        master.kill()
        master.close()
        worker.kill()
    assert run.code == 3, run.err
    assert run.err.count("locust: the master of this run is gone") == 1


@pytest.mark.parametrize(("scenario", "most"), [("Quick", 4 * 8), ("Steady", 2 * 20)])
def test_a_master_that_hangs_makes_no_run_longer(start_locust, stub, wait_until, scenario, most):
    """Workers start nothing after the run time although their master does not end the run, and say so once each.

    Each of the four users has one operation at a time, so in the 2 s, and the second until a run begins, it starts few.
    """
    stub.always(work_s=0.5)
    options = [*headless(stub), "--processes", "2", "--gates", "none", "--rate", "20", "-t", "2s"]
    locust = start_locust(*options, scenario, scenarios=SCENARIOS if scenario == "Quick" else LOADTESTS)
    wait_until(lambda: stub.accepted >= 4, "the workers to make load")
    locust.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: locust.err.count("The master does not end the run, whose time is over") == 2, "the workers")
    accepted = stub.accepted
    locust.process.send_signal(signal.SIGCONT)
    run = locust.wait()
    assert run.operations == {"started": accepted, "accepted": accepted, "completed": accepted}
    assert stub.accepted == accepted <= most


def test_records_come_from_another_machine(stub, tmp_path):
    """A worker whose folder is not the master's sends its records with its last word, and they are audited with all."""
    for name in ("master", "worker"):
        (tmp_path / name).mkdir()
    scenario, port, folder = ["-f", str(SCENARIOS)], str(free_port()), Path("report")
    token = ["--run-token", "a token of the tests"]
    address = [*token, "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1"]
    master = Locust(
        [*scenario, "--master", *address, *headless(stub), "-t", "1s", "Quick"], folder, tmp_path / "master"
    )
    worker = Locust([*scenario, "--worker", *token, "--master-port", port], folder, tmp_path / "worker")
    try:
        run = master.wait()
        assert worker.wait().code == 0
    finally:
        master.kill()
        worker.kill()
    report = tmp_path / "master" / folder
    rows = read_operations(report).operations.to_pylist()
    assert sorted(row["instance_id"] for row in rows) == sorted(stub.operations), run.err
    assert json.loads((report / "summary.json").read_text())["audit"]["confirmed"] == stub.accepted > 0


def test_ctrl_c_ends_all_processes(start_locust, stub, processes, wait_until):
    """Ctrl-C reaches master and workers at once: operations are drained and summed up, and no process stays."""
    locust = _four_in_flight(start_locust, stub, wait_until, *processes)
    children = locust.children()
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.operations["completed"] == run.operations["started"] == stub.accepted, run.err
    assert (run.code, run.summary["verdict"]) == (130, "interrupted"), run.out
    assert not [child for child in children if psutil.pid_exists(child.pid)]


def test_a_refused_run_leaves_no_worker(start_locust, processes, wait_until):
    """A run that is refused after the workers were forked ends them, instead of leaving them to look for a master."""
    locust = start_locust("--headless", "--host", "http://127.0.0.1:1", *processes, "-t", "30s", "Quick")
    run = locust.wait()
    assert run.code == 4
    group = locust.process.pid
    wait_until(lambda: not _processes_of(group), "the workers to end")


def _four_in_flight(start_locust, stub, wait_until, *arguments):
    """Start a run; once each of its four users has an operation, so that no worker is still starting, let these end."""
    stub.always(work_s=math.inf)
    locust = start_locust(*headless(stub), *arguments, "Quick")
    wait_until(lambda: stub.accepted == 4, "the workers to make load")
    stub.let_end(work_s=1)
    return locust


def _processes_of(group):
    return [process.pid for process in psutil.process_iter() if _group_of(process.pid) == group]


def _group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
