"""The scenarios of docs/how-to/scenarios.md run as they are, against an app like the one that they are about."""

import ast
import re
from pathlib import Path

import pytest

from durable_harness.load.scenario import attributes
from durable_harness.stack import embedded_stack

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "scenarios.md").read_text()
SCENARIO = ROOT / "src" / "durable_harness" / "load" / "scenario"
DESCRIBED = [SCENARIO / "described_scenario.py", SCENARIO / "arrival_user.py"]
"""The classes whose attributes docs/reference/scenario-api.md lists."""
EXAMPLES = {
    re.search(r"^class (\w+)", block, re.MULTILINE)[1]: block
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}


@pytest.fixture(scope="module")
def app():
    """Yield the URL of the app of the examples."""
    with embedded_stack(ROOT / "tests" / "apps" / "documented") as stack:
        yield stack.base_url


@pytest.fixture
def run_example(start_locust, app, tmp_path):
    """Return run_example(name, *options): the example as a file of its own, for two seconds."""

    def run(name, *options):
        path = tmp_path / "example.py"
        path.write_text(EXAMPLES[name])
        words = ["--headless", "--host", app, "-t", "2s", "--rate", "10/1.5", "--poll-interval", "0.05", *options]
        return start_locust(*words, "-u", "2", "-r", "10", "--gates", "none", scenarios=path).wait()

    return run


@pytest.mark.parametrize("name", ["Orders", "Clerk", "Approvals", "Baskets"])
def test_an_example_runs_as_it_is(run_example, name):
    """All operations of an example complete, with the outputs that it asks for."""
    run = run_example(name, "--operation-duration", "0.1")
    assert run.code == 0, run.out + run.err
    assert run.operations["completed"] == run.operations["started"] > 0


def test_what_a_scenario_decides_is_in_the_report(run_example):
    """The report shows how operations were polled and how long they may take, also where a scenario decides that."""
    settings = run_example("Clerk").summary["settings"]
    assert (settings["poll strategy"], settings["operation timeout"]) == ("exponential, 0.1 s", "10 s")


def test_an_example_terminates_what_it_started(run_example):
    """Every other operation is terminated, which it was meant to be, and the requests beside them are counted."""
    run = run_example("Impatient")
    assert run.code == 0, run.out + run.err
    assert run.operations == {"started": 15, "accepted": 15, "completed": 8, "terminated": 7}
    assert "10 of 10 requests beside the operations got the answer they should" in run.out


def test_every_attribute_is_documented():
    """What is checked of a scenario is on the page of scenarios, or in a docstring that the reference is made from."""
    names = set(re.findall(r"`(\w+)", PAGE))
    for module in DESCRIBED:  # read as text: an import would have gevent patch this process
        classes = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.ClassDef)]
        for described in classes:
            names.update(re.findall(r"^    (\w+): ", ast.get_docstring(described) or "", re.MULTILINE))
    assert {*attributes.ATTRIBUTES, *attributes.ARGUMENTS} - {"on_start", "on_stop"} <= names
