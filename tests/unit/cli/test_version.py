"""The version, which stands in one place, and the ways to ask for it."""

import importlib.metadata
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from durable_harness import __version__
from durable_harness.cli import version
from durable_harness.cli.command_line import main

ROOT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("durable-harness")


def test_the_version_stands_in_one_place():
    """The package takes its version from `__version__`, and no other file of it repeats the number."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "src/durable_harness/__init__.py"
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.yml"), ROOT / "pyproject.toml"]
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    assert [path.name for path in files if number.search(path.read_text())] == ["__init__.py"]


def test_the_version_is_shown_with_those_of_python_and_sdk(capsys):
    """`--version` prints one line with what a report of a problem needs, and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    python, sdk = platform.python_version(), importlib.metadata.version("azure-functions-durable")
    shown = capsys.readouterr().out
    assert shown == f"durable-harness {__version__} (Python {python}, azure-functions-durable {sdk})\n"
    assert ended.value.code == 0


def test_the_version_is_shown_where_there_is_no_sdk(monkeypatch):
    """Without the SDK the line says that there is none."""

    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", absent)
    assert version.version_line().endswith(", no azure-functions-durable)")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["serve", "--help"], [], ["bogus"], ["trend"]])
def test_the_module_is_the_command(words):
    """`python -m durable_harness` prints what `durable-harness` prints and ends with its code."""
    ends = [
        subprocess.run([*one, *words], capture_output=True, text=True, check=False)
        for one in ([COMMAND], [sys.executable, "-m", "durable_harness"])
    ]
    command, module = [(end.stdout, end.stderr, end.returncode) for end in ends]
    assert module == command
    assert "__main__" not in "".join(module[:2])
