"""The command `completion`: a script that completes commands, options and their values in a shell."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from durable_harness.cli.scenario_words import scenario_words
from durable_harness.terminal.help import add_command

SHELLS = {
    "bash": "durable-harness completion bash > ~/.durable-harness.bash  # source it in ~/.bashrc",
    "zsh": 'durable-harness completion zsh > "${fpath[1]}/_durable-harness"',
    "fish": "durable-harness completion fish > ~/.config/fish/completions/durable-harness.fish",
    "powershell": "durable-harness completion powershell >> $PROFILE",
}
"""The shells, each with the command that installs the completion."""
FOLDERS = {"DIR", "FOLDER"}
"""Metavars of options that take a folder; Locust writes its own, and those of load runs, like `<dir>`."""
WORDS = "app folder, or scenario"
"""What the plain arguments of `load` are."""


def add_completion(commands: Any, whole: argparse.ArgumentParser) -> None:
    """Add the command; `whole` is the parser of all commands."""
    completion = add_command(
        commands, "completion", "print a script that completes commands and options in a shell", *SHELLS.values()
    )
    completion.add_argument("shell", choices=tuple(SHELLS), metavar="SHELL", help=", ".join(SHELLS))
    completion.set_defaults(run=lambda options: _print(whole, options.shell))


def _print(whole: argparse.ArgumentParser, shell: str) -> None:
    sys.stdout.write(script(whole, shell))


def script(whole: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for one of SHELLS; without Locust it does not know the options of `load`."""
    import shtab  # noqa: PLC0415 - this command alone needs it

    from durable_harness.cli.load import NAME as LOAD  # noqa: PLC0415 - same
    from durable_harness.cli.load_help import load_parser  # noqa: PLC0415 - same

    commands = next(action.choices for action in whole._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    if find_spec("locust") is not None:
        _take_options(commands[LOAD], load_parser())
    words = commands[LOAD].add_argument("words", nargs="*", metavar="WORD", help=WORDS)
    for parser in [whole, *commands.values()]:
        for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
            _complete_paths(action, shtab)
    words.complete = scenario_words(shtab.DIRECTORY)
    text: str = shtab.complete(whole, shell)
    # Written as shtab does, zsh would complete the first of them only.
    return text.replace(f"(*)::{WORDS}:", f"*:{WORDS}:")


def _complete_paths(action: Any, shtab: Any) -> None:
    metavar = str(action.metavar).strip("<>").upper()
    if metavar in FOLDERS:
        action.complete = shtab.DIRECTORY
    elif action.type is Path or metavar.startswith("FILE"):
        action.complete = shtab.FILE


def _take_options(parser: argparse.ArgumentParser, other: argparse.ArgumentParser) -> None:
    for action in other._actions:  # noqa: SLF001 - argparse has no public list of them
        if action.option_strings:
            parser._add_action(action)  # noqa: SLF001 - it takes over what another parser has in no other way
