"""Apps pinned to an older azure-functions-durable run: the patterns of an app, and the HTTP conformance checks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.stack import embedded_stack
from older_packages import environment_with

pytestmark = [pytest.mark.sdk1, pytest.mark.thorough, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[4]
APP = ROOT / "tests" / "apps" / "patterns"
WHEELS = {
    "1.3.3": "8b140f95a77fc4d4bb6c57e6f1e6f09778ecf79b812e5375892a52be6ab921c0",
    "1.4.0": "0efe919cdda96924791feabe192a37c7d872414b4c6ce348417a02ee53d8cc31",
    "1.5.0": "aea683193328924ae56eebb8f80647e186baf93e26c061f09ce532702c279ddc",
    "1.6.0": "7f28545d7025c10476c0d0ba33b90969476af76115f8d4862827db941b546760",
}
PATTERNS = {
    "values": (None, ["Point", 2, 3]),
    "retries": (None, [3, 2, True]),
    "timers": (None, [True, "quick", True]),
    "family": (None, True),
    "fan_out": (5, 30),
    "counted": (None, [5, True]),
    "eternal": (2, "done"),
}


@pytest.fixture(scope="module", params=WHEELS)
def older(request):
    """Return a version of the SDK, and the environment in which it comes before the installed one."""
    version = request.param
    return version, environment_with("azure-functions-durable", version, WHEELS[version])


@pytest.fixture(scope="module")
def stack(older, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "host.log"
    with embedded_stack(APP, environment=older[1], log_path=log) as running:
        yield running


@pytest.fixture
def client(client_of, stack):
    return client_of(stack)


def test_the_app_runs_on_that_version(client, older):
    """The app's own processes have the older SDK, or these tests would prove nothing."""
    assert client.output_of("sdk") == older[0]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_works(client, pattern):
    """Values, retries, timers, sub-orchestrations, fan-out, entities and renewals end as on the latest version."""
    value, expected = PATTERNS[pattern]
    assert client.output_of(pattern, value) == expected


def test_a_custom_status_is_shown(client):
    """What an orchestrator sets as its status is in the status document."""
    assert client.run("values")["customStatus"] == {"step": 1}


def test_a_failure_has_the_apps_text(client):
    """An orchestrator that raises is Failed, with the error that it raised."""
    status = client.run("fails")
    assert status["runtimeStatus"] == "Failed"
    assert "the app's own error" in status["output"]


def test_a_client_does_what_clients_do(client):
    """Start, suspend, resume, raise, wait, terminate, signal, purge and status by the SDK's own client."""
    answer = client.post("/api/clients")
    events = json.dumps([json.dumps(name) for name in ("go", "a", "b")])  # this client encodes their values twice
    assert (answer.status_code, answer.text) == (200, f"{events} 1 True")


def test_the_conformance_checks_hold(older, tmp_path):
    """The HTTP conformance checks pass on the older SDK as they do on the one that is pinned."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | older[1]
    done = subprocess.run(
        [*words, "tests/conformance"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
