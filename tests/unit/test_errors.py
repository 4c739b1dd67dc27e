"""The tree of errors at the top of errors.py is whole, so that a reader of one page knows every way a command ends."""

import ast
import re
from pathlib import Path

import durable_harness
from durable_harness import errors

PACKAGE = Path(durable_harness.__file__).parent


def classes():
    """Yield each class of the package with the names of its bases."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name, {base.id for base in node.bases if isinstance(base, ast.Name)}


def test_every_error_that_users_meet_is_in_the_tree():
    """Each subclass of HarnessError, wherever it is defined, has its line; no line is of an error that is gone."""
    found, known = {"HarnessError"}, list(classes())
    while more := {name for name, bases in known if bases & found} - found:
        found |= more
    assert found == set(re.findall(r"\b\w+Error\b", errors.__doc__))


def test_an_exit_code_in_the_tree_is_that_of_the_error():
    """The number beside a name is the exit code that the error ends a command with."""
    numbers = re.findall(r"(\w+Error) +(\d)\b", errors.__doc__)
    assert len(numbers) >= 9
    assert {name: int(number) for name, number in numbers} == {
        name: getattr(errors, name).exit_code for name, _ in numbers
    }
