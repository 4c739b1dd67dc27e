"""Where two JSON values differ: the place in them, rather than two long texts."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

_ABSENT: Final = object()


def first_place(
    wanted: Any, got: Any, where: str, is_same: Callable[[Any, Any], bool] = operator.eq
) -> tuple[str, str, str]:
    """Return the innermost place where two different values differ first, and as text what is there in either.

    `where` names the whole: a place in it is `where.key[0]`.
    """
    return next(_places(wanted, got, where, is_same))


def _places(wanted: Any, got: Any, where: str, is_same: Callable[[Any, Any], bool]) -> Iterator[tuple[str, str, str]]:
    """Yield the places: the innermost first, then those around it."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in [*wanted, *(key for key in got if key not in wanted)]:
            one, other = wanted.get(key, _ABSENT), got.get(key, _ABSENT)
            if not is_same(one, other):
                yield from _places(one, other, f"{where}.{key}", is_same)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            if not is_same(one, other):
                yield from _places(one, other, f"{where}[{number}]", is_same)
    yield where, shown(wanted), shown(got)


def shown(value: Any) -> str:
    """Return a JSON value as one line."""
    return "(absent)" if value is _ABSENT else json.dumps(value, ensure_ascii=False, default=repr)
