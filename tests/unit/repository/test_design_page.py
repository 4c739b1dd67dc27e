"""The way of an operation in design.md: each name on it can be found where the page says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "design.md"
SECTION = re.search(r"^## The way of an operation\n(.*?)^## ", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
STEPS = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^$)", SECTION, re.MULTILINE | re.DOTALL)


def test_the_way_has_twelve_steps():
    """Who reads the page sees the whole way at a glance."""
    assert len(STEPS) == 12


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_the_names_of_a_step_are_in_its_files(number):
    """A name stands in the file that is linked before it, or in another file of its step or the one before."""
    linked = re.findall(r"\]\((\S+?\.py)\)", "".join(STEPS[max(0, number - 1) : number + 1]))
    code = "\n".join((PAGE.parent / link).read_text() for link in linked)
    names = set(re.findall(r"`(\w+)`", STEPS[number]))
    assert names - set(re.findall(r"\b(?:def|class) (\w+)", code)) == set()
