"""The commands of the README and of docs/ work: each one is run, the long ones for a shorter time."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.network.free_ports import free_port
from durable_harness.stack import embedded_stack
from durable_harness.testing import Operations
from patience import PATIENT
from sdk_generation import SDK

ROOT = Path(__file__).parents[3]
# The tutorial is followed in its order by test_tutorial.py.
DOCS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "tutorial"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
README = "\n".join(page.read_text() for page in PAGES)
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = list(dict.fromkeys(line for block in BLOCKS for line in block.strip().splitlines()))
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TESTS = PYTHON[0]
FAULTS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to" / "testing.md").read_text(), re.DOTALL)
FAULTS = next(block for block in FAULTS if "kill_scheduler" in block)
APP_FILES = ("function_app.py", "host.json", "local.settings.json")
SERVES = "serves until it is told to stop"
SHORT = "--run-time 3s --report-dir {tmp} --gates {tmp}/gates.toml"  # the shipped limits are for an idle machine
MAKE = "make --old-file .venv/.ready"  # the environment is the one of this test run; CI proves that make sets it up
QUICK_AB = "--pairs 12 --slice 0.2 --effect 99 --warm-up 0.5 --operation-duration 0.05 --report-dir {tmp}"
HONEST = " || test $? = 3"  # twelve short pairs on a busy machine may not be enough for an answer, which is one as well
# How each command is run here: what is put in its place, and what its output must say.
ADAPTED = {
    "make load": (MAKE + ' load LOAD_ARGS="' + SHORT + '"', "PASSED"),
    "make test": (MAKE + ' test TEST_ARGS="--collect-only -q tests/unit/settings/test_settings.py"', "test_settings"),
    "make test-thorough": (MAKE + " --dry-run test-thorough", "-m thorough"),
    "make check": (MAKE + " --dry-run check", "mypy"),
    "make docs": (
        MAKE + " --dry-run docs",
        "sphinx-build --fail-on-warning",
    ),  # tests/site builds it
    "make docs-serve": (MAKE + " --dry-run docs-serve", "sphinx-autobuild"),
    "make bench": (".venv/bin/python benchmarks/run.py --help", "--rounds"),
    "make wheel": (MAKE + " wheel DIST={tmp}/dist", ""),
    "pytest --stack emulator": ("pytest --stack emulator", "2 passed|2 skipped"),  # skipped where Docker is missing
    ".venv/bin/durable-harness ab --base origin/main": (
        ".venv/bin/durable-harness ab --base HEAD " + QUICK_AB + HONEST,
        "NOT SLOWER|CANNOT TELL",
    ),
    ".venv/bin/durable-harness ab --aa": (
        ".venv/bin/durable-harness ab --aa --comparisons 1 " + QUICK_AB + HONEST,
        "against itself by finish_ms p95",
    ),
    ".venv/bin/python benchmarks/truth.py": (
        ".venv/bin/python benchmarks/truth.py --rate 5 --run-time 6 --after 2 --stall 1",
        "completion, ms",
    ),
    "make serve": (MAKE + ' serve SERVE_ARGS="--port {port}"', SERVES),
}
REPLACED = [
    # A history is of the generation of the SDK that it was recorded with.
    ("replay tests/histories/sample", f"replay tests/histories/sample{'_sdk2' if SDK == 2 else ''}"),
    ("~/.durable-harness.bash", "{tmp}/completion.bash"),
    ("path/to/your/app", "."),
    ("https://YOUR-APP.azurewebsites.net", "{host}"),
    ("--metrics-port 9464", "--metrics-port 0"),
    ("--run-time 30s", SHORT),
    ("--run-time 1m", SHORT),
    ("error_ratio <= 0.01", "error_ratio <= 1"),
    ("durable-harness capacity", "durable-harness capacity --trial 3 --warm-up 0.5 --max-rate 5 --report-dir {tmp}"),
    ("https://reports.example", "{host}"),
    ("reports.toml", "{tmp}/reports.toml"),
    (":7071", ":{host_port}"),
    ("--port 7071", "--port {port}"),
]
# The sample app as if it were any service.
DESCRIPTION = """
[start]
path = "/api/async_http_api"
body = { operation_type = "report", duration = "{duration}", data = "{token}" }
status_url = ["body:/statusQueryGetUri"]
[status]
state = "/runtimeStatus"
succeeded = ["Completed"]
failed = ["Failed"]
output = "/output"
token = "/data"
"""
NOT_RUN = {
    "pip install": "installs into your environment; tests/packaging/test_installed_wheel.py does it in a clean one",
    "python3 -m venv": "makes the environment that the next line installs into",
    "docker run": "needs an image from a registry",
    "docker build": "needs a base image from a registry",
    "docker push": "needs a registry of your own",
    "kubectl": "needs a cluster; tests/integration/docs/test_kubernetes_example.py checks the manifest",
    "az ": "needs an app in Azure",
    ".venv/bin/durable-harness serve --scheduler settings": "needs the emulator of the line before",
}


@pytest.fixture(scope="module")
def host():
    with embedded_stack(ROOT) as stack:
        yield stack


def with_scenario(text):
    """Name a scenario where a page names none: this repository has more of them than fit into a short run."""
    loads = re.search(r"durable-harness load \. |locust -f loadtests --headless", text)
    return f"{text} Steady" if loads and not re.search(r" [A-Z]\w+$", text) else text


def adapt(command, host, tmp_path):
    text, expected = ADAPTED.get(command, (command, "2 passed" if command.startswith("pytest") else ""))
    if text.startswith("pytest"):
        text = f"cd {project(tmp_path)} && .venv/bin/python -m {text}"
    for old, new in REPLACED:
        text = text.replace(old, new)
    text = with_scenario(text)
    if re.search("durable-harness (record|replay|why)", text):
        expected, ended = (
            ("critical path|findings" if " why " in text else "events"),
            Operations(host, tmp_path).start("/api/async_http_api", {"duration": 0}),
        )
        ended.wait()
        text = text.replace("INSTANCE_ID", ended.instance_id).replace("--out tests", "--out {tmp}")
    elif re.search("durable-harness (serve|scheduler|func)", text):
        expected = SERVES
        if " scheduler" in text:
            text = text.replace("build/hub.db", "{tmp}/hub.db") + " --grpc-port 0 --http-port 0 --dashboard-port 0"
        elif "--port" not in text:
            text += " --port {port}"
    elif "locust" in text and "--headless" not in text:
        expected = "web UI"
        text += " --web-port {port} --web-host 127.0.0.1"
    values = {
        "tmp": tmp_path,
        "port": free_port(),
        "host": host.base_url,
        "host_port": host.base_url.rpartition(":")[2],
    }
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text.replace(".venv/bin/", f"{Path(sys.executable).parent}/"), expected


def project(tmp_path):
    """Make a project with the sample app and the README's tests of it; return its folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in APP_FILES:
        shutil.copy(ROOT / name, folder)
    (folder / "test_orders.py").write_text(TESTS)
    (folder / "pytest.ini").touch()
    return folder


