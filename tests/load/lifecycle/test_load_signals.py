"""Whatever moment a signal comes at: a verdict and its code, or INTERRUPTED, 130 and a whole report, or one line."""

import json
import math
import os
import re
import signal
import time

import pytest
from locust_process import SCENARIOS, headless
from stub_server import WEBHOOK

from durable_harness.errors import NOTHING_MEASURED

pytestmark = pytest.mark.thorough

LISTING = WEBHOOK.rstrip("/")
HOLDS = "[operations]\nerror_ratio = 1\nlost = 0\n"
FAILS = "[completion_ms]\nmax = 1\n"
REPORTS = {"summary.json", "report.html", "summary.md", "junit.xml", "metrics.prom"}
LINE = f"locust: {NOTHING_MEASURED}\n"
MINE = f"import sys\nsys.path.insert(0, {str(SCENARIOS)!r})\nimport gevent\nfrom locust import events\n"
SCENARIO = "from quick import Few, Hogging, Quick\n"
LINGERS = """
@events.{event}.add_listener
def linger(**_):
    print("lingering", flush=True)
    gevent.sleep(2)
"""
LINGERS_LATE = """
@events.init.add_listener
def add_listener(**_):
    @events.test_start.add_listener
    def linger(**_):
        print("lingering", flush=True)
        gevent.sleep(2)
"""
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(params=["alone", "two workers"])
def one_or_two(request):
    """Return the arguments of a run in one process, and of one by two workers."""
    return [] if request.param == "alone" else request.getfixturevalue("processes")


@pytest.fixture
def start(tmp_path, start_locust, stub):
    """Return start(limits, *arguments, code): a run with gates, of the scenarios with some code of the user around."""

    def run(limits, *arguments, code=None):
        (tmp_path / "gates.toml").write_text(limits)
        (tmp_path / "mine.py").write_text(MINE + (code or SCENARIO))
        gates = ["--gates", str(tmp_path / "gates.toml")]
        return start_locust(*headless(stub), *gates, *arguments, scenarios=tmp_path / "mine.py")

    return run


@pytest.fixture
def old_report(tmp_path):
    """Leave the reports of an earlier run that passed where the run writes its own."""
    (tmp_path / "report").mkdir()
    for name in REPORTS:
        (tmp_path / "report" / name).write_text('{"verdict": "passed"}')


def assert_interrupted(run):
    """Check that a run was interrupted, that it says so everywhere, and shows no noise."""
    assert run.code == 130, run.out + run.err
    assert re.findall(r"^[A-Z]{6,}:", run.out, re.MULTILINE) == ["INTERRUPTED:"], run.out + run.err
    assert run.summary["verdict"] == "interrupted"
    assert {path.name for path in run.report_dir.iterdir()} >= REPORTS
    assert all("interrupted" in (run.report_dir / name).read_text() for name in REPORTS)
    assert_no_traceback(run)


def assert_no_traceback(run):
    """Check that no exception is shown."""
    assert not re.search(r"Traceback|KeyboardInterrupt|SystemExit|Exception ignored", run.out + run.err), run.err


@pytest.mark.usefixtures("old_report")
@SIGNALS
def test_the_run_time_is_up_meanwhile(start, stub, one_or_two, wait_until, number):
    """A run that was interrupted stays so if its time is up while its last operations are followed."""
    stub.always(work_s=math.inf)
    locust = start(FAILS, *one_or_two, "-t", "3s", "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations in flight")
    os.killpg(locust.process.pid, number)
    wait_until(lambda: "run-time limit reached" in locust.err, "the end of the run time")
    stub.let_end(work_s=0)
    run = locust.wait()
    assert_interrupted(run)
    assert run.operations["completed"] == run.operations["started"] == stub.accepted
    assert run.summary["invalid"] == []


def test_a_second_signal_makes_all_workers_give_up(start_locust, stub, processes, wait_until):
    """Workers that got no signal account for what they still followed when the master was in a hurry."""
    stub.always(work_s=math.inf)
    locust = start_locust(*headless(stub), *processes, "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations in flight")
    locust.process.send_signal(signal.SIGINT)
    wait_until(lambda: locust.err.count("in flight to their end") == 2, "both workers to drain")
    locust.process.send_signal(signal.SIGINT)
    run = locust.wait()
    assert_interrupted(run)
    assert run.operations == {"started": 4, "accepted": 4, "timed_out": 4}
    assert run.summary["invalid"] == []


@SIGNALS
def test_a_signal_while_the_run_is_judged(start, stub, one_or_two, wait_until, number):
    """The server is asked no further, and the report says so: the run has ended, but has no verdict yet."""
    stub.listing_takes_s = 20.0
    locust = start(HOLDS, *one_or_two, "-t", "2s", "Quick")
    wait_until(lambda: any(path.startswith(LISTING + "?") for _, path, _ in stub.requests), "the audit")
    began = time.monotonic()
    os.killpg(locust.process.pid, number)
    run = locust.wait()
    assert time.monotonic() - began < stub.listing_takes_s / 2
    assert_interrupted(run)
    assert "s of a run time of 2 s, after its end, before its verdict" in run.summary["interrupted"]
    assert run.summary["audit"] is None
    assert "a signal cut that short" in run.out
    assert run.operations["completed"] == run.operations["started"] == stub.accepted


