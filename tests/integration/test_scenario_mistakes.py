"""Mistakes in files of scenarios: `durable-harness load` ends with the code of usage and names file and line."""

import re
import subprocess
import sys

import pytest

GOOD = """
from durable_harness.load import ArrivalUser

class Orders(ArrivalUser):
    start_path = "/api/orders"
"""
MARKED = f"{GOOD}    abstract = True\n"


@pytest.fixture
def load(tmp_path):
    """Give what runs `load` in a folder with these files of scenarios."""

    def run(**files):
        (tmp_path / "loadtests").mkdir()
        for name, text in files.items():
            (tmp_path / "loadtests" / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "durable_harness", "load"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("source", "said", "place"),
    [
        ("import os\nclass Bad(:\n", "SyntaxError: invalid syntax", "loadtests/bad.py:2: class Bad(:"),
        ("\nimport nowhere\n", "ModuleNotFoundError: No module named 'nowhere'", "loadtests/bad.py:2: import nowhere"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: ", "loadtests/bad.py:2: json.loads('{')"),
    ],
)
def test_a_file_that_does_not_import(load, source, said, place):
    """The file, what is wrong and the user's own line are named, without a traceback, and the code is no gate's."""
    ended = load(bad=source, good=GOOD)
    assert ended.returncode == 2, ended.stderr
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"error: loadtests/bad.py does not import: {said}")
    assert second == f"  {place}"


def test_files_without_a_scenario_to_run(load):
    """If every scenario is marked, that is said, and the code is that of usage."""
    ended = load(marked=MARKED)
    assert ended.returncode == 2, ended.stderr
    # Before it may come what Locust prints that looks for scenarios among tests of pytest then.
    assert re.search("^error: There is no scenario to run", ended.stderr, re.MULTILINE)


def test_two_scenarios_of_one_name(load):
    """Two classes of one name in two files are a mistake of usage too."""
    ended = load(one=GOOD, two=GOOD)
    assert ended.returncode == 2, ended.stderr
    assert "Orders is defined in both" in ended.stderr
