"""Constraints of route parameters: all that ASP.NET Core has, with the meaning that it gives them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[str], bool]
REGEX_LIMIT_S = 0.5
LARGEST_DECIMAL = 2**96 - 1


class RouteTimeoutError(Exception):
    """Raised when a route's regex takes too long for a path: a flaw of the route that a caller can exploit."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"the route constraint regex({pattern}) took more than {REGEX_LIMIT_S} s")


@dataclass(frozen=True)
class Constraint:
    """What a value must be. `takes_nothing`: whether a catch-all without a value is good too."""

    accepts: Check
    takes_nothing: bool = False


def constraint(text: str) -> Constraint:
    """Return the constraint that a template names, such as `int` or `range(1,9)`. Raises ValueError saying why not."""
    name, bracket, rest = text.partition("(")
    argument = rest.removesuffix(")") if bracket else None
    kind = name.lower()
    if kind in PLAIN and argument is None:
        return Constraint(PLAIN[kind], takes_nothing=kind == "nonfile")
    if kind in WITH_ARGUMENT and argument is not None:
        return Constraint(WITH_ARGUMENT[kind](argument))
    if kind in PLAIN:
        raise ValueError(f"route constraint '{text}' takes no brackets")
    if kind in WITH_ARGUMENT:
        raise ValueError(f"route constraint '{text}' needs its value in brackets")
    known = ", ".join([*PLAIN, *(f"{name}(…)" for name in WITH_ARGUMENT)])
    raise ValueError(f"route constraint '{text}' is unknown. Known ones: {known}")


def _is_whole(text: str, bits: int) -> bool:
    """Return whether a text is a whole number that .NET's type of this many bits can hold."""
    if re.fullmatch(r"[ \t]*[+-]?[0-9]{1,40}[ \t]*", text) is None:
        return False
    limit = 1 << (bits - 1)
    return -limit <= int(text) < limit


def _is_long(text: str) -> bool:
    return _is_whole(text, 64)


def _is_decimal(text: str) -> bool:
    """A number without an exponent; a sign may follow, commas may part thousands."""
    found = re.fullmatch(r"\s*([+-]?)(\d[\d,]*(?:\.\d*)?|\.\d+)([+-]?)\s*", text, re.ASCII)
    if found is None or (found[1] and found[3]):
        return False
    whole = found[2].replace(",", "").partition(".")[0].lstrip("0")
    return len(whole) <= len(str(LARGEST_DECIMAL)) and int(whole or "0") <= LARGEST_DECIMAL


def _is_float(text: str) -> bool:
    number = r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?\s*"
    return re.fullmatch(rf"{number}|\s*(nan|[+-]?infinity|[+-]?∞)\s*", text, re.ASCII | re.IGNORECASE) is not None


def _is_guid(text: str) -> bool:
    """32 hexadecimal digits, together or in groups by hyphens, in braces or brackets or not."""
    bare = text.strip()
    for opening, closing in ("{}", "()"):
        if bare.startswith(opening) and bare.endswith(closing):
            bare = bare[1:-1]
            return _is_grouped(bare)
    return _is_grouped(bare) or re.fullmatch(r"[0-9a-fA-F]{32}", bare) is not None


def _is_grouped(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None and bool(
        uuid.UUID(text)
    )


def _is_datetime(text: str) -> bool:
    """A date or a time as .NET's invariant culture reads it, month first; a bare number is none."""
    from dateutil.parser import parse  # noqa: PLC0415 - few apps have such a route

    if re.search(r"\d\D+\d|\d\s*[ap]m", text, re.IGNORECASE) is None:
        return False
    try:
        parse(text)
    except (ValueError, OverflowError, TypeError, ArithmeticError, IndexError, AttributeError):
        return False  # dateutil documents the first two; text by chance finds the others too
    return True


def _is_file(text: str) -> bool:
    """Whether the last part of a path has a dot, and something other than dots after it."""
    return bool(text.rpartition("/")[2].partition(".")[2].strip("."))


PLAIN: dict[str, Check] = {
    "int": lambda text: _is_whole(text, 32),
    "long": _is_long,
    "bool": lambda text: text.strip().lower() in {"true", "false"},
    "datetime": _is_datetime,
    "decimal": _is_decimal,
    "double": _is_float,
    "float": _is_float,
    "guid": _is_guid,
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "required": bool,
    "file": _is_file,
    "nonfile": lambda text: not _is_file(text),
}


def _number(argument: str, what: str) -> int:
    if not _is_long(argument):
        raise ValueError(f"route constraint '{what}({argument})' needs whole numbers in its brackets")
    return int(argument)


def _size(text: str) -> int:
    """Return a length as .NET counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _length_between(argument: str, what: str) -> Check:
    parts = argument.split(",")
    least, most = _number(parts[0], what), _number(parts[-1], what)
    if len(parts) > 2 or not 0 <= least <= most:  # noqa: PLR2004 - one length, or the least and the most
        raise ValueError(f"route constraint '{what}({argument})' needs a length, or the least and the most one")
    return lambda text: least <= _size(text) <= most


def _at_least_long(argument: str) -> Check:
    least = _length_of("minlength", argument)
    return lambda text: _size(text) >= least


def _at_most_long(argument: str) -> Check:
    most = _length_of("maxlength", argument)
    return lambda text: _size(text) <= most


def _length_of(what: str, argument: str) -> int:
    length = _number(argument, what)
    if length < 0:
        raise ValueError(f"route constraint '{what}({argument})' needs a length of 0 or more")
    return length


def _range(argument: str) -> Check:
    parts = argument.split(",")
    least, most = _number(parts[0], "range"), _number(parts[-1], "range")
    if len(parts) != 2 or least > most:  # noqa: PLR2004 - the least and the most
        raise ValueError(f"route constraint 'range({argument})' needs the least and the most number")
    return lambda text: _is_long(text) and least <= int(text) <= most


def _min(argument: str) -> Check:
    least = _number(argument, "min")
    return lambda text: _is_long(text) and int(text) >= least


def _max(argument: str) -> Check:
    most = _number(argument, "max")
    return lambda text: _is_long(text) and int(text) <= most


def _regex(pattern: str) -> Check:
    """Search for a pattern, in any case of letters, for a limited time.

    .NET's limit is 10 s, and its host answers 500; all requests of this host would stand still for that long. The
    standard library's search cannot be interrupted at all: `(a+)+$` and thirty letters keep it for minutes.
    """
    import regex  # noqa: PLC0415 - few apps have such a route

    try:
        compiled = regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        raise ValueError(f"route constraint 'regex({pattern})': {error}") from error

    def accepts(text: str) -> bool:
        try:
            return bool(compiled.search(text, timeout=REGEX_LIMIT_S))
        except TimeoutError as error:
            raise RouteTimeoutError(pattern) from error

    return accepts


WITH_ARGUMENT: dict[str, Callable[[str], Check]] = {
    "minlength": _at_least_long,
    "maxlength": _at_most_long,
    "length": lambda argument: _length_between(argument, "length"),
    "min": _min,
    "max": _max,
    "range": _range,
    "regex": _regex,
}