def test_a_third_signal_while_an_interrupted_run_is_judged(start_locust, stub, one_or_two, wait_until):
    """However often Ctrl-C is pressed, there is one report, and it is whole."""
    stub.always(work_s=math.inf)
    stub.listing_takes_s = 20.0
    locust = start_locust(*headless(stub), *one_or_two, "Quick")
    wait_until(lambda: stub.accepted >= 4, "four operations in flight")
    locust.press_ctrl_c()
    wait_until(lambda: "in flight to their end" in locust.err, "the drain to begin")
    locust.press_ctrl_c()
    wait_until(lambda: any(path.startswith(LISTING + "?") for _, path, _ in stub.requests), "the audit")
    for _ in range(3):
        locust.press_ctrl_c()
    run = locust.wait()
    assert_interrupted(run)
    assert run.operations == {"started": 4, "accepted": 4, "timed_out": 4}


@pytest.mark.parametrize("event", ["quitting", "quit"])
@pytest.mark.parametrize(("limits", "code", "verdict"), [(HOLDS, 0, "PASSED"), (FAILS, 1, "FAILED")])
def test_a_signal_after_the_verdict_changes_nothing(start, wait_until, event, limits, code, verdict):  # noqa: PLR0913, PLR0917
    """A run that was judged ends with its verdict and that one's code, while Locust quits and to the very end."""
    locust = start(limits, "-t", "30s", "Few", code=SCENARIO + LINGERS.format(event=event))
    wait_until(lambda: "lingering" in locust.out, "Locust to quit")
    while locust.process.poll() is None:
        locust.press_ctrl_c()
        time.sleep(0.02)
    run = locust.wait()
    assert (run.code, run.summary["verdict"]) == (code, verdict.lower()), run.err
    assert run.out.count(f"{verdict}: ") == 1
    assert_no_traceback(run)


WRITES_SLOWLY = """
import time
from gevent.monkey import get_original
from durable_harness.load.results import reporting
render = reporting.RENDERINGS["summary.md"]
def slowly(report):
    print("writing", flush=True)
    {sleep}(1)
    return render(report)
reporting.RENDERINGS["summary.md"] = slowly
"""


@pytest.mark.parametrize("sleep", ["time.sleep", "get_original('time', 'sleep')"])
@pytest.mark.parametrize(("limits", "code"), [(HOLDS, 0), (FAILS, 1)])
def test_a_signal_while_the_reports_are_written(start, wait_until, sleep, limits, code):
    """A run that was judged keeps its verdict, reports and code, and the terminal says so of the signal, once.

    Greenlets may run meanwhile, as while Locust's own files are written, or not, as while a report is made.
    """
    locust = start(limits, "-t", "30s", "Few", code=SCENARIO + WRITES_SLOWLY.format(sleep=sleep))
    wait_until(lambda: "writing" in locust.out, "the reports")
    locust.press_ctrl_c()
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == code, run.err
    assert run.err.count("locust: the run had its verdict before the signal came") == 1
    assert {path.name for path in run.report_dir.iterdir()} >= REPORTS
    assert "Reports: " in run.out
    assert_no_traceback(run)


def test_a_signal_while_a_run_begins(start, wait_until):
    """Locust does not stop a run whose start it still announces: the run is reported as interrupted anyway."""
    locust = start(HOLDS, "Quick", code=SCENARIO + LINGERS_LATE)
    wait_until(lambda: "lingering" in locust.out, "the run to begin")
    locust.press_ctrl_c()
    assert_interrupted(locust.wait())


def test_a_busy_scenario_is_not_blamed(start, wait_until, stub):
    """A run that was interrupted gives no reasons why it would have been invalid for its generator."""
    locust = start(HOLDS, "-t", "60s", "Hogging")
    wait_until(lambda: stub.accepted >= 12, "operations that come late")
    locust.press_ctrl_c()
    run = locust.wait()
    assert_interrupted(run)
    assert run.summary["invalid"] == []
    assert re.search(r"^INTERRUPTED: after \d+\.\d s of a run time of 60 s$", run.out, re.MULTILINE)


LEAVES = """
@events.{event}.add_listener
def leave(**_):
    sys.exit({code})
"""


@pytest.mark.parametrize("event", ["test_stopping", "test_stop", "quitting"])
@pytest.mark.parametrize(
    ("limits", "code", "ends_with"), [(FAILS, 0, 1), (FAILS, None, 1), (HOLDS, 7, 7), (HOLDS, 0, 0)]
)
def test_a_listener_that_exits(start, event, limits, code, ends_with):
    """A listener can end Locust, even with a code of its own, but not a failed run with 0 nor without its report."""
    run = start(limits, "-t", "30s", "Few", code=LEAVES.format(event=event, code=code) + SCENARIO).wait()
    verdict = "failed" if limits == FAILS else "passed"
    assert (run.code, run.summary["verdict"]) == (ends_with, verdict), run.err
    assert f"\n{verdict.upper()}: " in run.out
    assert f"A listener of {event} called sys.exit({code!r})" in run.err


