"""The rooms of `load` stand on floors: imports go down only, so that each can be read with those below it alone."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import durable_harness

PACKAGE = Path(durable_harness.__file__).parent
FLOORS = {
    "load": (
        {"lifecycle", "http", "arrivals"},
        {"watch", "audit"},
        {"options"},
        {"results"},
        {"distributed", "engine", "metrics", "preflight", "web"},
        {"processes"},
        {"scenario"},
    )
}
"""The rooms of a folder, the lowest first. Those of one floor do not import each other."""
MOST_MODULES = 15
"""A folder with more modules than that has more than one idea."""


@pytest.mark.parametrize("folder", FLOORS)
def test_every_room_has_a_floor(folder):
    """Each room stands on one floor, and what stands beside them has no modules of its own."""
    rooms = sorted(path.parent.name for path in (PACKAGE / folder).glob("*/__init__.py"))
    assert sorted(name for floor in FLOORS[folder] for name in floor) == rooms
    assert [path.name for path in (PACKAGE / folder).glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("folder", FLOORS)
def test_rooms_import_only_from_lower_floors(folder):
    """A module imports from its own room and those below it, also where it imports late or for types only."""
    level = {name: number for number, floor in enumerate(FLOORS[folder]) for name in floor}
    wrong = [
        f"{module.relative_to(PACKAGE)} imports {imported}"
        for room in level
        for module in (PACKAGE / folder / room).rglob("*.py")
        for imported in sorted(_imports(module))
        if (above := _room(imported, folder)) in level and above != room and level[above] >= level[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", FLOORS)
def test_no_room_is_crowded(folder):
    """No room has so many modules that its idea is lost among them."""
    crowded = [room for floor in FLOORS[folder] for room in floor if _count(PACKAGE / folder / room) > MOST_MODULES]
    assert crowded == []


def test_modules_of_a_room_make_no_circle():
    """The modules of `load` import each other in one direction, so that each can be loaded first."""
    modules = {_name(path): path for path in (PACKAGE / "load").rglob("*.py") if path.name != "__init__.py"}
    graph = {name: _imports(path) & modules.keys() for name, path in modules.items()}
    # It raises CycleError, which names the modules of a circle.
    assert set(TopologicalSorter(graph).static_order()) == modules.keys()


def _imports(path):
    """Return the modules that a module names in its imports, wherever these stand."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def _room(imported, folder):
    prefix = f"durable_harness.{folder}."
    return imported.removeprefix(prefix).partition(".")[0] if imported.startswith(prefix) else None


def _name(path):
    return ".".join(("durable_harness", *path.relative_to(PACKAGE).with_suffix("").parts))


def _count(room):
    return sum(path.name != "__init__.py" for path in room.glob("*.py"))
