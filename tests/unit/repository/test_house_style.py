"""What readers of gate, operations and experiments can count on: one class for a name, docstrings of one form."""

import ast
from collections import Counter
from pathlib import Path

import durable_harness

SOURCES = Path(durable_harness.__file__).parent
ROOMS = ("gate", "operations", "experiments")
TREES = {path.relative_to(SOURCES): ast.parse(path.read_text("utf-8")) for path in SOURCES.rglob("*.py")}
SHARED = {"Request"}
"""Of operations, by which scenarios know it, and of the HTTP client of load."""


def classes(tree):
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def test_a_class_name_means_one_class():
    """A search, or the last line of a traceback, leads to one class."""
    counts = Counter(name for tree in TREES.values() for name in classes(tree))
    own = {name for path, tree in TREES.items() if path.parts[0] in ROOMS for name in classes(tree)}
    assert {name for name in own if counts[name] > 1} <= SHARED


def test_docstrings_name_what_is_returned_or_done():
    """A docstring begins with Return, Raise, Note or the thing itself: never with Let, Give, Say or Tell."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    begins = [
        (str(path), docstring.split("\n")[0])
        for path, tree in TREES.items()
        if path.parts[0] in ROOMS
        for node in ast.walk(tree)
        if isinstance(node, kinds) and (docstring := ast.get_docstring(node) or "")
    ]
    assert [found for found in begins if found[1].split(" ")[0] in {"Let", "Give", "Say", "Tell"}] == []
    assert len(begins) > 500, "the rooms are where they are looked for"
