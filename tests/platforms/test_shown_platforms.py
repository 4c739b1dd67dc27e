"""The core of the product where nothing is there that only POSIX has: signals, modules, event loops, files."""

import json
import signal
import ssl
import sys
import urllib.request
from pathlib import Path

import pytest
import requests

from patience import PATIENT
from sdk_generation import SDK

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shows Windows by what Linux has (/proc): run it there")

ROOT = Path(__file__).parents[2]
APPS = ROOT / "tests" / "apps"
HISTORY = ROOT / "tests" / "histories" / ("sample_sdk2" if SDK == 2 else "sample") / "operation.json"
ANY_PORTS = ("--port", "0", "--dashboard-port", "any")
START = "/api/async_http_api"
OTHER_SDK = "sdk1" if SDK == 2 else "sdk2"
FREE_PORTS = ("--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any")
IMPORT_ALL = f"""
import gevent.monkey; gevent.monkey.patch_all()
import importlib, pkgutil, sys, durable_harness
found = [one.name for one in pkgutil.walk_packages(durable_harness.__path__, "durable_harness.")]
for name in found:
    if ".{OTHER_SDK}" not in name and not name.endswith("__main__"):
        importlib.import_module(name)
import durable_harness.platforms.signals as signals
assert signals.sys.platform == sys.argv[1]
print(len(found))
"""


def begin(base_url, duration=0.01):
    """Start an operation; return its status URL."""
    started = requests.post(f"{base_url}{START}", json={"operation_type": "order", "duration": duration}, timeout=30)
    assert started.status_code == 202, started.text
    return started.headers["Location"]


def result(url, wait_until):
    """Poll until an operation has ended; return its status."""
    return wait_until(lambda: (got := requests.get(url, timeout=30)).status_code == 200 and got.json(), "its end")


def test_every_module_can_be_imported(as_windows):
    """No module of the package needs a name or a module that Windows does not have."""
    done = as_windows.run("-c", IMPORT_ALL, "win32")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 500


def test_every_module_can_be_imported_on_macos(as_macos):
    """No module of the package needs what only Linux has."""
    done = as_macos.run("-c", IMPORT_ALL, "darwin")
    assert done.returncode == 0, done.stderr


def test_an_app_is_served_on_macos(as_macos, wait_until):
    """An operation runs to its result where nothing is there that only Linux has, and the service ends by SIGTERM."""
    data = as_macos.folder / "instances.db"
    words = ("serve", ROOT, *ANY_PORTS, "--data", data)
    with as_macos.service(*words, wait_until=wait_until, by=signal.SIGTERM) as facts:
        assert result(begin(facts["baseUrl"]), wait_until)["output"]["result"] == "Success"


