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
    """Return what runs `load` in a folder with these files of scenarios."""

    def run(**files):
        (tmp_path / "loadtests").mkdir()
        for name, text in files.items():
            (tmp_path / "loadtests" / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "durable_harness", "load"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        ("import os\nclass Bad(:\n", "SyntaxError: invalid syntax", "loadtests/bad.py:2: class Bad(:"),
        ("\nimport nowhere\n", "ModuleNotFoundError: No module named 'nowhere'", "loadtests/bad.py:2: import nowhere"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: ", "loadtests/bad.py:2: json.loads('{')"),
    ],
)
def test_a_file_that_does_not_import(load, source, message, place):
    """The file, what is wrong and the user's own line are named, without a traceback, and the code is no gate's."""
    ended = load(bad=source, good=GOOD)
    assert ended.returncode == 2, ended.stderr
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"error: loadtests/bad.py does not import: {message}")
    assert second == f"  {place}"


def test_files_without_a_scenario_to_run(load):
    """If every scenario is marked, each is named with what to do, and the code is that of usage."""
    ended = load(marked=MARKED)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith(
        "error: there is no scenario to run, each is marked `abstract = True`: Orders (loadtests/marked.py)\n  For each"
    )


def test_files_that_define_no_user(load):
    """A file without any class of ours is named as what it is, after what Locust prints that looks for tests in it."""
    ended = load(other="x = 1\n")
    assert ended.returncode == 2, ended.stderr
    assert re.search("^error: There is no scenario to run", ended.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (f"{GOOD}\nimport nowhere\n", "bad.py does not import: ModuleNotFoundError: No module named 'nowhere'\n"),
        (MARKED, "there is no scenario to run, each is marked `abstract = True`: Orders (bad.py)\n"),
    ],
)
def test_locusts_own_command_names_mistakes_too(tmp_path, source, error):
    """Once a file has imported our classes, `locust -f` ends as `load` does: without a traceback, with the code 2."""
    (tmp_path / "bad.py").write_text(source)
    command = [sys.executable, "-m", "locust", "-f", "bad.py", "--headless"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert f"error: {error}  " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_mistake_before_our_classes_are_imported_is_locusts(tmp_path):
    """Locust imports a file before anything of ours runs; its traceback and code are on the troubleshooting page."""
    (tmp_path / "bad.py").write_text("import nowhere\n")
    command = [sys.executable, "-m", "locust", "-f", "bad.py", "--headless"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith("ModuleNotFoundError: No module named 'nowhere'\n")


def test_two_scenarios_of_one_name(load):
    """Two classes of one name in two files are a mistake of usage too."""
    ended = load(one=GOOD, two=GOOD)
    assert ended.returncode == 2, ended.stderr
    assert "Orders is defined in both" in ended.stderr
