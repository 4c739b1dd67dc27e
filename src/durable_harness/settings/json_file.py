"""JSON files as people write them by hand: with comments and trailing commas, as Core Tools and VS Code accept them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from durable_harness.documents import parse_json, read_text
from durable_harness.errors import ConfigurationError

_COMMENT = r"//[^\n]*|/\*.*?\*/"
_TOKEN = re.compile(
    rf'"[^"\\]*+(?:\\.[^"\\]*+)*+"|{_COMMENT}|,(?=(?:\s|{_COMMENT})*[}}\]])',
    re.DOTALL,
)


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
    return _TOKEN.sub(_blanked, text)


def _blanked(token: re.Match[str]) -> str:
    if token[0][0] == '"' or (token[0] == "," and _ends_nothing(token.string[: token.start()])):
        return token[0]
    return re.sub(r"[^\n]", " ", token[0])


def _ends_nothing(before: str) -> bool:
    """Whether no value stands before a comma, which is then wrong even for those who allow trailing ones."""
    return before.rstrip()[-1:] in {"", ",", "{", "["}
