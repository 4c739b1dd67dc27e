"""What docs/reference/platforms.md says to type instead of make does what make does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.cli.load import locust_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="asks make what it does: run it on Linux or macOS")

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "platforms.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `make (\S+)` \| (.+) \|$", PAGE, re.MULTILINE))
NAMES = {"sphinx-build": "sphinx", "durable-harness": "durable_harness"}
FOR_OTHER_PLATFORMS = "--platform"


def made_by(target):
    """Return the commands of a target as a person without make would type them."""
    words = ["make", "--no-print-directory", "--dry-run", "--old-file", ".venv/.ready", target]
    # A make that runs these tests hands on its own arguments, such as TEST_ARGS.
    env = {
        name: value for name, value in os.environ.items() if not name.endswith(("_ARGS", "MAKEFLAGS", "MAKEOVERRIDES"))
    }
    lines = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    return [as_module(line) for line in lines if "pip --quiet" not in line and FOR_OTHER_PLATFORMS not in line]


def as_module(line):
    """Name a program of the environment as the module that it is."""
    program, _, rest = re.sub(r"^\.venv/bin/", "", line.strip()).replace("--quiet ", "").partition(" ")
    return (
        f"python {rest}".strip() if program == "python" else f"python -m {NAMES.get(program, program)} {rest}".strip()
    )


@pytest.mark.parametrize("target", sorted(ROWS.keys() - {"load"}))
def test_a_target_has_its_commands(target):
    """Each command of a target is listed, with the same arguments."""
    assert re.findall(r"`([^`]+)`", ROWS[target]) == made_by(target)


def test_a_load_run_is_the_same(monkeypatch):
    """`load . Steady Burst` runs the scenarios, with the configuration, that `make load` runs."""
    monkeypatch.chdir(ROOT)
    (typed,) = re.findall(r"`([^`]+)`", ROWS["load"])
    words = locust_command(typed.removeprefix("python -m durable_harness load ").split(), {}).words
    made = made_by("load")[0]
    assert 'LOCUST_USER_CLASSES="Steady Burst"' in made
    assert words[-2:] == ["Steady", "Burst"]
    assert words[words.index("--config") + 1] in made
    assert words[words.index("--locustfile") + 1] in made


def test_the_targets_of_the_start_are_there():
    """The targets that a newcomer needs have a row."""
    assert {"load", "test", "serve", "check", "docs", "wheel"} <= ROWS.keys()
