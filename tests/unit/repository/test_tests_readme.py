"""tests/README.md leads to the tests of every room, and its examples are tests that run."""

import fnmatch
import re
from pathlib import Path

import pytest

from import_graph import module_graph, room_of

TESTS = Path(__file__).parents[2]
TEXT = (TESTS / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`.+?`) \|(.*)\|(.*)\|$", TEXT, re.MULTILINE)
NAMED = {name for rooms, _, _ in ROWS for name in re.findall(r"`([\w/]+)`", rooms)}
LINKS = re.findall(r"\]\(([^)]+)\)", TEXT)
EXAMPLES = re.findall(r"From \[.*?\]\((.*?)\):\n\n```python\n(.*?)\n```", TEXT, re.DOTALL)
MODULES = module_graph().keys()
PACKAGES = {module.rpartition(".")[0] for module in MODULES} - {""}
IN_PARTS = {"host", "load"}
"""Rooms whose folders have rows of their own, all of them."""
FOLDERS = sorted({path.parent for path in (TESTS / "unit").rglob("test_*.py")} - {TESTS / "unit"})
PARTS = [name for name in (path.relative_to(TESTS / "unit").as_posix() for path in FOLDERS) if "/" in name]
"""The folders within those of the rooms: `host/app`."""


def test_every_room_has_a_row():
    """A room without a row has tests that only those who wrote them find."""
    rooms = {room_of(module) for module in MODULES} - {None}
    parts = {package.replace(".", "/") for package in PACKAGES if package.rpartition(".")[0] in IN_PARTS}
    assert (rooms - IN_PARTS) | parts <= NAMED


def test_every_row_is_of_a_room_that_is_there():
    """A room that was renamed takes its row along."""
    assert {name.replace(".", "/") for name in PACKAGES} >= NAMED


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_what_a_row_names_is_there(link):
    """Each file and folder that the page names exists."""
    assert (TESTS / link).exists()


def test_each_folder_of_unit_tests_is_named():
    """No folder of unit tests stands beside the map."""
    paths = [path.relative_to(TESTS).as_posix() for path in FOLDERS]
    assert [path for path in paths if not any(f"{link}/".startswith(f"{path}/") for link in LINKS)] == []


@pytest.mark.parametrize("kind", ["integration", "load"])
def test_tests_of_the_whole_have_folders_of_the_rooms_names(kind):
    """Tests of a whole run are where the sources are too, `load/http` and so on, and the map leads to each folder."""
    folders = {path.parent.relative_to(TESTS).as_posix() for path in (TESTS / kind).rglob("test_*.py")} - {kind}
    rooms = {f"{kind}/{name}" for name in NAMED} | {name for name in NAMED if name.startswith(f"{kind}/")}
    assert folders - {"integration/docs"} <= rooms
    assert [path for path in folders if not any(f"{link}/".startswith(f"{path}/") for link in LINKS)] == []


def test_each_pattern_of_names_finds_a_file():
    """A name such as `test_gate_report*` in a row stands for files that are there."""
    names = [path.stem for path in TESTS.rglob("test_*.py")]
    patterns = [word for _, unit, whole in ROWS for word in re.findall(r"`(test_\S+|_\w+)`", unit + whole)]
    assert [one for one in patterns if not fnmatch.filter(names, one if one.startswith("test") else f"*{one}")] == []


@pytest.mark.parametrize("part", PARTS)
def test_tests_of_a_part_of_a_room_stand_in_its_folder(part):
    """Unit tests of `host/app` stand in `unit/host/app`, and its row leads there: tests are where the sources are."""
    assert part in {name.replace(".", "/") for name in PACKAGES}
    rows = [unit for rooms, unit, _ in ROWS if f"`{part}`" in rooms]
    assert [f"(unit/{part})" in unit for unit in rows] == [True]


@pytest.mark.parametrize(("path", "example"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_is_a_test_that_runs(path, example):
    """An example is in its file word for word, so it is true as long as the suite passes."""
    assert f"\n{example}\n" in (TESTS / path).read_text(encoding="utf-8")


def test_each_helper_has_an_example():
    """Whatever the page explains, it shows."""
    assert len(EXAMPLES) == len(re.findall(r"^### ", TEXT, re.MULTILINE)) >= 8
