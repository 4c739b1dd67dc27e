"""The rooms of the package import as docs/explanation/design.md says, and nothing imports itself by detours."""

import re
from pathlib import Path

import pytest

from import_graph import PACKAGE, circles, grouped, module_graph, part_of, room_of

ROOT = Path(__file__).parents[3]
DESIGN = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \|(.*)\|$", DESIGN, re.MULTILINE)
ALLOWED = {room: set(re.findall(r"`(\w+)`", imported)) for room, imported in ROWS}
"""The rooms that each room may import, in the table's order."""
FLOORS = [
    set(re.findall(r"`(\w+)`", floor)) for floor in re.findall(r"^\d\. ((?:`\w+`(?:, )?)+)$", DESIGN, re.MULTILINE)
]
"""The rooms of `load`, the lowest first. Those of one floor do not import each other."""
BELOW_ALL = {"platforms", "wording"}
"""The rooms that modules beside the rooms may import."""
MOST_MODULES = 15
"""A folder with more modules than that has more than one idea."""
GRAPH = module_graph()


def test_every_room_has_a_row_and_every_room_of_load_a_floor():
    """A room that design.md does not place could import anything."""
    assert sorted(ALLOWED) == sorted({room_of(module) for module in GRAPH} - {None})
    assert sorted(name for floor in FLOORS for name in floor) == sorted(_rooms_of_load())
    assert [path.name for path in (PACKAGE / "load").glob("*.py")] == ["__init__.py"]


def test_each_row_names_rooms_above_it():
    """The table is in the order of the rooms: whoever reads it from the top meets nothing unknown."""
    order = list(ALLOWED)
    assert [room for room in order if not ALLOWED[room] <= set(order[: order.index(room)])] == []


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_what_its_row_lists(room):
    """A room imports each room that its row names and no other, so that the table is neither wrong nor too wide."""
    imported = {
        name for module, names in GRAPH.items() if room_of(module) == room for name in map(room_of, names) if name
    }
    assert imported - {room} == ALLOWED[room]


def test_modules_beside_the_rooms_import_no_room():
    """What all rooms share must not need one of them."""
    beside = {module: names for module, names in GRAPH.items() if room_of(module) is None and module != "__main__"}
    wrong = {(module, name) for module, names in beside.items() for name in names if room_of(name)}
    assert {(module, name) for module, name in wrong if room_of(name) not in BELOW_ALL} == set()


def test_rooms_of_load_import_only_from_lower_floors():
    """A module imports from its own room and those below it, also where it imports late or for types only."""
    level = {f"load.{name}": number for number, floor in enumerate(FLOORS) for name in floor}
    parts = grouped(GRAPH, lambda module: part_of(module) if part_of(module) in level else None)
    wrong = {(part, name) for part, names in parts.items() for name in names if level[name] >= level[part]}
    assert wrong == set()


def test_no_room_of_load_is_crowded():
    """No room has too many modules for its idea to be seen."""
    assert [room for room in _rooms_of_load() if _count(PACKAGE / "load" / room) > MOST_MODULES] == []


def test_no_module_imports_itself_by_detours():
    """Each module can be read with those that it imports, which do not need it."""
    assert circles(GRAPH) == []


def test_no_folder_within_a_room_imports_itself_by_detours():
    """The folders of a room, and the modules beside them, stand in an order too."""
    assert circles(grouped(GRAPH, part_of)) == []


def _rooms_of_load():
    return [path.parent.name for path in (PACKAGE / "load").glob("*/__init__.py")]


def _count(room):
    return sum(path.name != "__init__.py" for path in room.glob("*.py"))
