"""Docstrings of the API for coroutines: they are those of the API for functions, with `await` in the examples."""

import inspect
import re

import pytest

from durable_harness.testing import aio, assertions, operations, started_operation

CALL = re.compile(r"\b((?:operations?\.\w+|assert_\w+)\((?:[^()]|\([^()]*\))*\))")
SECTION = re.compile(r"^(?:Args|Returns|Raises):$", re.MULTILINE)


def awaiting(text):
    """Return a docstring with `await` before the calls in its examples, which are indented and before all sections."""
    text = text.replace("the `timeout_s` of this object", "the limit of the fixture")
    head, *rest = SECTION.split(text, maxsplit=1)
    lines = [_awaited(line) if line.startswith("    ") else line for line in head.split("\n")]
    return "\n".join(lines) + text[len(head) :] if rest else "\n".join(lines)


def _awaited(line):
    inner = re.sub(r"(?<=\()(operations?\.\w+\()", r"await \1", line)
    outer = CALL.sub(lambda call: f"await {call[1]}", inner)
    return re.sub(r"(?:await )+", "await ", re.sub(r"(await [\w.]+\(\))(?=\.\w)", r"(\1)", outer))


def _pairs():
    classes = [
        (aio.AsyncOperations, operations.Operations),
        (aio.AsyncStartedOperation, started_operation.StartedOperation),
    ]
    for twin, original in classes:
        for name, method in vars(twin).items():
            if inspect.iscoroutinefunction(method):
                yield pytest.param(method, getattr(original, name), id=f"{original.__name__}.{name}")
    for name in filter(re.compile("assert_").match, aio.__all__):
        yield pytest.param(getattr(aio, name), getattr(assertions, name), id=name)


@pytest.mark.parametrize(("twin", "original"), list(_pairs()))
def test_a_coroutine_is_documented_as_its_twin(twin, original):
    """Editors show the docstring that stands at a function, so it is repeated, and must not drift."""
    assert inspect.getdoc(twin) == awaiting(inspect.getdoc(original))
