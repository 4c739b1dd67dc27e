"""Route templates of ASP.NET Core: segments of text and parameters, read once and matched against parts of paths.

`{name:int?}` is a parameter, `{*rest}` or `{**rest}` the rest of the path. A segment may have several parameters with
text between them. `{{` and `}}` stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from durable_harness.host.http.constraints import Constraint, constraint

TOKEN = re.compile(
    r"\{\{|\}\}|\{(?!\{)(?P<parameter>(?:[^{}]|\{\{|\}\})+)\}(?!\}(?!\}))|(?P<slash>/)|(?P<text>[^{}/]+)"
)
PARAMETER = re.compile(
    r"(?P<stars>\*{0,2})(?P<name>[:=]?[^:=]*)(?P<rules>(?::[^:=(]*(?:\(.*?\)(?=$|[:=]))?)*)(?:=(?P<default>.*))?",
    re.DOTALL,
)
RULE = re.compile(r":([^:=(]*(?:\(.*?\)(?=$|[:=]))?)", re.DOTALL)
FORBIDDEN_IN_NAME = frozenset("/{}?*")


class TemplateError(ValueError):
    """Raised for an invalid route template, with the reason."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a template."""

    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    def accepts(self, value: str) -> bool:
        return all(constraint.accepts(value) for constraint in self.constraints)

    def absent(self) -> dict[str, str] | None:
        """Return what a path without a value for it gives: the default, nothing, or None if it does not match."""
        if self.default is not None:
            return {self.name: self.default} if self.accepts(self.default) else None
        if self.catch_all:
            return {} if all(constraint.takes_nothing for constraint in self.constraints) else None
        return {} if self.optional else None


Part = str | Parameter


@dataclass(frozen=True)
class TemplateSegment:
    """What stands between two slashes of a template."""

    parts: tuple[Part, ...]

    @cached_property
    def parameter(self) -> Parameter | None:
        """Return the parameter that is the whole segment, None if there is text or more than one."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Parameter) else None

    @property
    def precedence(self) -> int:
        """Return how special it is: text comes first, then what is constrained or mixed, then the rest of the path."""
        only = self.parameter
        if only is None:
            return 2 if len(self.parts) > 1 else 1
        return (5 if only.catch_all else 3) - bool(only.constraints)

    def match(self, text: str) -> dict[str, str] | None:
        """Return the values of its parameters in one part of a path, None if that does not fit."""
        only = self.parameter
        if only is not None:
            return {only.name: text} if only.accepts(text) else None
        values = _match_parts(self.parts, text)
        if values is None and self._ends_in_option() and not text.endswith("."):
            values = _match_parts(self.parts[:-2], text)
        if values is None:
            return None
        parameters = (part for part in self.parts if isinstance(part, Parameter) and part.name in values)
        return values if all(part.accepts(values[part.name]) for part in parameters) else None

    def _ends_in_option(self) -> bool:
        last = self.parts[-1]
        return isinstance(last, Parameter) and last.optional


def _match_parts(parts: Sequence[Part], text: str) -> dict[str, str] | None:
    """Match from the right, each text as far right as it goes, as ASP.NET Core does."""
    values: dict[str, str] = {}
    lower, end, waiting = text.lower(), len(text), None
    for position in range(len(parts) - 1, -1, -1):
        part = parts[position]
        if isinstance(part, Parameter):
            waiting = part
            continue
        start = lower.rfind(part.lower(), 0, end - (waiting is not None))  # a parameter has one character at least
        after = start + len(part)
        if start < 0 or (position == len(parts) - 1 and after != len(text)):
            return None
        if waiting is not None:
            values[waiting.name] = text[after:end]
        end, waiting = start, None
    if waiting is None:
        return values if end == 0 else None
    values[waiting.name] = text[:end]
    return values if end else None


def parse_template(template: str) -> tuple[TemplateSegment, ...]:
    """Return the segments of a template. Raises TemplateError."""
    segments = [TemplateSegment(tuple(parts)) for parts in _split(template)] if template else []
    names: set[str] = set()
    for position, segment in enumerate(segments):
        _check(segment, is_last=position == len(segments) - 1)
        for part in segment.parts:
            if isinstance(part, Parameter):
                if part.name.lower() in names:
                    raise TemplateError(f"the parameter '{part.name}' is there twice")
                names.add(part.name.lower())
    return tuple(segments)


def _split(template: str) -> Iterator[list[Part]]:
    """Yield the parts of each segment."""
    parts: list[Part] = []
    position = 0
    while position < len(template):
        token = TOKEN.match(template, position)
        if token is None:
            raise TemplateError(
                f"'{template[position:]}' is not understood: braces come in pairs, {{{{ is a brace itself"
            )
        position = token.end()
        if token["slash"]:
            yield parts
            parts = []
        elif token["parameter"]:
            parts.append(_parameter(token["parameter"].replace("{{", "{").replace("}}", "}")))
        else:
            _add_text(parts, token["text"] or token[0][0])
    yield parts


def _add_text(parts: list[Part], text: str) -> None:
    if "?" in text:
        raise TemplateError(f"'{text}' has a question mark outside of a parameter")
    if parts and isinstance(parts[-1], str):
        parts[-1] += text
    else:
        parts.append(text)


def _parameter(text: str) -> Parameter:
    optional = text.endswith("?")
    found = PARAMETER.fullmatch(text.removesuffix("?") if optional else text)
    if found is None or not found["name"] or FORBIDDEN_IN_NAME.intersection(found["name"]):
        raise TemplateError(
            f"'{{{text}}}' is not understood: a parameter is {{name}}, {{name:int}}, {{name=5}} or {{*rest}}"
        )
    if optional and found["default"] is not None:
        raise TemplateError(
            f"the parameter '{found['name']}' is optional and has a default: only one of the two is possible"
        )
    if optional and found["stars"]:
        raise TemplateError(f"the parameter '{found['name']}' is the rest of the path, which cannot be optional")
    try:
        constraints = tuple(constraint(rule) for rule in RULE.findall(found["rules"]) if rule)
    except ValueError as error:
        raise TemplateError(str(error)) from error
    return Parameter(found["name"], constraints, found["default"], optional, bool(found["stars"]))


def _check(segment: TemplateSegment, *, is_last: bool) -> None:
    if not segment.parts:
        raise TemplateError("two slashes have nothing between them")
    for position, part in enumerate(segment.parts):
        if not isinstance(part, Parameter):
            continue
        if part.catch_all and not (is_last and len(segment.parts) == 1):
            raise TemplateError(
                f"the parameter '{part.name}' is the rest of the path, so nothing can stand after or beside it"
            )
        before = segment.parts[position - 1] if position else None
        if isinstance(before, Parameter):
            raise TemplateError(f"the parameters '{before.name}' and '{part.name}' need text between them")
        if part.optional and len(segment.parts) > 1 and (part is not segment.parts[-1] or before != "."):
            raise TemplateError(f"the optional parameter '{part.name}' must be a whole segment, or its end after a dot")
