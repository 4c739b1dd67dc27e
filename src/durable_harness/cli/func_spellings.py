"""Core Tools' spellings of `serve`: `func start`, `func host start` and `func run`, with `func` or without it."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.wording.foreign_text import shown

OTHER_LANGUAGES = (
    *("csharp", "csx", "custom", "dotnet", "dotnet-isolated", "java", "javascript", "node", "powershell", "typescript"),
)
SPELLINGS = ("start", "run")
HOST = "host"
HIDDEN = (*SPELLINGS, HOST)
"""Commands that no list shows: they are for users who come from Core Tools; no other user needs a second `serve`."""
WORKER_OPTION = "--language-worker"
HELP = "the same host, with the arguments of `func start`"


def add_spellings(
    commands: Any, add_host_options: Callable[[argparse.ArgumentParser], None], serve: argparse.Namespace
) -> None:
    """Add the commands. `serve` has the defaults of `serve`, and what it runs."""

    def add(verbs: Any, verb: str, **help_text: str) -> None:
        parser = verbs.add_parser(verb, **help_text)
        add_host_options(parser)
        _add_other_options(parser)
        parser.set_defaults(**vars(serve) | {"run": lambda options: _start(options, serve.run)})

    func = commands.add_parser("func", help="Core Tools' spelling: durable-harness func start …")
    verbs = func.add_subparsers(required=True, metavar="|".join((*SPELLINGS, f"{HOST} start")))
    for verb in SPELLINGS:
        add(verbs, verb, help=HELP)
        add(commands, verb)
    for place in (verbs, commands):
        add(place.add_parser(HOST).add_subparsers(required=True, metavar="start"), "start", help=HELP)


def _add_other_options(parser: argparse.ArgumentParser) -> None:
    """Add the rest of what Core Tools takes. Nothing of it changes what happens here."""
    parser.add_argument("-t", "--timeout", type=int, help=argparse.SUPPRESS)
    for name in (WORKER_OPTION, "--runtime", "--json-output-file", "--debug", "--user-secrets-id"):
        parser.add_argument(name, nargs="?", help=argparse.SUPPRESS)
    switches = ("--python", "--no-build", "--no-interactive", "--enable-json-output", "--dotnet-isolated-debug")
    for name in (*switches, "--pause-on-error"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    for language in OTHER_LANGUAGES:
        parser.add_argument(
            f"--{language}", dest="language", action="store_const", const=language, help=argparse.SUPPRESS
        )


def with_worker_arguments_joined(arguments: Sequence[str]) -> list[str]:
    """Return a command line in which what follows `--language-worker … --` is that option's value."""
    words = list(arguments)
    if WORKER_OPTION not in words or "--" not in words:
        return words
    end = words.index("--")
    before = [word for word in words[:end] if word != WORKER_OPTION]
    return [*before, f"{WORKER_OPTION}={shlex.join(words[end + 1 :])}"]


def _start(options: argparse.Namespace, serve: Callable[[argparse.Namespace], None]) -> None:
    if options.language is not None:
        raise UsageError(f"--{options.language}: this host runs Python apps. Leave the option out, or use --python.")
    if options.language_worker:
        unused = shown(options.language_worker)
        print(f"warning: {WORKER_OPTION}: the app runs in the host's own Python; not used: {unused}", file=sys.stderr)
    serve(options)
