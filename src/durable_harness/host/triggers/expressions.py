"""Binding expressions: names in braces in a binding's settings, replaced as the Functions host replaces them.

A name is looked up in what the trigger brings, its parts between dots in nested objects, without regard to case. After
a colon a time or a GUID has a format. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from durable_harness.host.triggers.dotnet_formats import format_guid, format_time

TOKEN = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<expression>[^{}]+)\}")
BUILT_IN: Mapping[str, Callable[[str], object]] = {
    "datetime": lambda _function: datetime.now(UTC),
    "sys.utcnow": lambda _function: datetime.now(UTC),
    "rand-guid": lambda _function: uuid.uuid4(),
    "sys.randguid": lambda _function: uuid.uuid4(),
    "sys.methodname": lambda function: function,
}
"""What needs no trigger. The trigger's own data have precedence."""


class Resolved(NamedTuple):
    """A binding's setting with its expressions replaced."""

    text: str
    missing: tuple[str, ...] = ()
    """The expressions that the trigger brings no value for. They are still in the text, braces included."""


def resolve(template: str, data: Mapping[str, object], function: str) -> Resolved:
    """Replace the expressions of a setting of a function's binding. Raises UnusableValueError for unknown formats."""
    if "{" not in template and "}" not in template:
        return Resolved(template)
    missing: dict[str, None] = {}

    def replacement(token: re.Match[str]) -> str:
        if token["brace"]:
            return token["brace"][0]
        value = _value(token["expression"], data, function)
        if value is None:
            missing[token["expression"]] = None
        return token[0] if value is None else value

    text = TOKEN.sub(replacement, template)
    return Resolved(text, tuple(missing))


def captured(pattern: str, text: str) -> dict[str, str] | None:
    """Return the parts of a text that a pattern's expressions stand for; None if it has not the pattern's form.

    As in .NET each takes as much as it can, and of two with one name the last counts.
    """
    names: list[str] = []
    found = re.fullmatch(_regex(pattern, "(.*)", names), text, re.DOTALL)
    return None if found is None else dict(zip(names, found.groups(), strict=True))


def may_become(pattern: str, text: str) -> bool:
    """Return whether a setting may become this text, in any case, once its expressions are replaced."""
    return re.fullmatch(_regex(pattern, ".+", []), text, re.IGNORECASE | re.DOTALL) is not None


def find(data: object, path: str) -> object:
    """Return the member of nested objects that a path with dots names in any case, None if there is none."""
    for name in path.lower().split("."):
        members = data if isinstance(data, Mapping) else {}
        data = next((value for key, value in members.items() if str(key).lower() == name), None)
    return data


def _value(expression: str, data: Mapping[str, object], function: str) -> str | None:
    path, _, form = expression.partition(":")
    found = find(data, path)
    if found is None and path.lower() in BUILT_IN:
        found = BUILT_IN[path.lower()](function)
    return _text(found, form)


def _text(value: object, form: str) -> str | None:
    """Return a value as text. Objects and lists have none."""
    if isinstance(value, datetime):
        return format_time(value, form)
    if isinstance(value, uuid.UUID):
        return format_guid(value, form)
    return str(value) if isinstance(value, str | int | float) else None


def _regex(pattern: str, expression: str, names: list[str]) -> str:
    """Return a pattern as a regular expression, and the names of its expressions in `names`."""
    parts, end = [], 0
    for token in TOKEN.finditer(pattern):
        parts += [
            re.escape(pattern[end : token.start()]),
            re.escape(token["brace"][0]) if token["brace"] else expression,
        ]
        names += [token["expression"]] if token["expression"] else []
        end = token.end()
    return "".join([*parts, re.escape(pattern[end:])])
