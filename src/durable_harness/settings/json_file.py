"""JSON files as people write them by hand: with comments and trailing commas, as Core Tools and VS Code accept them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from durable_harness.documents import parse_json, read_text
from durable_harness.errors import ConfigurationError

PIECE = re.compile(
    r"""
    (?P<comment>//[^\n]*+|/\*.*?\*/)
    |(?P<space>\s++)
    |"[^"\\]*+(?:\\.[^"\\]*+)*+"?+    # text; without its end, all the rest
    |/\*.*+                             # a comment without its end: all the rest too
    |[^"/,\[\]{}\s]++
    |.
    """,
    re.DOTALL | re.VERBOSE,
)
"""Matches wherever it is tried, so that a file is read once from its beginning to its end, however hostile it is."""
_BEFORE_VALUES = frozenset({"", ",", "{", "["})
"""After these a comma is wrong, even for those who allow trailing ones."""


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object, with or without a byte order mark, comments and trailing commas.

    Raises ConfigurationError that names the file, and line and column of what is wrong in it.
    """
    try:
        content = parse_json(as_plain_json(read_text(path, "utf-8-sig")))
    except OSError as error:
        raise ConfigurationError(path.name, "", f"the file cannot be read: {error.strerror}.", str(path)) from error
    except json.JSONDecodeError as error:
        problem = f"the file is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise ConfigurationError(path.name, "", problem, str(path)) from error
    except ValueError as error:
        raise ConfigurationError(path.name, "", f"the file cannot be read as JSON: {error}.", str(path)) from error
    if not isinstance(content, dict):
        raise ConfigurationError(path.name, "", "the file must hold one JSON object.", str(path))
    return content


def as_plain_json(text: str) -> str:
    """Return JSON with spaces in place of comments and trailing commas, so that every position stays what it was."""
    pieces: list[str] = []
    last = ""
    comma: int | None = None
    """Where the comma is that turns out to be a trailing one if a bracket follows."""
    for found in PIECE.finditer(text):
        piece = found[0]
        pieces.append(_blanked(piece) if found.lastgroup == "comment" else piece)
        if found.lastgroup is not None:
            continue  # no value and no bracket
        if piece in {"]", "}"} and comma is not None:
            pieces[comma] = " "
        comma = len(pieces) - 1 if piece == "," and last not in _BEFORE_VALUES else None
        last = piece
    return "".join(pieces)


def _blanked(piece: str) -> str:
    return re.sub(r"[^\n]", " ", piece)
