"""The help of a command: one sentence, its options, an example, in colours where a terminal shows them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or os.environ.get("NO_COLOR"):
    _Formatter = argparse.RawDescriptionHelpFormatter
else:
    from rich_argparse import RawDescriptionRichHelpFormatter as _Formatter


class HelpFormatter(_Formatter):
    """Keeps the lines of examples and exit codes as they are, and never reads a user's text as markup."""

    text_markup = False
    help_markup = False
    group_name_formatter = str


def add_command(commands: Any, name: str, summary: str, *examples: str, **options: Any) -> argparse.ArgumentParser:
    """Add a parser to those of `durable-harness`, and return it.

    Args:
        commands: what `ArgumentParser.add_subparsers` returned.
        name: the command's word.
        summary: what the command does, without a full stop; the list of commands shows it.
        examples: whole command lines that a reader can copy.
        options: what else `add_parser` takes.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n  ".join(["example:" if len(examples) == 1 else "examples:", *examples]) if examples else None,
        formatter_class=HelpFormatter,
        **options,
    )
    return parser
