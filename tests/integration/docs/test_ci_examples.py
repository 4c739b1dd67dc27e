"""The examples for CI work as they stand: the GitHub workflow's commands, and what Azure Load Testing is given."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from durable_harness.stack import embedded_stack
from durable_harness.stack.emulator import IMAGE_VARIABLE
from patience import PATIENT

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
AZURE = ROOT / "loadtests" / "azure"
MAKE = "make --old-file .venv/.ready"  # the environment is the one of this test run
# How each command of the workflow is run here: what is put in place of what.
REPLACED = [
    (re.compile(r"^make (?=check|docs|test)"), f"{MAKE} --dry-run "),
    (re.compile(r"^make (?=\.venv)"), f"{MAKE} "),
    (re.compile(r"^python -m pip install --require-hashes .*"), "test -f constraints.txt"),
    (re.compile(r"^python -m pip install .*"), "python -m pip --version"),
    (re.compile(r"^python -m pytest -n auto (.*)"), r"python -m pytest --collect-only -q \1"),
    (re.compile(r"--run-time 20s"), "--run-time 2s --report-dir {tmp}/report"),
    (re.compile(r"^python -m mypy"), "python -m mypy --version"),  # `make check` has it
    (re.compile(r"^python "), ".venv/bin/python "),
    (re.compile(r"-n auto --junitxml=\S+"), "--collect-only -q"),
    (re.compile(r"^docker build .*"), "test -f Dockerfile"),  # .ci/docker.sh builds it, on a base of its own
]
AZURE_KEYS = {
    *("version", "testId", "displayName", "description", "testType", "testPlan", "engineInstances", "env", "secrets"),
    *("configurationFiles", "failureCriteria", "autoStop"),
}
CRITERION = re.compile(r"(p(50|90|95|99)|avg|min|max)\(response_time_ms\) [<>] \d+|percentage\(error\) > \d+")
ROWS = {"/api/async_http_api", "Steady completion"}


def read(path):
    return YAML(typ="safe").load(path)


def steps(job):
    return read(WORKFLOW)["jobs"][job]["steps"]


def run(command, cwd, **variables):
    """Run a command line as a step of a workflow does; fail if it fails. Returns its output."""
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command.replace(".venv/bin/", f"{BIN}/")],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_workflow_is_one():
    """The workflow is valid by GitHub's own schema."""
    run(f".venv/bin/check-jsonschema --builtin-schema vendor.github-workflows {WORKFLOW}", ROOT)


@pytest.mark.parametrize("job", ["tests", "platforms", "emulator"])
def test_the_commands_of_the_workflow_work(job, tmp_path):
    """Every command of a job runs, after those before it."""
    environment = read(WORKFLOW)["jobs"][job].get("env", {})
    assert environment.get(IMAGE_VARIABLE, "durable-harness-scheduler") == "durable-harness-scheduler"
    commands = [step["run"] for step in steps(job) if "run" in step]
    assert len(commands) >= 2
    for command in commands:
        adapted = command
        for old, new in REPLACED:
            adapted = old.sub(new, adapted)
        run(adapted.replace("{tmp}", str(tmp_path)), ROOT)


@pytest.fixture(scope="module")
def azure(tmp_path_factory):
    """Return the folder of all files that an engine of Azure Load Testing gets, and their configuration."""
    dist = tmp_path_factory.mktemp("dist")
    run(f"{MAKE} azure DIST={dist}", ROOT)
    return dist / "azure", read(dist / "azure" / "config.yaml")


def test_the_azure_configuration_keeps_to_its_reference(azure):
    """Keys, lengths and criteria are those that Azure Load Testing documents; every file is in the one folder."""
    folder, config = azure
    assert set(config) <= AZURE_KEYS
    assert (config["version"], config["testType"]) == ("v0.1", "Locust")
    assert re.fullmatch(r"[a-z0-9_-]{2,50}", config["testId"])
    assert len(config["description"]) <= 100
    assert all((folder / name).is_file() for name in (config["testPlan"], *config["configurationFiles"]))
    criteria = [pair for criterion in config["failureCriteria"] for pair in criterion.items()]
    assert len(criteria) <= 10
    assert {row for row, _ in criteria} == ROWS
    assert all(CRITERION.fullmatch(rule) for _, rule in criteria), criteria


def test_the_requirements_are_the_wheel(azure):
    """The engine's requirements name the wheel beside them."""
    folder, _ = azure
    run(
        f".venv/bin/python -m pip install --dry-run --no-deps --no-index --target {folder}/x -r requirements.txt",
        folder,
    )


def test_an_engine_runs_the_scenario(azure):
    """With its files in one folder and its settings in the environment, Locust has the rows of the criteria."""
    folder, config = azure
    settings = {setting["name"]: str(setting["value"]) for setting in config["env"]}
    assert [secret["name"] for secret in config["secrets"]] == ["DURABLE_HARNESS_FUNCTION_KEY"]
    with embedded_stack(ROOT, serve_args=("--enable-auth",)) as stack:
        here = {
            "LOCUST_HOST": stack.base_url,
            "LOCUST_RUN_TIME": "3",
            "DURABLE_HARNESS_FUNCTION_KEY": stack.function_key,
        }
        command = f".venv/bin/python -m locust -f {config['testPlan']} --headless --csv engine"
        run(command, folder, **settings | here | PATIENT)
    with (folder / "engine_stats.csv").open() as table:
        counts = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(table)}
    assert all(counts[row] > 5 for row in ROWS), counts
