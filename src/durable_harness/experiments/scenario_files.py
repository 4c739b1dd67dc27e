"""The scenarios that an app has already: which of its starts they do not make, though `init` found that it works."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from durable_harness.experiments.tryouts import Tried


class WrittenScenario(NamedTuple):
    """A class in a file of scenarios, as far as it can be read without importing it."""

    file: Path
    start_path: str
    """Empty if it is not written as a text: then it may be any."""
    is_marked: bool
    """Whether it is `abstract`, so that it is not run."""


def missing_in(loadtests: Path, working: Iterable[Tried]) -> list[str]:
    """Return what to correct for each start that works and that no scenario makes."""
    scenarios = [one for path in sorted(loadtests.glob("*.py")) for one in _scenarios(path)]
    run = {one.start_path for one in scenarios if not one.is_marked}
    missing = [] if "" in run else [tried for tried in working if tried.starter.path not in run]
    marked = [one for one in scenarios if one.is_marked and one.start_path]
    return [_correction(tried, loadtests, marked) for tried in missing]


def _correction(tried: Tried, loadtests: Path, marked: list[WrittenScenario]) -> str:
    starter = tried.starter
    if not marked:
        return f"no scenario of {loadtests} starts {starter.method} {starter.path}, which works: add one"
    same = next((one for one in marked if one.start_path == starter.path), marked[0])
    path = f" and has another path, {same.start_path}" if same.start_path != starter.path else ""
    is_alone = len(list(loadtests.glob("*.py"))) == 1
    return (
        f"{same.file} is marked `abstract`{path}, so {starter.method} {starter.path}, which works, is not run: correct"
        f" it{', or delete it and run init again' if is_alone else ''}"
    )


def _scenarios(path: Path) -> Iterator[WrittenScenario]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.bases:
            found = dict(_assigned(node))
            start_path = found.get("start_path")
            is_marked = found.get("abstract") is True
            yield WrittenScenario(path, start_path if isinstance(start_path, str) else "", is_marked)


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                yield name, value
