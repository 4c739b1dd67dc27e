"""The command line as a whole: its commands, and what becomes of the errors that they raise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from durable_harness.cli.ab import add_ab
from durable_harness.cli.capacity import add_capacity
from durable_harness.cli.compare import add_compare
from durable_harness.cli.completion import add_completion
from durable_harness.cli.dashboard import add_dashboard
from durable_harness.cli.func_spellings import HIDDEN, add_spellings, with_worker_arguments_joined
from durable_harness.cli.init import add_init
from durable_harness.cli.load import NAME as LOAD
from durable_harness.cli.load import add_load_command, run_load
from durable_harness.cli.record import add_record
from durable_harness.cli.recover import add_recover
from durable_harness.cli.replay import add_replay
from durable_harness.cli.scheduler import add_scheduler
from durable_harness.cli.serve import add_host_options, add_serve
from durable_harness.cli.trend import add_trend
from durable_harness.cli.version import add_version
from durable_harness.cli.why import add_why
from durable_harness.errors import HarnessError, UsageError
from durable_harness.exit_codes import help_text
from durable_harness.extras import naming_extras
from durable_harness.output_streams import unbroken_output
from durable_harness.sigterm import exit_code_of, raised_as_interrupt
from durable_harness.terminal.colours import show_error
from durable_harness.terminal.help import HelpFormatter
from durable_harness.wording.foreign_text import shown, shown_lines
from durable_harness.wording.misspellings import hint


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the errors of this house are printed as they are."""
    with unbroken_output() as lost:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
    return lost.exit_code(code)


def _run(arguments: list[str]) -> int:
    is_service = False
    try:
        with raised_as_interrupt(), naming_extras(" ".join(arguments[:1]) or "durable-harness"):
            if arguments[:1] == [LOAD]:
                run_load(arguments[1:])
            options = make_parser().parse_args(with_worker_arguments_joined(arguments))
            options.arguments, is_service = arguments, options.is_service
            return int(options.run(options) or 0)
    except HarnessError as error:
        show_error(shown_lines(str(error)))
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        if is_service:
            return 0  # a signal is how a service ends, also while it starts
        print(str(interrupt) or "interrupted", file=sys.stderr)
        return exit_code_of(interrupt)


class _Parser(argparse.ArgumentParser):
    """argparse, but its complaints end like every other error here, and come from the command that they are about."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Complain here of arguments that are too many: otherwise the parser of all commands does."""
        found, others = super().parse_known_args(args, namespace)
        if others:
            options = [option for action in self._actions for option in action.option_strings]
            unknown = next((word.partition("=")[0] for word in others if word.startswith("-")), "")
            self.error(f"unrecognized arguments: {' '.join(others)}{hint(unknown, options)}")
        return found, others

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse an unknown command in fewer words than argparse, which would list the hidden ones too."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001 - no other name
            known = [name for name in action.choices if name not in HIDDEN] or list(action.choices)
            meant = hint(str(value), known) or f"\n  Expected one of {', '.join(known)}."
            self.error(f"there is no command '{shown(str(value), 80)}'{meant}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n  See: {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(prog="durable-harness", epilog=help_text(), formatter_class=HelpFormatter)
    add_version(parser)
    parser.set_defaults(is_service=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_init(commands)
    add_load_command(commands)
    serve = add_serve(commands)
    for add in (add_scheduler, add_dashboard, add_recover, add_compare, add_ab, add_capacity, add_trend):
        add(commands)
    for add in (add_record, add_replay, add_why):
        add(commands)
    add_completion(commands, parser)
    add_spellings(commands, add_host_options, serve.parse_args([]))
    return parser
