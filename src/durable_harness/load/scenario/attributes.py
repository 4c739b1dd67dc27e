"""What a scenario class may define, checked before any load: an attribute that nothing reads changes nothing, unseen.

A name that is close to one of ours is taken for a slip. One that is the author's own begins with an underscore, or is
not so close.
"""

from __future__ import annotations

import difflib
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.operations import STRATEGIES, PollStrategy, ServiceDescription
from durable_harness.operations.description import is_pointer
from durable_harness.operations.service_file import METHODS

SLIP = 0.85
"""How alike two names are at least, from 0 to 1, if one is taken for a slip of the other."""
ARGUMENTS = {
    "payload": ("token",),
    "check_output": ("sent", "output"),
    "on_accepted": ("operation",),
    "arrivals": (),
    "arrive": ("arrival",),
    "on_start": (),
    "on_stop": (),
}
"""The methods that are called for the author, and with what."""

OURS = "durable_harness."
Allowed = tuple[Callable[[object], bool], str]
"""Whether a value may be used, and which may, for people."""


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_headers(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _is_strategy(value: object) -> bool:
    return isinstance(value, PollStrategy) or (isinstance(value, str) and value in STRATEGIES)


def _or_none(allowed: Allowed) -> Allowed:
    holds, words = allowed
    return (lambda value: value is None or holds(value)), f"{words}, or None"


_POINTER: Allowed = (
    lambda value: isinstance(value, str) and is_pointer(value),
    "a JSON pointer like '/output/finishedAt'",
)
_SECONDS: Allowed = (_is_number, "seconds above 0")
ATTRIBUTES: Mapping[str, Allowed] = {
    "start_path": (_is_path, "a path that begins with a slash"),
    "start_method": (lambda value: isinstance(value, str) and value in METHODS, f"one of {', '.join(METHODS)}"),
    "status_path": (
        lambda value: isinstance(value, str) and _is_path(value) and "{id}" in value,
        "a path that begins with a slash and has {id} in it",
    ),
    "headers": (_is_headers, "texts like {'Accept': 'application/json'}"),
    "service": _or_none((lambda value: isinstance(value, ServiceDescription), "a ServiceDescription")),
    "started_at": _or_none(_POINTER),
    "finished_at": _or_none(_POINTER),
    "operation_type": (_is_text, "a text"),
    "poll_strategy": _or_none((_is_strategy, f"one of {', '.join(STRATEGIES)}, or a PollStrategy")),
    "poll_interval_s": _or_none(_SECONDS),
    "poll_budget": _or_none((_is_number, "a number above 0")),
    "operation_timeout_s": _or_none(_SECONDS),
    "is_poisson": (lambda value: isinstance(value, bool), "True or False"),
}
"""The attributes that are values, and what each may be."""
OF_DURABLE_APPS = ("start_path", "start_method", "status_path", "headers", "started_at", "finished_at")
"""Attributes that a description of the service takes the place of."""


def check_attributes(scenario: type[Any]) -> None:
    """Raise UsageError for what the author of a scenario wrote by mistake, also in a class that it is made of."""
    own, base = _own_attributes(scenario), _first_of_ours(scenario)
    for name, value in own.items():
        problem = _value_problem(name, value) or _call_problem(name, value, scenario) or _slip(name, value, own, base)
        if problem:
            raise UsageError(f"{scenario.__name__}.{name}{problem}")
    if own.get("service") is not None and (unused := [name for name in OF_DURABLE_APPS if name in own]):
        raise UsageError(
            f"{scenario.__name__}.{unused[0]}: changes nothing beside `service`, which describes the start and the "
            "status. Write it there, or leave `service` out."
        )


def _first_of_ours(scenario: type[Any]) -> type[Any]:
    """Return the class of the harness that a scenario is made of."""
    return next(cls for cls in scenario.__mro__ if cls.__module__.startswith(OURS))


def _own_attributes(scenario: type[Any]) -> dict[str, object]:
    """Return what the author's classes define, as it is written there."""
    own: dict[str, object] = {}
    for cls in reversed(scenario.__mro__):
        if not cls.__module__.startswith((OURS, "locust.", "builtins")):
            own |= vars(cls)
    return own


def _value_problem(name: str, value: object) -> str:
    if name in ATTRIBUTES and not _is_computed(value):
        holds, allowed = ATTRIBUTES[name]
        return "" if holds(value) else f": got {value!r}, expected {allowed}"
    if name == "payload" and not _is_callable(value) and not _is_json(value):
        return f": got {value!r}, expected a JSON value, or a method `def payload(self, token)`"
    return ""


def _call_problem(name: str, value: object, scenario: type[Any]) -> str:
    """Return what is wrong with one of the methods that are called for the author."""
    if name not in ARGUMENTS or (name == "payload" and not _is_callable(value)):
        return ""
    arguments = ", ".join(("self", *ARGUMENTS[name]))
    expected = f"`def {name}({arguments})`"
    if not _is_callable(value):
        return f": got {value!r}, expected a method {expected}"
    # A descriptor gives whatever it likes; `_is_callable` has made sure that it can be called.
    bound: Any = value.__get__(object(), scenario) if hasattr(value, "__get__") else value
    if inspect.iscoroutinefunction(bound):
        return f": is a coroutine, which is never awaited; expected {expected}"
    try:
        inspect.signature(bound).bind(*ARGUMENTS[name])
    except TypeError:
        return f": cannot be called with ({', '.join(ARGUMENTS[name])}); expected {expected}"
    except ValueError:  # of a callable that has no signature
        return ""
    return ""


def _slip(name: str, value: object, own: Mapping[str, object], base: type[Any]) -> str:
    """Return which name is meant by one that is no name of ours, "" if it can be the author's own."""
    if name.startswith("_") or hasattr(base, name) or hasattr(value, "locust_task_weight"):
        return ""
    meant = list(_alike(name, value, base))
    if not meant or meant[0] in own:
        return ""
    return (
        f": no scenario has an attribute of that name. Did you mean {meant[0]}? Begin a name of your own with an "
        f"underscore: _{name}."
    )


def _alike(name: str, value: object, base: type[Any]) -> Iterator[str]:
    """Yield the names of its own kind that it may be a slip of; a list `payloads` is the author's, of such."""
    is_method = _is_callable(value)
    known = ARGUMENTS if is_method else {*ATTRIBUTES, "payload", "durations"}
    for one in difflib.get_close_matches(name, known, cutoff=SLIP):
        if hasattr(base, one) and (is_method or name != f"{one}s"):
            yield one


def _is_callable(value: object) -> bool:
    return callable(value) or isinstance(value, staticmethod | classmethod)


def _is_computed(value: object) -> bool:
    """Return whether an attribute has its value when it is asked for: a property, or another descriptor."""
    return hasattr(value, "__get__") and not isinstance(value, staticmethod | classmethod)
