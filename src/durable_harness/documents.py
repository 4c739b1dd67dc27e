"""JSON and TOML that others wrote. Any mistake in a text is a ValueError that names it.

The parsers of the standard library also raise RecursionError and MemoryError, and name functions of Python in
their messages about long numbers. Readers of files and answers need not know that.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
"""An object of JSON whose members are used as the types that they should have.

For documents of this project, and of others where a member of another type raises what their reader catches. Whatever
is passed on or only looked at is `object`.
"""

MAX_DEPTH = 800
"""How deep a document may be nested. Python's own parsers and writers end at the recursion limit, 1,000 less the frames
that they are called from, so the limit is below that."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of JSON. Raises ValueError that says what is wrong, a JSONDecodeError for wrong syntax."""
    return _parsed(json.loads, text)


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of TOML. Raises ValueError that says what is wrong."""
    tables: dict[str, Any] = _parsed(tomllib.loads, text)
    return tables


def read_json(path: Path) -> Any:
    """Return the value in a JSON file. Raises OSError, and ValueError that says what is wrong."""
    return parse_json(read_text(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises OSError, and ValueError that says what is wrong."""
    return parse_toml(read_text(path))


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file. Raises OSError, and ValueError that says what is wrong."""
    try:
        return path.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text, from byte {error.start} on") from error
    except MemoryError as error:
        raise ValueError(TOO_LARGE) from error


TOO_LARGE = "it is larger than the memory of this process"


def _parsed(parse: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        value = parse(text)
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    except MemoryError as error:
        raise ValueError(TOO_LARGE) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text, from byte {error.start} on") from error
    except ValueError as error:
        if "int_max_str_digits" not in str(error):
            raise
        raise ValueError(f"a number in it has more than {sys.get_int_max_str_digits():,} digits") from error
    if _is_too_deep(value):
        raise ValueError(_too_deep())
    return value


def _too_deep() -> str:
    return f"it is nested too deep, more than {MAX_DEPTH} levels are never read"


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return False
    return True


def _parts(value: Any) -> list[Any]:
    """Return the arrays and objects in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    return [part for part in value if isinstance(part, dict | list)] if isinstance(value, list) else []
