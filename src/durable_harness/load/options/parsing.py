"""Locust's parsing of a command line, with the errors of this project, before any load.

Locust ends with 1, its code for failures of a run, where it knows none of the scenarios that are named, and takes a
run time of 0 for a run without end. The first is a usage error like any other, and the second is never meant.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from locust import User

from durable_harness.errors import UsageError
from durable_harness.wording.foreign_text import shown, shown_lines
from durable_harness.wording.misspellings import hint

LIBRARIES = ("locust.", "durable_harness.")
"""Whose classes are what scenarios are made of."""
LOAD = "durable-harness load"
"""How Locust is called by the command that also takes an app's folder."""
UNKNOWN_OPTIONS = "unrecognized arguments:"
RUN_TIMES = "a time above 0, like 30, 90s, 10m or 1h30m"
UNMARK = "say there what the app takes, then remove the mark"


def check_command_line(parser: argparse.ArgumentParser) -> None:
    """Make Locust's parser refuse what cannot be run, with this project's messages and exit code."""
    # Locust makes the parser, and has no hook for either.
    parser.error = functools.partial(_refuse, parser)  # type: ignore[method-assign]
    parser.parse_args = functools.partial(_parsed, parser, parser.parse_args)  # type: ignore[method-assign]


def _parsed(parser: argparse.ArgumentParser, parse_args: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    options = parse_args(*arguments, **more)
    if arguments or more:
        return options  # not the command line of this process: Locust looks for the options of its form
    try:
        check_run_time(options.run_time)
        if not options.list_commands:
            takes_folder = parser.prog == LOAD
            check_names(options.user_classes, list(_user_classes(User)), takes_folder=takes_folder)
    except UsageError as error:
        _refuse(parser, str(error))
    return options


def check_run_time(run_time_s: float | None) -> None:
    """Raise UsageError for a run time of zero: Locust would take it for no limit."""
    if run_time_s is not None and run_time_s <= 0:
        raise UsageError(f"argument -t/--run-time: got {run_time_s:g}, expected {RUN_TIMES}")


def check_names(names: Iterable[str], classes: Iterable[type[User]], *, takes_folder: bool = False) -> None:
    """Raise UsageError for the first name that no scenario has, or if there is none to run at all.

    With `takes_folder` the name may have been meant for an app's folder, as in `durable-harness load FOLDER`.
    """
    runnable: dict[str, type[User]] = {}
    marked: dict[str, type[User]] = {}
    for user_class in classes:
        (marked if user_class.abstract else runnable)[user_class.__name__] = user_class
    for name in names:
        if name not in runnable:
            unknown = _is_unknown(name, runnable, marked, "a folder, or " if takes_folder else "")
            raise UsageError(_is_marked(marked[name]) if name in marked else unknown)
    if not runnable:
        raise UsageError(_nothing_runs(marked))


def _is_marked(scenario: type[User]) -> str:
    return f"{_placed(scenario)} is marked `abstract = True`, so it is not run: {UNMARK}"


def _nothing_runs(marked: dict[str, type[User]]) -> str:
    if not marked:
        return "there is no scenario to run: no file defines a subclass of ArrivalUser or OperationUser"
    scenarios = ", ".join(map(_placed, marked.values()))
    return f"there is no scenario to run, each is marked `abstract = True`: {scenarios}\n  For each, {UNMARK}."


def _is_unknown(name: str, runnable: Iterable[str], marked: Iterable[str], folder: str) -> str:
    known = sorted(runnable)
    there = (
        f"expected {folder}one of these scenarios: {', '.join(known)}" if known else "and there is no scenario to run"
    )
    return f"got '{shown(name, 80)}', {there}{hint(name, [*known, *marked])}"


def _placed(scenario: type[User]) -> str:
    return f"{scenario.__name__} ({os.path.relpath(inspect.getfile(scenario))})"


def _user_classes(base: type[User]) -> Iterator[type[User]]:
    """Yield the classes of users but for those of a library, which are abstract: Locust makes some of tests there."""
    for user_class in base.__subclasses__():
        if not (user_class.abstract and user_class.__module__.startswith(LIBRARIES)):
            yield user_class
        yield from _user_classes(user_class)


def _refuse(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    if UNKNOWN_OPTIONS in message:
        word = message.partition(UNKNOWN_OPTIONS)[2].split()[0].partition("=")[0]
        message += hint(word, [option for action in parser._actions for option in action.option_strings])  # noqa: SLF001
    command = "locust" if parser.prog.endswith(".py") else parser.prog
    parser.exit(UsageError.exit_code, f"error: {shown_lines(message)}\n  See: {command} --help\n")
    raise AssertionError("a parser's exit ends the process")