def test_a_listener_that_exits_as_the_run_begins(start):
    """Even a run that a listener ends right away has a report and a verdict, and ends with that one's code."""
    run = start(FAILS, "-t", "30s", "Few", code=LEAVES.format(event="test_start", code=0) + SCENARIO).wait()
    assert (run.code, run.summary["verdict"]) == (1, "failed"), run.err


TASK_LEAVES = """
from locust import task
from quick import Quick
class Leaving(Quick):
    @task
    def one_operation(self):
        self.run_operation()
        sys.exit(0)
"""


def test_a_task_that_exits(start, one_or_two):
    """A task that calls sys.exit ends its process, and not the report: a run that failed is no success."""
    run = start(FAILS, *one_or_two, "-t", "30s", "Leaving", code=TASK_LEAVES).wait()
    assert (run.code, run.summary["verdict"]) == (1, "failed"), run.err
    assert "A task or another greenlet called sys.exit(0): Locust ends after the report of the run" in run.err
    assert run.operations["completed"] == run.operations["started"] >= 4


def test_a_listener_of_the_very_last_event_that_exits(start):
    """When the report is written and only the exit is left, a listener does not change its code."""
    run = start(FAILS, "-t", "30s", "Few", code=LEAVES.format(event="quit", code=0) + SCENARIO).wait()
    assert (run.code, run.summary["verdict"]) == (1, "failed"), run.err
    assert "\nFAILED: " in run.out


IMPORTS_SLOWLY = """
from quick import Quick
print("importing", flush=True)
import time
while True:
    time.sleep(0.01)
"""


@SIGNALS
def test_a_signal_while_scenarios_are_imported(start, wait_until, number):
    """Before Locust is set up there is one line, no traceback, and 130."""
    locust = start(HOLDS, "Quick", code=IMPORTS_SLOWLY)
    wait_until(lambda: "importing" in locust.out, "the import of the scenarios")
    locust.process.send_signal(number)
    run = locust.wait()
    assert (run.code, run.err) == (130, LINE)


@pytest.mark.usefixtures("old_report")
@SIGNALS
def test_a_signal_while_a_master_waits_for_workers(start_locust, stub, port, wait_until, number):
    """Before the run has begun there is one line and no report, not even that of an earlier run."""
    master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port), "--expect-workers", "1"]
    locust = start_locust(*headless(stub), *master, "Quick")
    # From here on the loop that waits logs every second, after five of them.
    wait_until(lambda: "Waiting for workers to be ready" in locust.err, "the master to wait")
    locust.process.send_signal(number)
    run = locust.wait()
    assert run.code == 130
    assert run.err.endswith(LINE)
    assert_no_traceback(run)
    assert not REPORTS & {path.name for path in run.report_dir.iterdir()}


def test_signals_while_the_workers_of_processes_start(start_locust, stub, processes, wait_until):
    """Whatever each process was about, all of them end, and only the master speaks."""
    locust = start_locust(*headless(stub), *processes, "Quick")
    children = wait_until(locust.children, "a worker to be forked")
    locust.press_ctrl_c()
    run = locust.wait()
    assert run.code == 130, run.err
    assert_no_traceback(run)
    assert run.err.count(LINE) == 1 or "INTERRUPTED: " in run.out
    wait_until(lambda: not any(child.is_running() for child in children), "the workers to end")


INTERRUPTED_AS_SOON_AS_FORKED = """
import os, signal
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))
import sys
sys.path.insert(0, {scenarios!r})
from quick import Quick
"""


def test_a_signal_the_moment_a_worker_is_forked(tmp_path, start_locust, stub, processes, wait_until):
    """A worker that a signal meets before any of its own code has run leaves the word to the master."""
    (tmp_path / "mine.py").write_text(INTERRUPTED_AS_SOON_AS_FORKED.format(scenarios=str(SCENARIOS)))
    locust = start_locust(*headless(stub), *processes, "Quick", scenarios=tmp_path / "mine.py")
    # From here on the loop that waits for workers, which are gone, logs every second.
    wait_until(lambda: "Waiting for workers to be ready" in locust.err, "the master to wait")
    locust.process.send_signal(signal.SIGINT)
    run = locust.wait()
    assert run.code == 130
    assert run.err.count(LINE) == 1, run.err
    assert_no_traceback(run)


def test_an_old_report_does_not_survive_a_run_that_is_killed(start_locust, stub, tmp_path, wait_until):
    """A run removes what an earlier one wrote when it begins, so that it is not taken for its own."""
    (tmp_path / "report").mkdir()
    for name in REPORTS:
        (tmp_path / "report" / name).write_text(json.dumps({"verdict": "passed"}))
    locust = start_locust(*headless(stub), "Quick")
    wait_until(lambda: stub.accepted, "an operation")
    locust.kill()
    assert not REPORTS & {path.name for path in (tmp_path / "report").iterdir()}
