"""A run that a signal ended is not a pass: it is reported as far as it came, with a verdict of its own."""

import os
import re
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from locust_process import SCENARIOS, Locust, headless
from web_ui import WebUi

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).parents[3]
HOLDS = "[operations]\nerror_ratio = 1\nlost = 0\n"
OTHER_APP = """
from durable_harness.load import OperationUser
from locust import constant, task

class Greetings(OperationUser):
    start_path = "/api/start/hello_seq"
    wait_time = constant(0.05)

    @task
    def greet(self):
        self.run_operation()

    def check_output(self, sent, output):
        return None if output == ["Hello Tokyo!"] else "no greeting"
"""


@pytest.fixture
def gates(tmp_path):
    """Return the arguments for gates that hold whatever happens."""
    path = tmp_path / "gates.toml"
    path.write_text(HOLDS)
    return ["--gates", str(path)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_report_shows_interrupted(start_locust, stub, gates, wait_until, number):
    """Gates that hold do not make a pass of a run that a signal cut short; each report shows how far it came."""
    locust = start_locust(*headless(stub), *gates, "-t", "60s", "Quick")
    wait_until(lambda: re.search(r"completed [1-9]", locust.err), "the progress line")
    locust.process.send_signal(number)
    run = locust.wait()
    assert run.code == 130, run.err
    sentence = re.search(r"^INTERRUPTED: (after \d+\.\d s of a run time of 60 s)$", run.out, re.MULTILINE)[1]
    assert (run.summary["verdict"], run.summary["verdict_reason"]) == ("interrupted", sentence)
    assert run.summary["interrupted"] == sentence
    assert run.operations["completed"] == run.operations["started"] == stub.accepted > 0
    suite = ET.parse(run.report_dir / "junit.xml").find("testsuite")
    assert {name: suite.get(name) for name in ("errors", "failures", "skipped")} == {
        "errors": "1",
        "failures": "0",
        "skipped": "2",
    }
    assert suite.find("testcase/error").attrib == {"type": "interrupted run", "message": sentence}
    assert f"Load run interrupted: {sentence}" in (run.report_dir / "summary.md").read_text()
    assert (
        f'<p class="verdict interrupted"><b>interrupted</b> {sentence}' in (run.report_dir / "report.html").read_text()
    )
    metrics = (run.report_dir / "metrics.prom").read_text()
    assert re.search(r'^durable_harness_verdict\{.*verdict="interrupted"\} 1$', metrics, re.MULTILINE)
    assert re.search(r'^durable_harness_verdict\{.*verdict="passed"\} 0$', metrics, re.MULTILINE)


def test_an_interrupted_master_is_an_interrupted_run(start_locust, stub, gates, processes, wait_until):
    """A signal that only the master gets ends its workers in order, and the run is interrupted."""
    locust = start_locust(*headless(stub), *processes, *gates, "-t", "60s", "Quick")
    wait_until(lambda: re.search(r"completed [1-9]", locust.err), "the progress line")
    locust.process.send_signal(signal.SIGINT)
    run = locust.wait()
    assert run.code == 130, run.err
    assert (run.summary["verdict"], run.summary["invalid"]) == ("interrupted", [])
    assert run.operations["completed"] == run.operations["started"] == stub.accepted


def test_a_run_whose_last_worker_is_interrupted(start_locust, stub, gates, processes, wait_until):
    """Locust ends a run that has no worker left; where signals ended these, the run was interrupted with them."""
    locust = start_locust(*headless(stub), *processes, *gates, "-t", "60s", "Quick")
    wait_until(lambda: re.search(r"completed [1-9]", locust.err), "the progress line")
    for worker in locust.children():
        worker.send_signal(signal.SIGTERM)
    run = locust.wait()
    assert run.code == 130, run.err
    assert run.summary["verdict"] == "interrupted"
    assert "s of a run time of 60 s, when its last worker was interrupted" in run.out
    assert run.out.count("was interrupted after") == 2


def test_ctrl_c_under_the_web_ui(start_locust, stub, gates, port, wait_until):
    """With the web UI Ctrl-C interrupts a run in progress; one that was stopped there keeps its verdict."""
    page = ["--web-host", "127.0.0.1", "--web-port", str(port), "--host", stub.url, *gates]
    ui = WebUi(port)
    locust = start_locust(*page, "Quick")
    wait_until(ui.page, "the web UI")
    ui.start(host=stub.url)
    wait_until(lambda: ui.state()["ended"]["completed"], "operations of the first run")
    ui.stop()
    wait_until(lambda: locust.out.count("PASSED: all 2 gates hold") == 1, "the verdict on the first run")
    ui.start(host=stub.url)
    wait_until(lambda: ui.state()["phase"] == "running" and ui.state()["ended"]["completed"], "the second run")
    locust.press_ctrl_c()
    run = locust.wait()
    assert (run.code, run.summary["verdict"]) == (130, "interrupted"), run.err


def test_ctrl_c_after_the_end_changes_no_verdict(start_locust, stub, gates, port, wait_until):
    """Whoever stops a run in the web UI and then ends Locust by Ctrl-C gets the exit code of the run's verdict."""
    page = ["--web-host", "127.0.0.1", "--web-port", str(port), "--autostart"]
    locust = start_locust(*headless(stub)[1:], *page, *gates, "Quick")
    ui = WebUi(port)
    wait_until(lambda: ui.page() and ui.state()["ended"]["completed"], "operations")
    ui.stop()
    wait_until(lambda: "PASSED: all 2 gates hold" in locust.out, "the verdict")
    locust.press_ctrl_c()
    run = locust.wait()
    assert (run.code, run.summary["verdict"], run.summary["interrupted"]) == (0, "passed", None)


@pytest.mark.parametrize("app", ["sample", "conformance"])
def test_an_interrupted_run_of_an_embedded_app(app, tmp_path, gates, wait_until):
    """Runs of apps that are served for them end alike, whether the app is the sample or another one."""
    (tmp_path / "greetings.py").write_text(OTHER_APP)
    of = {
        "sample": ["-f", "loadtests", "--operation-duration", "0.1", "Steady"],
        "conformance": ["-f", str(tmp_path / "greetings.py"), "--app-dir", "tests/apps/conformance", "Greetings"],
    }
    locust = Locust(["--headless", "-t", "60s", *gates, *of[app]], tmp_path / "report", REPOSITORY)
    try:
        wait_until(lambda: re.search(r"completed [1-9]", locust.err), "the progress line")
        locust.press_ctrl_c()
        run = locust.wait()
    finally:
        locust.kill()
    assert (run.code, run.summary["verdict"]) == (130, "interrupted"), run.err
    assert run.operations["completed"] == run.operations["started"] > 0


def test_ctrl_c_while_the_stack_starts(tmp_path, wait_until):
    """Before there is anything to report, one line says so, and nothing stays behind."""
    locust = Locust(["--headless", "-f", "loadtests", "Steady"], tmp_path / "report", REPOSITORY)
    try:
        (stack, *_) = wait_until(locust.children, "the stack to start")
        os.kill(locust.process.pid, signal.SIGINT)
        run = locust.wait()
    finally:
        locust.kill()
    assert run.code == 130, run.err
    assert "locust: interrupted before anything was measured" in run.err
    wait_until(lambda: not stack.is_running(), "the stack to end")


LISTENER = """
@events.{event}.add_listener
def {event}_listener(environment, **_):
    {body}
"""
BEFORE, AFTER, AT_INIT = "before our import", "after our import", "at init"
FAILS = "[completion_ms]\nmax = 1\n"


def scenarios_with_listener(where, code):
    """Return a locustfile with a quitting listener that writes a code, like the one in Locust's documentation."""
    write = f"environment.process_exit_code = {code}"
    listener = LISTENER.format(event="quitting", body=write)
    at_init = LISTENER.format(
        event="init",
        body=f"events.quitting.add_listener(lambda **_: setattr(environment, 'process_exit_code', {code}))",
    )
    mine = f"import sys\nsys.path.insert(0, {str(SCENARIOS)!r})\nfrom quick import Few, Quick\n"
    parts = {BEFORE: [listener, mine], AFTER: [mine, listener], AT_INIT: [mine, at_init]}[where]
    return "\n".join(["from locust import events", *parts])


@pytest.fixture
def run_with_listener(tmp_path, start_locust, stub):
    """Return run_with_listener(where, code, gates, *arguments): a started run of such a locustfile."""

    def start(where, code, gates, *arguments):
        (tmp_path / "mine.py").write_text(scenarios_with_listener(where, code))
        (tmp_path / "mine.toml").write_text(gates)
        options = [*headless(stub), "--gates", str(tmp_path / "mine.toml"), *arguments]
        return start_locust(*options, scenarios=tmp_path / "mine.py")

    return start


@pytest.mark.parametrize("where", [BEFORE, AFTER, AT_INIT])
@pytest.mark.parametrize(
    ("code", "gates", "ends_with"), [(0, FAILS, 1), (None, FAILS, 1), (7, FAILS, 7), (7, HOLDS, 7), (0, HOLDS, 0)]
)
def test_a_quitting_listener_does_not_undo_a_verdict(run_with_listener, where, code, gates, ends_with):
    """A listener can fail a run that passed, but not pass one that failed, wherever it was registered."""
    run = run_with_listener(where, code, gates, "-t", "30s", "Few").wait()
    assert run.code == ends_with, run.err
    warning = f"A listener set process_exit_code to {code}. It is 1 again, because the run is failed: completion max "
    assert (warning in run.err) is (not code and gates == FAILS)


@pytest.mark.parametrize("where", [BEFORE, AFTER, AT_INIT])
def test_a_quitting_listener_does_not_undo_an_interruption(run_with_listener, stub, wait_until, where):
    """Nor does it pass a run that was interrupted, although that ends only when listeners are called already."""
    locust = run_with_listener(where, 0, HOLDS, "-t", "60s", "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations")
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == 130, run.err
    assert "It is 130 again, because the run is interrupted: after" in run.err


def test_a_quitting_listener_does_not_undo_an_invalid_run(run_with_listener):
    """A run that proves nothing ends with 3 whatever a listener writes."""
    run = run_with_listener(AFTER, 0, HOLDS, "-t", "1s", "-u", "0", "Quick").wait()
    assert run.code == 3, run.err
    assert "It is 3 again, because the run is invalid: no operation was started" in run.err
