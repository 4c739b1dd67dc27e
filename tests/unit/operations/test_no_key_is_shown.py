"""No value of ours prints a key: what fails an assertion, and what a debugger or a log shows of it, is its repr."""

import ast
from pathlib import Path

import pytest

import durable_harness
from durable_harness.operations import HttpResponse, Request

SECRET_NAMES = {
    "function_key",
    "key_headers",
    "headers",
    "password",
    "code",
    "secret",
    "values",
    "authorization",
}
HARMLESS = {("ApiRequest", "headers"), ("ApiResponse", "headers"), ("Next", "headers")}
"""Of one request, for as long as it is served; printed nowhere."""


def fields_shown(path):
    """Yield the fields of a file's dataclasses that are named as secrets are and stand in the repr."""
    for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(kind, ast.ClassDef) or not any("dataclass" in ast.unparse(it) for it in kind.decorator_list):
            continue
        if any(isinstance(item, ast.FunctionDef) and item.name == "__repr__" for item in kind.body):
            continue
        fields = [item for item in kind.body if isinstance(item, ast.AnnAssign) and item.target.id in SECRET_NAMES]
        yield from ((kind.name, item.target.id) for item in fields if "repr=False" not in ast.unparse(item))


def test_fields_that_hold_keys_are_not_in_a_repr():
    """A field named as keys are is left out of its dataclass's repr, unless the class has one of its own."""
    files = Path(durable_harness.__path__[0]).rglob("*.py")
    assert not {found for file in files for found in fields_shown(file)} - HARMLESS


@pytest.mark.parametrize(
    "value",
    [
        Request("GET", "http://x/?code=the-key", {"x-functions-key": "the-key"}),
        HttpResponse(202, {"location": "http://x/?a=1&code=the-key"}, b'{"url": "http://x/?code=the-key"}'),
    ],
)
def test_urls_are_shown_without_their_key(value):
    """A status URL that is printed does not open what it leads to."""
    assert "the-key" not in repr(value)