def test_a_load_run_has_its_report_on_macos(as_macos):
    """A load run without epoll, timerfd and time stamps of the kernel ends with its verdict."""
    done = as_macos.harness(*locust_words(as_macos.folder, "--run-time", "2s"), **PATIENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


def test_an_app_is_served_and_ends_in_order(as_windows, wait_until):
    """An operation runs to its result, the dashboard shows it, and the service ends by Ctrl-Break with 0."""
    with as_windows.service("serve", ROOT, *ANY_PORTS, wait_until=wait_until) as facts:
        status = result(begin(facts["baseUrl"]), wait_until)
        assert status["output"]["result"] == "Success"
        page = requests.get(facts["dashboardUrl"], timeout=30)
        assert page.status_code == 200
        assert status["instanceId"] in page.text


def test_an_app_without_http_functions_is_served(as_windows, wait_until):
    """An app with triggers of queues and its own modules starts, is asked to run one by hand, and ends in order."""
    with as_windows.service("serve", APPS / "orders", *ANY_PORTS, wait_until=wait_until) as facts:
        status = requests.get(f"{facts['baseUrl']}/admin/host/status", timeout=30)
        assert status.json()["state"] == "Running"


def test_a_port_is_had_by_one_process_alone(as_windows, wait_until):
    """A second service on the same port ends with the code for that, and names the port."""
    with as_windows.service("serve", ROOT, *ANY_PORTS, wait_until=wait_until) as facts:
        port = facts["baseUrl"].rpartition(":")[2]
        second = as_windows.harness("serve", ROOT, "--port", port, "--dashboard-port", "any")
        assert second.returncode == 6, second.stderr
        assert f"Port {port} is in use" in second.stderr


def test_https_needs_no_file_that_is_open_twice(as_windows, wait_until):
    """`--useHttps` makes its certificate and serves with it."""
    with as_windows.service("serve", ROOT, *ANY_PORTS, "--useHttps", wait_until=wait_until) as facts:
        unverified = ssl._create_unverified_context()
        with urllib.request.urlopen(f"{facts['baseUrl']}/admin/host/status", context=unverified) as answer:
            assert answer.status == 200


def test_a_killed_process_loses_no_operation(as_windows, wait_until):
    """A service on a file is killed and started again: what it had accepted comes to its end."""
    data = as_windows.folder / "instances.db"
    words = ("serve", ROOT, *ANY_PORTS, "--data", data)
    with as_windows.service(*words, wait_until=wait_until) as first:
        url = begin(first["baseUrl"], duration=5)
        first["process"].kill()
        first["process"].wait()
    with as_windows.service(*words, wait_until=wait_until) as second:
        moved = url.replace(first["baseUrl"], second["baseUrl"])
        assert result(moved, wait_until)["output"]["result"] == "Success"


def test_two_schedulers_cannot_work_on_one_file(as_windows, wait_until):
    """A second scheduler on a file is refused; once the first has ended the file is free, with nothing beside it."""
    data = as_windows.folder / "instances.db"
    words = ("scheduler", *FREE_PORTS, "--data", data)
    for _ in range(2):
        with as_windows.service(*words, wait_until=wait_until):
            refused = as_windows.harness(*words)
            assert refused.returncode == 2, refused.stderr
            assert "another scheduler works on it" in refused.stderr
    assert [path.name for path in as_windows.folder.glob("instances*")] == ["instances.db"]


def test_a_service_ends_with_its_parent(as_windows, wait_until):
    """A service that was started for a process ends in order when that process was killed."""
    parent = as_windows.start("-c", "import time; time.sleep(600)", name="parent")
    words = ("scheduler", *FREE_PORTS, "--exit-with-parent", parent.pid)
    with as_windows.service(*words, wait_until=wait_until) as facts:
        assert facts["process"].poll() is None
        parent.kill()
        parent.wait()
        assert facts["process"].wait(30) == 0


SUPERVISED = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
path = pathlib.Path("pid")
path.with_suffix(".new").write_text(str(child.pid), encoding="utf-8")
path.with_suffix(".new").rename(path)
time.sleep(600)
"""


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_supervised_command_ends_with_its_children(as_windows, wait_until, ask_to_end, is_asked):
    """A command of a user ends with all that it started when it is asked to, and when its parent is gone."""
    parent = as_windows.start("-c", "import time; time.sleep(600)", name="parent")
    supervisor = as_windows.start(
        "-m", "durable_harness.stack.supervisor", parent.pid, sys.executable, "-c", SUPERVISED, name="supervisor"
    )
    wait_until((as_windows.folder / "pid").exists, "the grandchild")
    grandchild = Path(f"/proc/{(as_windows.folder / 'pid').read_text()}")
    assert grandchild.exists()
    if is_asked:
        ask_to_end(supervisor)
    else:
        parent.kill()
        parent.wait()
    supervisor.wait(30)
    wait_until(lambda: not grandchild.exists() or "\nState:\tZ" in (grandchild / "status").read_text(), "its end")


def test_a_changed_app_is_served_again(as_windows, wait_until):
    """`--reload` ends the app's process in order and starts another when a file changes; operations continue."""
    app = as_windows.folder / "app"
    app.mkdir()
    for name in ("function_app.py", "host.json", "local.settings.json"):
        (app / name).write_bytes((ROOT / name).read_bytes())
    with as_windows.service("serve", app, *ANY_PORTS, "--reload", wait_until=wait_until) as facts:
        url = begin(facts["baseUrl"])
        result(url, wait_until)
        (app / "function_app.py").write_bytes((ROOT / "function_app.py").read_bytes() + b"\n# changed\n")
        wait_until((as_windows.folder / "ready.json").exists, "it to be ready again")
        assert result(url, wait_until)["output"]["result"] == "Success"


TESTS_OF_AN_APP = '''
import pytest
from durable_harness.testing import assert_called_once, assert_completed

@pytest.mark.parametrize("number", range(3))
def test_an_operation(operations, number):
    """It completes."""
    operation = operations.start("/api/async_http_api", {"operation_type": "order", "duration": 0.01})
    assert_completed(operation, timeout_s=30)
    assert_called_once(operation, "process_long_running_task")

def test_a_clock(operations, durable_clock):
    """Time passes by itself."""
    durable_clock.skip()
    operation = operations.start("/api/async_http_api", {"operation_type": "order", "duration": 0.01})
    assert_completed(operation, timeout_s=30)

@pytest.mark.durable_breakable
def test_faults(operations, durable_faults):
    """Whatever is killed or paused comes back."""
    operation = operations.start("/api/async_http_api", {"operation_type": "order", "duration": 0.2})
    durable_faults.kill_host()
    durable_faults.pause_scheduler(0.2)
    assert_completed(operation, timeout_s=30)

def test_that_fails(operations):
    """It fails, and leaves a page of its instance: a\\u0327?*:<"""
    operation = operations.start("/api/async_http_api", {"operation_type": "order", "duration": 0.01})
    assert_completed(operation, timeout_s=30)
    assert False, "on purpose: 1 \\u2264 2"
'''


def test_the_tests_of_an_app_run(as_windows):
    """pytest with our plugin runs an app's tests in two processes, moves its clock, breaks it, explains a failure."""
    (as_windows.folder / "test_app.py").write_text(TESTS_OF_AN_APP, encoding="utf-8")
    done = as_windows.run(
        "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "--app-dir", ROOT, "-c", "/dev/null", "."
    )
    assert "1 failed, 5 passed" in done.stdout, done.stdout + done.stderr


def locust_words(folder, *more):
    """Return the words of a small load run on the sample app."""
    return ("load", ROOT, "--report-dir", folder / "report", "Steady", *more)


def test_a_load_run_has_its_report(as_windows):
    """A load run ends with its verdict; what it prints is plain where the encoding of its output lacks a character."""
    done = as_windows.harness(*locust_words(as_windows.folder, "--run-time", "3s"), **PATIENT, GEVENT_LOOP="libuv-cffi")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
    assert "<= 0" in done.stdout
    summary = json.loads((as_windows.folder / "report" / "summary.json").read_text(encoding="utf-8"))
    assert summary["operations"]["started"] > 5


def test_a_load_run_is_interrupted_in_order(as_windows, wait_until, ask_to_end):
    """Ctrl-Break ends a load run with the code of an interruption, and its report is there."""
    words = ["-m", "durable_harness", *locust_words(as_windows.folder, "--run-time", "60s")]
    run = as_windows.start(*words, name="load")
    wait_until(lambda: "All users spawned" in as_windows.log("load"), "the run to begin")
    ask_to_end(run)
    assert run.wait(60) == 130, as_windows.log("load")
    assert (as_windows.folder / "report" / "summary.json").exists()


ENDLESS = """
import azure.durable_functions as df

app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def {name}(context):
    while True:
        pass
    yield
"""


def test_a_replay_that_does_not_end_is_given_up(as_windows):
    """A replay whose time is up ends without SIGALRM, names the place, and counts as different."""
    app = as_windows.folder / "app"
    app.mkdir()
    (app / "function_app.py").write_text(ENDLESS.format(name="async_http_orchestrator"), encoding="utf-8")
    for name in ("host.json", "local.settings.json"):
        (app / name).write_bytes((ROOT / name).read_bytes())
    done = as_windows.harness("replay", HISTORY, "--app", app, "--timeout", "0.5")
    assert done.returncode == 7, done.stdout + done.stderr
    assert "was not over after 0.5 s" in done.stdout + done.stderr


def test_the_rules_of_windows_are_shown(as_windows):
    """What these tests rest on: our modules see Windows, and other packages what is there."""
    (as_windows.folder / "open").touch()
    for code, problem in (
        ("open(sys.argv[1] + '/a:b', 'w')", "syntax is incorrect"),
        ("f = open(sys.argv[1] + '/open'); os.remove(f.name)", "being used"),
        ("f = open(sys.argv[1] + '/open'); os.rename(f.name, f.name + '2')", "being used"),
        ("from durable_harness.platforms import signals; signals.os.getpgid(0)", "win32 has no os.getpgid"),
        ("from durable_harness.platforms import locks; locks.fcntl", "has no attribute 'fcntl'"),
    ):
        done = as_windows.run("-c", f"import os, sys; {code}", as_windows.folder)
        assert done.returncode == 1
        assert problem in done.stderr
    assert as_windows.run("-c", "import os, fcntl; os.getpgid(0)").returncode == 0
