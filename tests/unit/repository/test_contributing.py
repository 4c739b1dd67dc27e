"""The files and tests that CONTRIBUTING.md names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:src|tests|docs|loadtests|examples|benchmarks)/[\w./-]*)`", TEXT)))
ADDING = TEXT[TEXT.index("## Add a scenario") : TEXT.index("## Documentation")]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_there(path):
    """A file or folder that the page names exists."""
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", re.findall(r"`([A-Z_]{5,}|_[A-Z]+|test_\w+)`", ADDING))
def test_a_name_is_in_a_file_that_the_page_names(name):
    """A constant to change, or a test to copy, is in one of the files that stand beside it."""
    files = [ROOT / path for path in PATHS if path.endswith(".py")]
    assert any(re.search(rf"\b{name}\b", file.read_text()) for file in files)


def test_the_page_shows_how_to_add_things():
    """A scenario, a gate and a trigger each have their steps."""
    assert {"scenario", "gate", "trigger"} <= set(re.findall(r"^## Add a (\w+)", TEXT, re.MULTILINE))
    assert len(PATHS) > 15
