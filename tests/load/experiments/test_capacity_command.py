"""`durable-harness capacity`: the search against a server that misbehaves on demand, and the embedded stack."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from plain_service import DESCRIPTION, PlainService

from durable_harness.cli import main

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).parents[3]
OTHER = REPOSITORY / "tests" / "apps" / "conformance"
SHORT = ("--trial", "1", "--warm-up", "0.2", "--start-rate", "10", "--max-rate", "20", "--arrivals", "constant")


@pytest.fixture
def capacity(tmp_path, capsys):
    """Return capacity(*options): the exit code, what was printed, and the JSON report."""

    def run(*options):
        report = tmp_path / "report"
        code = main(["capacity", "--report-dir", str(report), *options])
        printed = capsys.readouterr()
        document = report / "capacity.json"
        return code, printed.out + printed.err, json.loads(document.read_text()) if document.exists() else None

    return run


def test_a_service_that_takes_all_that_is_offered(capacity, stub, tmp_path):
    """Where the highest rate to try meets the objective, the result is a lower bound; the page shows the plots."""
    code, printed, report = capacity("--objective", "completion_ms p50 <= 9000", "--host", stub.url, *SHORT)
    assert code == 0
    assert (report["capacity_per_s"], report["not_met_at_per_s"]) == (20, None)
    assert "capacity at least 20.0 operations/s" in printed
    page = (tmp_path / "report" / "capacity.html").read_text()
    assert page.count("<svg") == 2 * 4, "each for wide and for narrow windows"


def test_a_service_that_is_nothing_of_azures(capacity, tmp_path):
    """With a description any service can be searched: its start, its states, and the result behind a redirect."""
    description = tmp_path / "reports.toml"
    description.write_text(DESCRIPTION)
    with contextlib.closing(PlainService()) as plain:
        where = ("--host", plain.url, "--service", str(description), "--operation-duration", "0.1")
        code, printed, report = capacity("--objective", "error_ratio <= 0, lost <= 0", *where, *SHORT)
    assert (code, report["capacity_per_s"]) == (0, 20), printed
    assert plain.refused == []


def test_an_objective_that_the_service_does_not_give(capacity, stub, tmp_path):
    """A limit on what is not measurable is no answer to the search: it ends with 3, and says what would help."""
    stub.always(coarse_times=True)
    code, printed, report = capacity("--objective", "finish_ms p95 <= 500", "--host", stub.url, *SHORT)
    assert (code, report) == (3, None)
    assert "not measured: finish_ms p95 (the service reports whole seconds): name finer times" in printed


def test_a_service_that_meets_no_objective(capacity, stub):
    """Errors count: a service that refuses everything has no capacity, and the gate fails."""
    stub.always(refuse=503)
    code, printed, report = capacity("--objective", "error_ratio <= 0.01", "--host", stub.url, *SHORT, "--no-preflight")
    assert code == 1
    assert report["capacity_per_s"] is None
    assert "no capacity" in printed


def test_operations_that_fail_are_no_bottleneck(capacity, stub, tmp_path):
    """Where operations failed nothing is called saturated: text, JSON and page give the reasons and counts."""
    stub.always(refuse=400)
    code, printed, report = capacity("--objective", "error_ratio <= 0", "--host", stub.url, *SHORT, "--no-preflight")
    assert (code, report["saturated_first"]) == (1, "")
    assert "saturated" not in printed
    (reason,) = report["reasons"]
    assert (reason["state"], reason["count"] > 1) == ("refused", True)
    assert "POST /api/async_http_api answered 400" in reason["reason"]
    page = (tmp_path / "report" / "capacity.html").read_text()
    for text in (printed, page):
        assert f"{reason['count']:,} x start refused: POST /api/async_http_api answered 400" in text


def test_a_search_ends_where_its_first_operation_does_not_work(capacity, stub):
    """Before any trial one operation shows that the path is wrong: exit code 2, no report, the option to set."""
    stub.always(refuse=404)
    code, printed, report = capacity("--objective", "error_ratio <= 0", "--host", stub.url, *SHORT)
    assert (code, report, len(stub.operations)) == (2, None, 0)
    assert f"POST {stub.url}/api/async_http_api answered 404" in printed
    assert "--start-path" in printed


def test_the_embedded_stack_is_served_for_each_trial(capacity):
    """Without --host the app in a folder is served; its host's CPU is part of the figures; --at-least is a gate."""
    short = ("--operation-duration", "0.1", "--start-rate", "5", "--max-rate", "5", "--trial", "2", "--warm-up", "0.2")
    objective = ("--objective", "completion_ms p50 <= 9000, lost <= 0", str(REPOSITORY))
    code, printed, report = capacity(*objective, *short, "--at-least", "6")
    assert (code, report["capacity_per_s"]) == (3, 5)
    assert all(trial["host_cpu"] > 0 for trial in report["trials"])
    assert "the highest rate to try" in printed


MORTAL = """
import os
import pathlib

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
steps = []

@app.route(route="work", methods=["POST"])
@app.durable_client_input(client_name="client")
async def work(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("one_step"))

@app.orchestration_trigger(context_name="context")
def one_step(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("step", None))

@app.activity_trigger(input_name="nothing")
def step(nothing) -> int:
    steps.append(1)
    if len(steps) == 5 and not pathlib.Path("has_died").exists():
        pathlib.Path("has_died").touch()
        os._exit(7)
    return len(steps)
"""


