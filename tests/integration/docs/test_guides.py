"""The how-to guides: their tests pass on the app that they name, and their scenarios make load."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patience import PATIENT

ROOT = Path(__file__).parents[3]
GUIDES = ROOT / "docs" / "how-to"
ORDERS = ROOT / "examples" / "orders"
TASKS = (
    *("debug-an-orchestrator", "test-timers-and-events", "fake-an-activity", "test-a-change-against-histories"),
    *("load-an-app-in-azure", "several-scenarios", "prometheus-and-grafana", "run-on-kubernetes"),
    "choose-a-poll-strategy",
)
OF_TESTS = {"test-timers-and-events": 3, "fake-an-activity": 3, "test-a-change-against-histories": 2}


def blocks(guide, kind):
    """Return the blocks of a guide."""
    return re.findall(rf"```{kind}\n(.*?)```", (GUIDES / f"{guide}.md").read_text(), re.DOTALL)


def run(words, folder):
    """Run a module of Python in a folder, and return what it printed; fail with that unless it ends with 0."""
    command = [sys.executable, "-m", *words]
    environment = {**os.environ, **PATIENT}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("guide", TASKS)
def test_a_guide_has_its_parts(guide):
    """A guide has steps, says how a reader sees that they worked, and what goes wrong."""
    text = (GUIDES / f"{guide}.md").read_text()
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert headings == ["Steps", "How you see that it worked", "What goes wrong"]
    assert len(text.splitlines()) <= 100


@pytest.mark.parametrize(("guide", "count"), OF_TESTS.items())
def test_the_tests_of_a_guide_pass(guide, count, tmp_path):
    """Each Python block of a guide about tests is a module of tests, which pass on examples/orders in their order."""
    app = shutil.copytree(ORDERS, tmp_path / "orders", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    (app / "tests").mkdir()
    found = blocks(guide, "python")
    for number, block in enumerate(found):
        (app / "tests" / f"test_{number}.py").write_text(block)
    printed = run(["pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}"], app)
    assert len(found) == count
    assert f"{count} passed in" in printed


@pytest.mark.thorough
def test_the_scenarios_of_the_guide_run_together(tmp_path):
    """Both scenarios of the page start operations in one run, and the limit of one of them is a gate of the run."""
    app = shutil.copytree(ROOT / "tests" / "apps" / "documented", tmp_path / "app")
    (app / "loadtests").mkdir()
    (app / "loadtests" / "both.py").write_text(blocks("several-scenarios", "python")[0])
    gates = blocks("several-scenarios", "toml")[0].replace("4_000", "60_000").replace("Burst", "Readers")
    (app / "loadtests" / "gates.toml").write_text(gates)
    printed = run(["durable_harness", "load", ".", "--run-time", "4s", "--report-dir", str(tmp_path / "report")], app)
    assert re.search(r"^Readers +[1-9]", printed, re.MULTILINE), printed
    assert re.search(r"^Importers +[1-9]", printed, re.MULTILINE), printed
    assert "PASSED: all 2 gates hold" in printed
