"""HTTP routes of functions: ASP.NET route templates, the more specific one first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import Function
from durable_harness.host.app.routes import methods_of, route_of
from durable_harness.host.http.templates import TemplateError, TemplateSegment, parse_template


@dataclass(frozen=True)
class Route:
    """A function's route: its template in segments and its methods (none: all)."""

    function: Function
    template: str
    segments: tuple[TemplateSegment, ...]
    methods: frozenset[str]

    def match(self, path: Path) -> dict[str, str] | None:
        """Return the route's parameters in a path, or None if the path does not match."""
        if self.text is not None:
            return {} if path.lower_parts == self.text else None
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            found = _match_at(segment, path, position)
            if found is None:
                return None
            values |= found
        return values if self.has_open_end or len(path.parts) <= len(self.segments) else None

    @cached_property
    def text(self) -> list[str] | None:
        """Return its segments in lower case if all of them are text alone, else None."""
        parts = [segment.parts[0] for segment in self.segments if len(segment.parts) == 1]
        text = [part.lower() for part in parts if isinstance(part, str)]
        return text if len(text) == len(self.segments) else None

    @cached_property
    def has_open_end(self) -> bool:
        """Whether its last parameter is the rest of the path, however long."""
        last = self.segments[-1].parameter if self.segments else None
        return last is not None and last.catch_all


@dataclass(frozen=True)
class Path:
    """A path below the route prefix: its parts, decoded, and whether a slash follows them."""

    parts: list[str]
    lower_parts: list[str]
    ends_in_slash: bool

    def rest(self, position: int) -> str:
        """Return all from a part on, as a catch-all has it."""
        rest = "/".join(self.parts[position:])
        return f"{rest}/" if rest and self.ends_in_slash else rest


def _match_at(segment: TemplateSegment, path: Path, position: int) -> dict[str, str] | None:
    only = segment.parameter
    if position >= len(path.parts):
        return only.absent() if only else None
    if not path.parts[position]:
        return None  # two slashes in a row
    if only is not None and only.catch_all:
        rest = path.rest(position)
        return {only.name: rest} if only.accepts(rest) else None
    return segment.match(path.parts[position])


class Router:
    """Finds the function for a method and a path below the route prefix."""

    def __init__(self, functions: list[Function], prefix: str) -> None:
        self.prefix = [part.lower() for part in prefix.split("/") if part]
        self.routes = sorted(
            (_route(function) for function in functions), key=lambda route: [s.precedence for s in route.segments]
        )

    def find(self, method: str, raw_path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the function and its route parameters, or None. A wrong method is no match, as with the real host."""
        parts = [unquote(part) for part in raw_path.removeprefix("/").removesuffix("/").split("/")]
        start = len(self.prefix)
        if [part.lower() for part in parts[:start]] != self.prefix:
            return None
        rest = [] if parts[start:] == [""] else parts[start:]
        below = Path(rest, [part.lower() for part in rest], raw_path.endswith("/"))
        for route in self.routes:
            if route.methods and method not in route.methods:
                continue
            values = route.match(below)
            if values is not None:
                return route.function, values
        return None


def _route(function: Function) -> Route:
    template = route_of(function)
    try:
        segments = parse_template(template)
    except TemplateError as error:
        raise AppLoadError(f"Function {function.name}: its route '{template}': {error}.") from error
    return Route(function, template, segments, methods_of(function))