def as_case(command):
    """Leave all but the make targets to thorough runs."""
    return pytest.param(command, id=command, marks=[] if command.startswith("make") else [pytest.mark.thorough])


def test_the_readme_has_commands():
    """A README without commands, or one whose blocks are not found, would prove nothing."""
    assert {"make load", "make test", "make serve"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [as_case(command) for command in COMMANDS])
def test_a_command_of_the_readme_works(command, host, tmp_path):
    """Every shell command of the README does what the README says of it."""
    reason = next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)
    if reason:
        pytest.skip(f"{reason}; run it by hand where that is to be had")
    text, expected = adapt(command, host, tmp_path)
    if expected in {SERVES, "web UI"}:
        assert_serves(text, "Functions:|task hubs" if expected == SERVES else "web interface")
        return
    (tmp_path / "reports.toml").write_text(DESCRIPTION)
    (tmp_path / "gates.toml").write_text("[operations]\nlost = 0\nerror_ratio = 0\n")
    environment = {**os.environ, **PATIENT}
    done = subprocess.run(
        text, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(expected, done.stdout)


@pytest.mark.thorough
def test_the_example_of_faults_passes(tmp_path):
    """The README's test that breaks the sample app passes as it stands there."""
    folder = project(tmp_path)
    (folder / "test_orders.py").write_text(FAULTS)
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def assert_serves(text, sign):
    """Start a command that does not end, wait for its sign of life, end it as Ctrl-C does."""
    words = shlex.split(text)
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        seen = []
        try:
            for line in running.stdout:
                seen.append(line)
                if re.search(sign, line):
                    break
            else:
                pytest.fail("".join(seen))
        finally:
            os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=20)
