"""Which module of the package imports which, read from the sources: also for types only, and within functions."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import durable_harness

PACKAGE = Path(durable_harness.__file__).parent


def module_graph():
    """Return the modules that each module imports, by their names without the package's: `gate.report.model`.

    A package stands for its `__init__`, under its own name; the whole package is "".
    """
    modules = {_name(path): path for path in PACKAGE.rglob("*.py")}
    return {name: _imports(path, modules.keys()) - {name} for name, path in modules.items()}


def grouped(graph, group_of):
    """Return a graph of groups of modules; a module whose group is None is left out."""
    groups = {}
    for module, imported in graph.items():
        if (group := group_of(module)) is not None:
            found = {group_of(name) for name in imported}
            groups.setdefault(group, set()).update(found - {None, group})
    return groups


def circles(graph):
    """Return one circle after the other, each as the set of what is in it, until nothing imports itself by detours."""
    left = {name: set(imported) for name, imported in graph.items()}
    found = []
    while circle := _one_circle(left):
        found.append(circle)
        first, second = circle[1], circle[0]
        left[first].discard(second)
    return [frozenset(circle) for circle in found]


def room_of(module):
    """Return the room of a module, None for a module beside the rooms."""
    room = module.partition(".")[0]
    return room if (PACKAGE / room).is_dir() and room else None


def part_of(module):
    """Return the room of a module, or the folder within that room, or the module itself if it stands in neither."""
    room, _, rest = module.partition(".")
    inner = rest.partition(".")[0]
    return f"{room}.{inner}" if inner else room


def _one_circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def _name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path, known):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively: the sources import by full names"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                found.add(module if _is_ours(module, known) else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {_short(name) for name in found if _is_ours(name, known)}


def _is_ours(name, known):
    return (name == "durable_harness" or name.startswith("durable_harness.")) and _short(name) in known


def _short(name):
    return name.removeprefix("durable_harness").removeprefix(".")
