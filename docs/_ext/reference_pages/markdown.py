"""Markdown as the topics write it."""

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([\\*_\[\]<>|{}$])")


def plain(text: str) -> str:
    """Return text of the code as Markdown that shows it as it is; what stands in backticks stays code."""
    parts = text.split("`")
    return "`".join(part if number % 2 else SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """Return text as code, empty text as nothing."""
    return f"`{text}`" if f"{text}" else ""


def directive(name: str, argument: str, body: str, **options: str) -> str:
    """Return a directive with its body."""
    lines = [f":{option}: {value}" for option, value in options.items() if value]
    return "\n".join([f"````{{{name}}} {argument}", *lines, *(["", body] if body else []), "````", ""])


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
