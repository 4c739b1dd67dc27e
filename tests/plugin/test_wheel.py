"""The built wheel, as its users get it: installed in a clean virtual environment, beside a test of their own app."""

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

FUNCTION_APP = """
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="greetings", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    instance_id = await client.start_new("greeting", client_input=req.get_json()["name"])
    return client.create_check_status_response(req, instance_id)

@app.orchestration_trigger(context_name="context")
def greeting(context):
    return (yield context.call_activity("say_hello", context.get_input()))

@app.activity_trigger(input_name="name")
def say_hello(name: str) -> str:
    return f"Hello, {name}!"
"""
USERS_TEST = """
from durable_harness.testing import Operations, assert_called_once, assert_completed, assert_history


def test_greeting(operations: Operations) -> None:
    operation = operations.start("/api/greetings", {"name": "Ada"})
    assert operation.answer.status == 202
    assert_completed(operation, output="Hello, Ada!", timeout_s=10)
    assert_called_once(operation, "say_hello")
    assert_history(operation, ["ExecutionStarted greeting", "TaskCompleted say_hello", "ExecutionCompleted"])


def test_the_base_url_answers(operations: Operations, base_url: str) -> None:
    assert operations.request("GET", f"{base_url}/admin/host/ping").status == 200
"""
HOST_JSON = """{"version": "2.0", "extensions": {"durableTask": {"storageProvider":
 {"type": "azureManaged", "connectionStringName": "DTS"}}}}"""
LOCAL_SETTINGS = (
    '{"Values": {"FUNCTIONS_WORKER_RUNTIME": "python", "DTS": "Endpoint=http://localhost:8080;Authentication=None"}}'
)


def run(*words, cwd):
    """Run a command and return its output; fail if it fails."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_", "CI"))}
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def clean_python(tmp_path, pattern):
    """Return the Python of a clean environment with the built wheel; its dependencies are those of this one."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(pattern.app_dir / name, source)
    for name in ("src", "loadtests"):
        shutil.copytree(pattern.app_dir / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    isolation = ["--no-build-isolation", "--no-index"] if importlib.util.find_spec("hatchling") else []
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--no-deps", *isolation, "--wheel-dir", tmp_path / "dist", ".", cwd=source)
    venv.create(tmp_path / "clean", symlinks=True)
    python = tmp_path / "clean" / "bin" / "python"
    [wheel] = (tmp_path / "dist").glob("durable_harness-*.whl")
    run(*pip, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    dependencies = [folder for folder in sys.path if folder.endswith("-packages")]  # so not this repository's src
    Path(packages, "dependencies.pth").write_text("\n".join(dependencies))
    return python


def test_a_users_test_runs_from_the_wheel(tmp_path, clean_python):
    """Fifteen lines of test for one's own function_app.py work with the wheel, without configuration."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "function_app.py").write_text(FUNCTION_APP)
    (project / "host.json").write_text(HOST_JSON)
    (project / "local.settings.json").write_text(LOCAL_SETTINGS)
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (project / "test_app.py").write_text(USERS_TEST)
    where = run(clean_python, "-c", "import durable_harness; print(durable_harness.__file__)", cwd=project)
    assert where.startswith(str(tmp_path / "clean"))
    # Plugins of this environment that a user has not asked for.
    foreign = ("-p", "no:asyncio", "-p", "no:base_url")
    printed = run(clean_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *foreign, cwd=project)
    assert "2 passed" in printed
    assert len(USERS_TEST.strip().splitlines()) <= 15


def test_a_load_run_from_the_wheel(tmp_path, clean_python):
    """The wheel has the scenarios, the gates and what `init` writes: an app is loaded without a file of its own."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "function_app.py").write_text(FUNCTION_APP)
    (project / "host.json").write_text(HOST_JSON)
    (project / "local.settings.json").write_text(LOCAL_SETTINGS)
    command = (clean_python, "-m", "durable_harness")
    payload = '{"name": "{token}"}'
    printed = run(*command, "load", "--run-time", "1s", "--payload", payload, cwd=project)
    assert "all 6 gates hold" in printed
    assert "wrote loadtests/start_greetings.py" in run(*command, "init", cwd=project)
    assert "all 6 gates hold" in run(*command, "load", "--run-time", "1s", cwd=project)
