"""The commands and their options, from the parsers themselves."""

import argparse
import os
import re
from collections.abc import Iterator
from unittest import mock

from durable_harness.cli.app_folder import VARIABLE
from durable_harness.cli.command_line import make_parser
from durable_harness.cli.load import ABOUT
from durable_harness.cli.load import NAME as LOAD
from reference_pages.markdown import directive, plain

PREFIXES = ("DURABLE_HARNESS_", "DTS_")
APP_OPTION = "--app"
DEFAULT_IN_HELP = re.compile(r" ?\((default: )?((?:[^()]|\([^()]*\))*)\)$")
"""At the end of a help text: "(default: 7071)", or "(30)" where that is the parser's own default."""


class _RecordedEnvironment(dict[str, str]):
    """An environment that keeps the names of ours that were looked up."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command by its name, made in an environment that says nothing of ours."""
    with mock.patch.object(os, "environ", _without_ours()):
        return dict(_commands(make_parser(), ""))


def twins() -> dict[tuple[str, str], str]:
    """Return the environment variable of each option that has one, by command and by the option's name in Python.

    A variable is the twin of an option if the option's default follows it.
    """
    before, asked = _defaults({})
    found = {}
    for variable in sorted(name for name in asked if name.startswith(PREFIXES)):
        changed, _ = _defaults({variable: "true"})
        found.update({key: variable for key, value in changed.items() if value != before[key]})
    return found


def write() -> str:
    """Return a section for each command; one that takes the same as another is named in its section."""
    known, helps = twins(), _helps()
    sections: dict[tuple[str, ...], tuple[str, argparse.ArgumentParser]] = {}
    others: dict[str, list[str]] = {}
    for name, parser in parsers().items():
        first, _ = sections.setdefault(tuple(map(spelling, options_of(parser))) or (name,), (name, parser))
        others.setdefault(first, []).extend([name] if name != first else [])
    return "\n".join(
        _section(name, parser, helps.get(name, ""), others[name], known) for name, parser in sections.values()
    )


def options_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a command takes, but for --help and what its own commands take."""
    skipped = (argparse._HelpAction, argparse._SubParsersAction)  # noqa: SLF001 - argparse names them nowhere else
    return [
        action
        for action in parser._actions  # noqa: SLF001 - same
        if not isinstance(action, skipped) and action.help is not argparse.SUPPRESS
    ]


def spelling(action: argparse.Action) -> str:
    """Return an option as it is written on a command line."""
    value = _value(action)
    if not action.option_strings:
        return value
    return ", ".join(f"{name} {value}".rstrip() for name in action.option_strings)


def default_of(action: argparse.Action) -> str:
    """Return an option's default as a user would write it; empty for none."""
    value = action.default
    if value is None or value is False or value == [] or value is argparse.SUPPRESS:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _section(
    name: str, parser: argparse.ArgumentParser, short: str, others: list[str], known: dict[tuple[str, str], str]
) -> str:
    parts = [f"## {name}", f"{plain(short[:1].upper() + short[1:])}." if short else ""]
    if name == LOAD:
        about = plain(ABOUT.rstrip().removeprefix(parts[1]).lstrip())
        return "\n\n".join([*parts, about, "[Load options](load-options.md) has its options.", ""])
    if others:
        parts.append(f"The same: {', '.join(f'`{other}`' for other in others)}.")
    if parser.description and plain(parser.description) != parts[1]:
        parts.append(plain(parser.description))
    parts.append(directive("program", f"durable-harness {name}", ""))
    parts += [_option(action, known.get((name, action.dest), "")) for action in options_of(parser)]
    if parser.epilog:
        parts.append(f"```text\n{parser.epilog}\n```")
    return "\n\n".join(filter(None, parts)) + "\n"


def _option(action: argparse.Action, variable: str) -> str:
    text, default = without_default(_help(action), default_of(action))
    variable = VARIABLE if APP_OPTION in action.option_strings else variable
    facts = [f"Environment: `{variable}`." if variable else "", f"Default: {default}." if default else ""]
    return directive(
        "option", spelling(action), "\n\n".join(filter(None, [plain(text), " ".join(filter(None, facts))]))
    )


def _help(action: argparse.Action) -> str:
    names = {"default": action.default, "dest": action.dest, "metavar": action.metavar, "prog": "durable-harness"}
    return (action.help or "") % names


def without_default(text: str, default: str) -> tuple[str, str]:
    """Return a help text without the default that it ends in, and the default: the parser's own, or in words."""
    found = DEFAULT_IN_HELP.search(text)
    if found and (found[1] or found[2] == default):
        text = text[: found.start()].rstrip()
        return text, f"`{default}`" if default else plain(found[2])
    return text.replace(" (default)", ""), f"`{default}`" if default else ""


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    name = name if isinstance(name, str) else " ".join(name)
    shapes = {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} […]"}
    return shapes.get(str(action.nargs), name)


def _commands(parser: argparse.ArgumentParser, prefix: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:  # noqa: SLF001 - same
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - same
            for name, command in action.choices.items():
                inner = dict(_commands(command, f"{prefix}{name} "))
                yield from inner.items() if inner else [(f"{prefix}{name}", command)]


def _helps() -> dict[str, str]:
    actions = make_parser()._actions  # noqa: SLF001 - same
    choices = [action._choices_actions for action in actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    return {choice.dest: choice.help or "" for group in choices for choice in group}


def _defaults(environment: dict[str, str]) -> tuple[dict[tuple[str, str], object], set[str]]:
    recorded = _RecordedEnvironment({**_without_ours(), **environment})
    with mock.patch.object(os, "environ", recorded):
        commands = dict(_commands(make_parser(), ""))
    values = {(name, action.dest): action.default for name, parser in commands.items() for action in options_of(parser)}
    return values, recorded.asked


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
