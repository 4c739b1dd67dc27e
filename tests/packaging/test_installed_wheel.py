"""The wheel as its users install it: from the package index, in a clean environment, without this repository.

`WHEEL` in the environment names a folder with the wheel to test, as the release workflow does; without it one is built.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from patience import PATIENT
from rooms import leave_out

ROOT = Path(__file__).parents[2]
INSTALL_TIMEOUT_S = 300
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(INSTALL_TIMEOUT_S + 120)]  # any test may be the one to install
READY_TIMEOUT_S = 40
POLL_S = 0.05
RESERVATIONS = """
import azure.functions as func
import azure.durable_functions as df

bp = df.Blueprint()

@bp.route(route="tables/{table}/reservations", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def reserve(req: func.HttpRequest, client) -> func.HttpResponse:
    guests = req.get_json()["guests"]
    instance_id = await client.start_new("reservation", client_input=[req.route_params["table"], guests])
    return client.create_check_status_response(req, instance_id)

@bp.orchestration_trigger(context_name="context")
def reservation(context):
    table, guests = context.get_input()
    free = yield context.call_entity(df.EntityId("seats", table), "take", guests)
    retries = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=2)
    text = yield context.call_activity_with_retry("confirm", retries, f"{guests} at {table}")
    return {"confirmed": text, "free": free}

@bp.entity_trigger(context_name="context")
def seats(context):
    left = context.get_state(lambda: 12) - context.get_input()
    context.set_state(left)
    context.set_result(left)

@bp.activity_trigger(input_name="text")
def confirm(text: str) -> str:
    return text

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(bp)
"""
HOST_JSON = {"version": "2.0"}
APPS = {
    "folders": ("/api/orchestrators/Chaining", ["Rome"], ["Hello Rome!"]),
    "reservations": ("/api/tables/7/reservations", {"guests": 4}, {"confirmed": "4 at 7", "free": 8}),
}
"""For each app where an operation starts, with what, and what its first one comes to."""
USERS_TEST = """
from durable_harness.testing import assert_completed


def test_it(durable_operations):
    assert_completed(durable_operations.start({path!r}, {payload!r}), output={output!r}, timeout_s=20)
"""


def run(*words, cwd, timeout_s=120, **variables):
    """Run a command, and return its output; fail if it fails."""
    env = {**clean(), **variables}
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean():
    """Return the environment without what leads Python or pytest back to this repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_", "CI"))}


def install(python, *requirements):
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(
        words, cwd=python.parent, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        leave_out(f"pip install {' '.join(map(str, requirements))} failed; is the package index reachable? {errors}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel under test."""
    dist = Path(os.environ["WHEEL"]) if "WHEEL" in os.environ else tmp_path_factory.mktemp("dist")
    if "WHEEL" not in os.environ:
        run(sys.executable, "-m", "hatchling", "build", "-d", str(dist), "-t", "wheel", cwd=ROOT)
    (found,) = dist.resolve().glob("durable_harness-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return the Python of a clean environment that has the wheel, what it depends on, and the user's own pytest."""
    folder = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install(python, wheel, "pytest")
    return python


@pytest.fixture(params=APPS)
def project(request, tmp_path):
    """Return the folder of an app outside of this repository, with a test beside it; and where and how it starts."""
    path, payload, output = APPS[request.param]
    folder = tmp_path / request.param
    if request.param == "folders":
        shutil.copytree(ROOT / "tests" / "apps" / "folders", folder, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        folder.mkdir()
        (folder / "function_app.py").write_text(RESERVATIONS)
        (folder / "host.json").write_text(json.dumps(HOST_JSON))
    (folder / "test_it.py").write_text(USERS_TEST.format(path=path, payload=payload, output=output))
    return folder, path, payload, output


@contextlib.contextmanager
def running(python, folder, *words):
    """Run a service of the installed command until the block ends; yield what it prints once it is ready."""
    ready, log = folder / "ready.json", folder / "service.log"
    command = [python.with_name("durable-harness"), *words, "--ready-file", ready]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=clean(), stdout=output, stderr=output) as one,
    ):
        try:
            wait_until(lambda: ready.exists() or one.poll() is not None, log)
            assert ready.exists(), log.read_text()
            yield json.loads(ready.read_text())
        finally:
            one.terminate()
    assert one.returncode == 0 or os.name == "nt", log.read_text()


def wait_until(holds, log):
    """Look until something holds; fail with a log if it does not in time."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(POLL_S)


def ask(url, body=None):
    """Ask a service, by no proxy, and return its answer."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)


def answered(url, payload=None):
    """Ask a host and return the JSON that it answers with."""
    with ask(url, None if payload is None else json.dumps(payload).encode()) as answer:
        return json.load(answer)


def test_the_base_installation_is_small(python):
    """It brings no package of an extra: each would be there for everybody."""
    listed = run(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check", cwd=python.parent)
    names = {one["name"].lower().replace("_", "-") for one in json.loads(listed)}
    of_extras = {"locust", "gevent", "numpy", "pyarrow", "cryptography", "azure-identity", "msal", "testcontainers"}
    assert "durable-harness" in names
    assert names & (of_extras | {"watchfiles", "debugpy", "trustme", "pytest-xdist", "hatchling"}) == set()
    where = run(python, "-c", "import durable_harness; print(durable_harness.__file__)", cwd=python.parent)
    assert Path(where).is_relative_to(python.parents[1])


def test_an_app_is_served(python, project):
    """The command serves an app that it has never seen, and an operation ends as it should."""
    folder, path, payload, output = project
    with running(python, folder, "serve", "--port", "0") as ready:
        status_url = answered(f"{ready['baseUrl']}{path}", payload)["statusQueryGetUri"]
        wait_until(lambda: answered(status_url)["runtimeStatus"] == "Completed", folder / "service.log")
        assert answered(status_url)["output"] == output


def test_an_app_is_tested(python, project):
    """The user's own pytest finds the plugin, and the test of the app passes."""
    folder, *_ = project
    assert "1 passed" in run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)


def test_the_scheduler_runs_alone(python, tmp_path):
    """The scheduler starts, answers, and ends with 0."""
    ports = ("--grpc-port", "0", "--http-port", "0", "--dashboard-port", "0")
    with running(python, tmp_path, "scheduler", *ports) as ready, ask(f"{ready['httpUrl']}/health") as answer:
        assert answer.status == 200


def test_a_load_run_needs_the_extra_and_then_works(python, wheel, project):
    """Without the extra the command names it; installed by that name, it loads the app and all gates hold."""
    folder, path, payload, _ = project
    command = python.with_name("durable-harness")
    if not (python.parent / "locust").exists():  # the first of the two apps
        refused = subprocess.run(
            [command, "load"], cwd=folder, env=clean(), capture_output=True, text=True, check=False
        )
        assert 'pip install "durable-harness[load]"' in refused.stderr
        assert refused.returncode == 2
        install(python, f"{wheel}[load]")
    words = ("load", "--run-time", "2s", "--start-path", path, "--payload", json.dumps(payload))
    assert "gates hold" in run(command, *words, cwd=folder, **PATIENT)
