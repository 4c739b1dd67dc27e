"""What Locust's form asks for, checked as a whole before Locust takes anything of it.

Locust puts one field after the other into its options. So a bad value would stay there, in the way of every later
start, and some would come up only in the run, when the page has shown a success already.
"""

from __future__ import annotations

import argparse
import math
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any

from locust.argument_parser import get_parser, ui_extra_args_dict
from locust.env import Environment
from locust.util.timespan import parse_timespan
from werkzeug.datastructures import MultiDict

from durable_harness.errors import UsageError
from durable_harness.load.options.parsing import RUN_TIMES
from durable_harness.wording.foreign_text import shown

LOCUST_FIELDS = frozenset({"user_count", "spawn_rate", "host", "run_time", "user_classes", "shape_class", "profile"})
NO_SHAPE = "Default"
NAMES = {int: "a whole number", float: "a number"}
MOST_SHOWN_CHARS = 80

CheckRun = Callable[[Namespace, Iterable[type]], object]
"""Raises UsageError for options that no run of these user classes can have."""


class StartForm:
    """Reads the form of a start against the options that the run would have."""

    def __init__(self, environment: Environment, check_run: CheckRun) -> None:
        self._environment, self._check_run = environment, check_run
        self._actions = {action.dest: action for action in get_parser()._actions}  # noqa: SLF001 - no other way to them
        self._fields = LOCUST_FIELDS | ui_extra_args_dict([]).keys()

    def problem_of(self, form: MultiDict[str, str]) -> str:
        """Return what is wrong with a form; empty if a run can begin with it."""
        others = sorted(set(form) - self._fields)
        if others:
            names = ", ".join(shown(name, 40) for name in others[:5])
            return f"Only the command line sets {names}: start Locust again."
        try:
            self._check_run(self._read(form), self._classes(form))
        except (UsageError, argparse.ArgumentTypeError) as error:
            return shown(str(error))
        return ""

    def problem_of_host(self, host: str) -> str:
        """Return why a host cannot be chosen; empty if it can."""
        options = copy(self._environment.parsed_options)
        options.host = host
        try:
            self._check_run(options, self._environment.user_classes)
        except UsageError as error:
            return shown(str(error))
        return ""

    def forget_run_time(self) -> None:
        """Clear the run time, for a start whose form has none: Locust keeps that of the start before."""
        self._environment.parsed_options.run_time = None

    def _read(self, form: MultiDict[str, str]) -> Namespace:
        """Return the options that Locust would have with this form."""
        options: Namespace = copy(self._environment.parsed_options)
        self._check_users(form)
        if form.get("run_time"):
            options.run_time = _run_time(form["run_time"])
        options.host = form.get("host", self._environment.host)
        for key in sorted(set(form) - LOCUST_FIELDS):
            setattr(options, key, self._value(key, form.getlist(key), getattr(options, key, None)))
        return options

    def _check_users(self, form: MultiDict[str, str]) -> None:
        shapes: Mapping[str, Any] = self._environment.available_shape_classes or {}
        shape = form.get("shape_class") or NO_SHAPE
        if shape != NO_SHAPE and shape not in shapes:
            raise _refused("shape class", shape, f"one of {', '.join([NO_SHAPE, *shapes])}")
        if shape == NO_SHAPE and not (self._environment.shape_class and "shape_class" not in form):
            _number("users", form.get("user_count"), int, "a whole number, 0 or more", lambda users: users >= 0)
            _number("ramp up", form.get("spawn_rate"), float, "users per second, above 0", lambda rate: rate > 0)

    def _classes(self, form: MultiDict[str, str]) -> Iterable[type]:
        """Return the user classes of the run."""
        known: Mapping[str, type] = self._environment.available_user_classes or {}
        names = form.getlist("user_classes")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise _refused("user class", unknown[0], f"one of {', '.join(known)}")
        return [known[name] for name in names] or self._environment.user_classes

    def _value(self, key: str, values: list[str], now: object) -> object:
        """Return the value of an option as Locust reads it: of the type that it has now."""
        action = self._actions[key]
        name = action.option_strings[-1] if action.option_strings else key
        if isinstance(now, bool):
            return values[0] == "true"
        if isinstance(now, list):
            texts = values[0].split(",") if "," in values[0] else values
            return [_read(name, action, text, type(now[0]) if now else str) for text in texts]
        return _read(name, action, values[0], str if now is None else type(now))


def _read(name: str, action: argparse.Action, text: str, kind: type) -> object:
    if action.choices is not None and text not in map(str, action.choices):
        raise _refused(name, text, f"one of {', '.join(map(str, action.choices))}")
    try:
        if callable(action.type):
            action.type(text)
        return kind(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name}: {error}") from error
    except (ValueError, TypeError) as error:
        raise _refused(name, text, NAMES.get(kind, "another value")) from error


def _run_time(text: str) -> int:
    try:
        run_time_s = int(parse_timespan(text))
    except ValueError as error:
        raise _refused("run time", text, RUN_TIMES) from error
    if run_time_s <= 0:
        raise _refused("run time", text, f"{RUN_TIMES}; leave it empty for a run without an end")
    return run_time_s


def _number(name: str, text: str | None, kind: type[float], allowed: str, holds: Callable[[float], bool]) -> None:
    try:
        value = kind(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and holds(value)):
        raise _refused(name, text or "", allowed)


def _refused(name: str, text: str, allowed: str) -> UsageError:
    return UsageError(f"{name}: got '{text[:MOST_SHOWN_CHARS]}', expected {allowed}")
