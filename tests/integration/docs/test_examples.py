"""The apps in examples/: their own tests pass, their load runs hold, and the documentation shows them as they are."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import rooms
from durable_harness.stack import scheduler_process
from patience import PATIENT

ROOT = Path(__file__).parents[3]
ORDERS = ROOT / "examples" / "orders"
AGENTS = ROOT / "examples" / "agents"
TYPED = ROOT / "examples" / "typed"
PAGE = (ROOT / "docs" / "how-to" / "one-app-all-tests.md").read_text()


def run(words, folder, python=sys.executable, **environment):
    """Run a module of Python in a folder, and return what it printed; fail with that unless it ends with 0."""
    env = {**os.environ, **PATIENT, **environment}
    command = [str(python), "-m", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--twice"], ["--twice", "--twice-answer", "first"]], ids=" ".join)
def test_orders_are_tested_in_every_way(tmp_path, options):
    """All tests of the app pass, also with all work delivered twice: fakes, skipped time, faults, histories."""
    printed = run(["pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}", *options], ORDERS)
    assert "embedded 13 passed" in printed


def test_typed_tests_pass(tmp_path):
    """What the typed example says of the fixtures is also true when its tests run."""
    printed = run(
        ["pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}"], TYPED
    )
    assert "embedded 11 passed" in printed


def test_typed_scenarios_can_be_loaded():
    """Locust finds the typed scenarios, with their options."""
    printed = run(["locust", "-f", "loadtests/typed_orders.py", "--list"], TYPED)
    assert {"Batch", "Morning", "Customer"} <= set(printed.split())


def test_a_typed_driver_follows_an_operation(sample):
    """An operation is started and followed by an HTTP client that has no part of ours."""
    run(["drive_operation", f"{sample.stack.base_url}/api/async_http_api", '{"duration": 0.1}'], TYPED)


ELSEWHERE = """
import pytest

@pytest.fixture(scope="session")
def durable_serve_args():
    return ["--scheduler", "Endpoint=http://{address};TaskHub=default;Authentication=None"]
"""


def test_orders_are_tested_beside_a_scheduler_elsewhere(tmp_path):
    """What needs no clock or hub of ours passes; the other tests are skipped, each with its reason.

    The module that answers for the bank has a host of its own, which takes no work of the other module's tests.
    """
    with scheduler_process() as scheduler:
        app = shutil.copytree(ORDERS, tmp_path / "orders")
        (app / "conftest.py").write_text(ELSEWHERE.replace("{address}", scheduler.grpc_address))
        (app / "tests" / "test_faults.py").unlink()  # faults need a scheduler of their own
        printed = run(["pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}"], app)
    assert re.search(r"embedded [6-9] passed", printed), printed
    assert "cannot be moved" in printed


def test_orders_are_tested_on_the_emulator(tmp_path):
    """The same on Microsoft's emulator, where Docker answers; else each test says what is missing."""
    words = ["pytest", "-q", "-rs", "--stack", "emulator", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}"]
    printed = run(words, ORDERS)
    assert re.search(r"emulator [6-9] passed|13 skipped", printed), printed


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_page_shows_tests_that_are_run(block):
    """Each test on the page is one of the app's, word for word."""
    tests = "".join(path.read_text() for path in sorted((ORDERS / "tests").glob("*.py")))
    for function in block.strip().split("\n\n\n"):
        assert function in tests


class Bank(BaseHTTPRequestHandler):
    """Charges every card."""

    def do_POST(self):
        content = json.dumps({"charge": self.headers["Idempotency-Key"]}).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def bank():
    """Yield the URL of a bank."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.thorough
def test_orders_are_loaded(bank, tmp_path):
    """The app's scenario starts orders, and each is paid; the limit of time is for an idle machine."""
    (tmp_path / "gates.toml").write_text("[operations]\nlost = 0\nerror_ratio = 0\n")
    words = ["durable_harness", "load", ".", "--run-time", "3s", "--report-dir", str(tmp_path), "--rate", "5"]
    assert "PASSED" in run([*words, "--gates", str(tmp_path / "gates.toml")], ORDERS, BANK_URL=bank)


@pytest.fixture(scope="module")
def agents_python():
    """Return the Python of an environment that has the Agent Framework."""
    if rooms.sdk_generation() > 1:
        pytest.skip(rooms.NEEDS_SDK1)
    return rooms.environment_beside_ours(rooms.AGENTS)


@pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)
def test_agents_are_tested_without_a_model(agents_python, tmp_path):
    """All tests of the app pass, and none of them reaches the service of its model."""
    words = ["pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}"]
    assert "embedded 6 passed" in run(words, AGENTS, agents_python)


@pytest.mark.thorough
@pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)
def test_agents_are_loaded(agents_python, tmp_path):
    """The app's scenario starts briefs, and a model that answers by heart writes each about its own topic."""
    (tmp_path / "gates.toml").write_text("[operations]\nlost = 0\nerror_ratio = 0\n")
    words = ["durable_harness", "load", ".", "--run-time", "3s", "--report-dir", str(tmp_path), "--rate", "5"]
    gates = ["--gates", str(tmp_path / "gates.toml")]
    rehearsed = {"BRIEFS_MODEL": "rehearsed", "BRIEFS_MODEL_SECONDS": "0.05"}
    assert "PASSED" in run([*words, *gates], AGENTS, agents_python, **rehearsed)
