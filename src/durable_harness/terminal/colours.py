"""Verdicts and errors in colour, where a terminal shows them.

A pipe, a file, `NO_COLOR` and a dumb terminal get the same text without colours. `FORCE_COLOR` colours a pipe too: CI
services that show colours set it.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

STYLES = {
    "bold green": r"^(?:PASSED|NOT SLOWER)\b",
    "bold red": r"^(?:FAILED|SLOWER|INVALID)\b|^(?:\S+: )?error:",
    "bold yellow": r"^(?:CANNOT TELL|INTERRUPTED|UNKNOWN)\b|^warning:",
    "green": r"(?<=  )(?:pass|ok|not slower)(?=$|  )",
    "red": r"(?<=  )(?:FAIL|fail|slower|different|unreadable)(?=$|  )",
    "yellow": r"(?<=  )(?:cannot tell|not judged)(?=$|  )",
}
"""The words of reports and messages that get each style."""


def show(text: str, stream: TextIO | None = None) -> None:
    """Write a text to stdout, or to another stream, with colours where they can be seen."""
    stream = sys.stdout if stream is None else stream
    if not wants_colours(stream):
        stream.write(text)
        return
    from rich.console import Console  # noqa: PLC0415 - 40 ms, for terminals alone
    from rich.text import Text  # noqa: PLC0415

    coloured = Text(text)
    for style, pattern in STYLES.items():
        for found in re.finditer(pattern, text, re.MULTILINE):
            coloured.stylize(style, *found.span())
    # The terminal wraps the lines: a copied line then has no line breaks that are not its own.
    Console(file=stream).print(coloured, end="", soft_wrap=True)


def show_error(message: str) -> None:
    """Write an error's message to stderr."""
    show(f"error: {message}\n", sys.stderr)


def wants_colours(stream: TextIO) -> bool:
    """Return whether a stream is to get colours: https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")
