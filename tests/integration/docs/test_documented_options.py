"""Options and commands that the documentation names exist."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.cli.command_line import make_parser

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
# What belongs to other programs: Docker, kubectl, git, the Azure CLI, make, pip, coverage, Sphinx, Core Tools.
FOREIGN = re.compile(r"^(docker|kubectl|git|az|make|pip|python3?|func|gh|sphinx\S*)\b")
OTHERS = {
    "--base-url",
    "--cov",
    "--cov-branch",
    "--cov-report",
    "--max-children",
    "--nitpicky",
}  # pytest's plugins, mutmut, Sphinx
OPTION = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*")
COMMAND = re.compile(r"^(?:\.venv/bin/)?durable-harness ([a-z]+)\b")


def spans(page):
    """Return the code of a page: what stands between backticks, and the lines of blocks of commands."""
    text = page.read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [*lines, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))]


def printed(*words):
    """Return the help of a command."""
    command = [sys.executable, "-m", *words, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=True).stdout


@pytest.fixture(scope="module")
def commands():
    """Return the names of our commands."""
    [found] = [action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return set(found.choices)


@pytest.fixture(scope="module")
def options(commands):
    """Return the options of our commands, scenarios and benchmarks, of Locust with ours, and of pytest with ours."""
    texts = [printed("durable_harness", name) for name in sorted(commands)]
    texts += [printed("locust", "-f", "loadtests"), printed("pytest")]
    # A scenario's options are in no help: Locust prints that before it has read the files of scenarios.
    files = [*(ROOT / "loadtests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    texts += re.findall(
        r'(?:add_argument|ScenarioOption)\(\s*"(--[\w-]+)"', "".join(file.read_text() for file in files)
    )
    return {option for text in texts for option in OPTION.findall(text)} | OTHERS


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_options_that_there_are(page, options, commands):
    """Each option in the code of a page is one of ours, of Locust or of pytest, and each command is one of ours."""
    own = [span for span in spans(page) if not FOREIGN.match(span)]
    assert {option for span in own for option in OPTION.findall(span)} - options == set()
    assert {found[1] for span in own if (found := COMMAND.match(span))} - commands == set()