def test_a_host_that_dies_by_accident(capacity, tmp_path):
    """The trial in which the host died says how; the search continues with a new host, and tries that rate again."""
    app = tmp_path / "mortal"
    app.mkdir()
    (app / "function_app.py").write_text(MORTAL)
    (app / "host.json").write_text('{"version": "2.0"}')
    objective = ("--objective", "completion_ms p50 <= 2000", "--app-dir", str(app), "--start-path", "/api/work")
    code, printed, report = capacity(*objective, *SHORT, "--max-rate", "10", "--resolution", "90")
    deaths = [trial for trial in report["trials"] if trial["why"] == "the host died: it ended with exit code 7"]
    assert [(trial["rate_per_s"], trial["met"]) for trial in deaths] == [(10, False)]
    assert "10.0/s  not met: the host died: it ended with exit code 7" in printed
    assert "\nthe host died at 10.0/s: it ended with exit code 7\n" in printed
    assert [trial["died"] for trial in report["trials"] if trial["died"]] == ["it ended with exit code 7"]
    assert "the host died at 10.0/s" in (tmp_path / "report" / "capacity.html").read_text()
    others = [trial for trial in report["trials"] if trial not in deaths]
    assert others, printed
    assert all(trial["met"] for trial in others), printed
    assert (code, report["capacity_per_s"]) == (0, 10)


def start_capacity(folder, *options):
    """Start the command in a process of its own, at a rate that it holds for long trials."""
    words = [sys.executable, "-m", "durable_harness", "capacity", "--report-dir", str(folder), *options]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_reports_its_trials(stub, tmp_path, number):
    """A signal in the second trial ends the search with what the first one found, as "interrupted"."""
    short = ("--trial", "1", "--warm-up", "0.2", "--start-rate", "10", "--arrivals", "constant")
    objective = ("--objective", "completion_ms p50 <= 9000", "--at-least", "1")
    with start_capacity(tmp_path, *objective, "--host", stub.url, *short) as running:
        assert "10.0/s  met" in running.stderr.readline()
        running.send_signal(number)
        printed, complaints = running.communicate(timeout=60)
    assert running.returncode == 128 + number, complaints
    report = json.loads((tmp_path / "capacity.json").read_text())
    assert (report["verdict"], report["interrupted"]) == ("interrupted", f"after {len(report['trials'])} trials")
    assert report["capacity_per_s"] >= 10
    assert f"INTERRUPTED {report['interrupted']}; so far the objective was met at " in printed
    assert f"<b>interrupted</b> {report['interrupted']}; so far" in (tmp_path / "capacity.html").read_text()


@pytest.mark.parametrize(
    "app",
    [("--app-dir", str(REPOSITORY)), ("--app-dir", str(OTHER), "--start-path", "/api/start/hello_seq")],
    ids=["sample", "other"],
)
def test_a_search_that_is_interrupted_in_its_first_trial(tmp_path, app, wait_until):
    """Before anything was measured a line says so, no report is written, and the host is ended."""
    with start_capacity(tmp_path, "--objective", "lost <= 0", *app, "--trial", "60") as running:
        process = psutil.Process(running.pid)
        hosts = wait_until(lambda: process.children(recursive=True), "the host to start")
        running.send_signal(signal.SIGINT)
        _, complaints = running.communicate(timeout=60)
    printed = [line for line in complaints.splitlines() if not line.startswith("operations start by ")]
    assert (running.returncode, printed) == (130, ["interrupted before anything was measured"])
    assert not (tmp_path / "capacity.json").exists()
    wait_until(lambda: not any(host.is_running() for host in hosts), "the host to end")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--objective", "completion <= 5"], 2, "'completion' is not known"),
        (["--objective", "lost <= 0", "--host", "nowhere"], 2, "--host: got 'nowhere', expected a URL"),
        (["--objective", "lost <= 0", "--host", "http://127.0.0.1:9/?code=a-key"], 2, "--function-key"),
        (["--objective", "lost <= 0", "--host", "http://127.0.0.1:9"], 4, "does not answer"),
        (["--objective", "lost <= 0", "--app-dir", "absent"], 2, "absent"),
        (["--objective", "lost <= 0", "--payload", "{"], 2, "--payload: it is not JSON"),
        (["--objective", "lost <= 0", "--operation-duration", "2-1"], 2, "--operation-duration: got '2-1'"),
        (["--objective", "lost <= 0", "--service", "absent.toml"], 2, "absent.toml"),
        (["--objective", "lost <= 0", "--trial", "0"], 2, "'0' is not a number above 0"),
        (["--objective", "lost <= 0", "--trial", "3", "--start-rate", "0.1"], 2, "(--trial 100)"),
        ([], 2, "--objective"),
    ],
)
def test_what_cannot_be_searched(capacity, options, code, message):
    """A wrong option ends with 2, a system that does not answer with 4; no report is written."""
    got, printed, report = capacity(*options)
    assert (got, report) == (code, None)
    assert message in printed
