"""Docstrings are plain text with code in backticks and indented examples; Sphinx reads reStructuredText."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sphinx.application import Sphinx

SPECIAL = re.compile(r"([*|\\_])")
ARGUMENT = re.compile(r"[a-z_]+(, [a-z_]+)*: ")
SECTION = re.compile(r"(Args|Raises|Returns):")
EXAMPLE = "    "


def as_rst(lines: list[str]) -> list[str]:
    """Return the lines of a docstring as reStructuredText."""
    return [line for block in _blocks(lines) for line in [*block, ""]]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield the paragraphs; an indented one becomes a block of Python, with the empty lines within it."""
    example: list[str] = []
    for is_empty, group in groupby(lines, key=lambda line: not line.strip()):
        block = list(group)
        if is_empty:
            example += [""] * bool(example)
        elif all(line.startswith(EXAMPLE) for line in block):
            example += block
        else:
            if example:
                yield _code(example)
            example = []
            yield from _text(block)
    if example:
        yield _code(example)


def _text(block: list[str]) -> Iterator[list[str]]:
    """Yield a section with its title, a list of arguments, or a paragraph."""
    if SECTION.fullmatch(block[0]):
        yield [f"**{block[0].rstrip(':')}**"]
        yield _items([line.removeprefix(EXAMPLE) for line in block[1:]])
    elif all(ARGUMENT.match(line) for line in block if not line.startswith(EXAMPLE)):
        yield _items(block)
    else:
        yield [_prose(line) for line in block]


def _items(lines: list[str]) -> list[str]:
    """Return arguments, or errors, as a list; a line that is indented belongs to the item before it."""
    items: list[str] = []
    for line in lines:
        name, colon, text = line.strip().partition(": ")
        is_new = colon and not line.startswith(EXAMPLE)
        items.append(f"- `{name}`: {_prose(text)}" if is_new else f"  {_prose(line.strip())}")
    return items


def _code(lines: list[str]) -> list[str]:
    return [".. code-block:: python", "", *lines]


def _prose(line: str) -> str:
    parts = line.split("`")
    return "`".join(part if number % 2 else SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts))


def convert(_app: Sphinx, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place, as autodoc wants it."""
    lines[:] = as_rst(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which calls this."""
    app.connect("autodoc-process-docstring", convert)
    return {"parallel_read_safe": True}
