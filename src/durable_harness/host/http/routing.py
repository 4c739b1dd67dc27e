"""HTTP routes of functions: ASP.NET route templates, the more specific one first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import Function

SEGMENT = re.compile(
    r"^\{(?P<catch>\*{1,2})?(?P<name>[A-Za-z_]\w*)(?P<rules>(?::[^{}=?]+)*)(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}$"
)
GUID = re.compile(r"^[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")

REGEX_LIMIT_S = 0.5


class RouteTimeoutError(Exception):
    """Raised when a route's regex takes too long for a path: the route's mistake, which somebody makes use of."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"the route constraint regex({pattern}) took more than {REGEX_LIMIT_S} s")


def _is_whole(text: str, bits: int) -> bool:
    """Tell whether a text is a whole number that .NET's type of so many bits can hold."""
    if re.fullmatch(r"[+-]?[0-9]{1,40}", text) is None:
        return False
    limit = 1 << (bits - 1)
    return -limit <= int(text) < limit


def _is_integer(text: str) -> bool:
    return _is_whole(text, 32)


def _is_long(text: str) -> bool:
    return _is_whole(text, 64)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None


def _matches(text: str, pattern: str) -> bool:
    """Search for a pattern, for a limited time.

    .NET's limit is 10 s, and its host answers 500; all requests of this host would stand still for as long. The
    standard library's search cannot be interrupted at all: `(a+)+$` and thirty letters keep it for minutes.
    """
    import regex  # noqa: PLC0415 - few apps have such a route

    try:
        return bool(regex.search(pattern, text, timeout=REGEX_LIMIT_S))
    except TimeoutError as error:
        raise RouteTimeoutError(pattern) from error


CONSTRAINTS: dict[str, Callable[[str], bool]] = {
    "int": _is_integer,
    "long": _is_long,
    "float": _is_number,
    "double": _is_number,
    "decimal": _is_number,
    "bool": lambda text: text.lower() in {"true", "false"},
    "guid": lambda text: GUID.match(text) is not None,
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]+", text) is not None,
    "required": bool,
}
CONSTRAINTS_WITH_ARGUMENT: dict[str, Callable[[str, str], bool]] = {
    "minlength": lambda text, n: len(text) >= int(n),
    "maxlength": lambda text, n: len(text) <= int(n),
    "length": lambda text, n: len(text) == int(n),
    "min": lambda text, n: _is_long(text) and int(text) >= int(n),
    "max": lambda text, n: _is_long(text) and int(text) <= int(n),
    "regex": _matches,
}


@dataclass(frozen=True)
class Segment:
    """One part of a template: a literal, or a parameter with its constraints."""

    literal: str | None = None
    name: str = ""
    rules: tuple[str, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @property
    def weight(self) -> int:
        """Literals come before constrained parameters, these before plain ones, catch-alls last."""
        if self.literal is not None:
            return 0
        return 3 if self.catch_all else 2 - bool(self.rules)

    def accepts(self, text: str) -> bool:
        if self.literal is not None:
            return text.lower() == self.literal.lower()
        return all(_satisfies(text, rule) for rule in self.rules)


@dataclass(frozen=True)
class Route:
    """A function's route: its template in segments and its methods (none: all)."""

    function: Function
    template: str
    segments: tuple[Segment, ...]
    methods: frozenset[str]

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """Return the route's parameters for the parts of a path, or None where they do not fit."""
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if segment.catch_all:
                rest = "/".join(parts[position:])
                return values | ({segment.name: rest} if rest else {})
            if position >= len(parts):
                if segment.default is not None:
                    values[segment.name] = segment.default
                elif not segment.optional:
                    return None
                continue
            if not segment.accepts(parts[position]):
                return None
            if segment.literal is None:
                values[segment.name] = parts[position]
        return values if len(parts) <= len(self.segments) else None


class Router:
    """Finds the function for a method and a path below the route prefix."""

    def __init__(self, functions: list[Function], prefix: str) -> None:
        self.prefix = [part for part in prefix.split("/") if part]
        self.routes = sorted(
            (_route(function) for function in functions), key=lambda route: [s.weight for s in route.segments]
        )

    def find(self, method: str, raw_path: str) -> tuple[Function, dict[str, str]] | None:
        """Return the function and its route parameters, or None. A wrong method is no match, as with the real host."""
        parts = [unquote(part) for part in raw_path.removeprefix("/").removesuffix("/").split("/")]
        if [part.lower() for part in parts[: len(self.prefix)]] != [part.lower() for part in self.prefix]:
            return None
        rest = parts[len(self.prefix) :]
        if rest == [""]:
            rest = []
        for route in self.routes:
            if route.methods and method not in route.methods:
                continue
            values = route.match(rest)
            if values is not None:
                return route.function, values
        return None


def route_template(function: Function) -> str:
    return str(function.trigger.get("route") or function.name).strip("/")


def _route(function: Function) -> Route:
    template = route_template(function)
    segments = tuple(_segment(part, function) for part in template.split("/") if part)
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, template, segments, methods)


def _segment(part: str, function: Function) -> Segment:
    if "{" not in part:
        return Segment(literal=part)
    match = SEGMENT.match(part)
    if match is None:
        raise AppLoadError(
            f"Function {function.name}: '{part}' in its route is not understood. A segment is text, {{name}},"
            " {name?}, {name:int}, {name=default} or {*rest}."
        )
    rules = tuple(rule for rule in match["rules"].split(":") if rule)
    for rule in rules:
        if rule not in CONSTRAINTS and rule.partition("(")[0] not in CONSTRAINTS_WITH_ARGUMENT:
            known = ", ".join([*CONSTRAINTS, *(f"{name}(…)" for name in CONSTRAINTS_WITH_ARGUMENT)])
            raise AppLoadError(f"Function {function.name}: route constraint '{rule}' is unknown. Known ones: {known}.")
        _check_argument(rule, function)
    return Segment(
        name=match["name"],
        rules=rules,
        default=match["default"],
        optional=bool(match["optional"]),
        catch_all=bool(match["catch"]),
    )


def _check_argument(rule: str, function: Function) -> None:
    """Refuse at start what would fail each request."""
    name, _, argument = rule.partition("(")
    argument = argument.removesuffix(")")
    if name in CONSTRAINTS_WITH_ARGUMENT and name != "regex" and not _is_long(argument):
        raise AppLoadError(f"Function {function.name}: route constraint '{rule}' needs a whole number in its brackets.")
    if name == "regex":
        import regex  # noqa: PLC0415 - same

        try:
            regex.compile(argument)
        except regex.error as error:
            raise AppLoadError(f"Function {function.name}: route constraint '{rule}': {error}.") from error


def _satisfies(text: str, rule: str) -> bool:
    plain = CONSTRAINTS.get(rule)
    if plain is not None:
        return plain(text)
    name, _, argument = rule.partition("(")
    return CONSTRAINTS_WITH_ARGUMENT[name](text, argument.removesuffix(")"))
