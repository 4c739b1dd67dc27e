"""Keys of a JSON file by their dotted names, in any case, and what the environment has in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from durable_harness.errors import ConfigurationError

MAX_DIGITS = 18
"""Of a whole number: int() refuses some thousands, and none that is longer than a 64-bit one means anything here."""


class KeyReader:
    """Reads dotted keys in any case, as the host does, and complains with the full name of the key."""

    def __init__(self, file: str, content: dict[str, Any]) -> None:
        self._file, self._content = file, content

    def get(self, key: str) -> Any:
        node: Any = self._content
        path: list[str] = []
        for part in key.split("."):
            if not isinstance(node, dict):
                raise ConfigurationError(self._file, ".".join(path), "must be a JSON object.")
            node = next((value for name, value in node.items() if name.lower() == part.lower()), None)
            if node is None:
                return None
            path.append(part)
        return node

    def text(self, key: str, default: str) -> str:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, dict | list | bool):
            raise ConfigurationError(self._file, key, f"must be text, not {value!r}.")
        return str(value)

    def choice(self, key: str, default: str, others: tuple[str, ...]) -> str:
        value = self.text(key, default)
        for allowed in (default, *others):
            if value.lower() == allowed.lower():
                return allowed
        raise ConfigurationError(
            self._file, key, f"'{value}' is not allowed.", f"Use: {', '.join((default, *others))}."
        )

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a switch: true or false, or the words, which is how the environment has them."""
        value = self.get(key)
        word = str(default if value is None else value).strip().lower()
        if isinstance(value, dict | list) or word not in {"true", "false"}:
            raise ConfigurationError(self._file, key, f"must be true or false, not {value!r}.")
        return word == "true"

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names; empty if the key is missing."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            raise ConfigurationError(self._file, key, f"must be a list of names, not {value!r}.")
        return tuple(value)

    def section(self, key: str) -> dict[str, Any]:
        """Return an object; empty if the key is missing."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ConfigurationError(self._file, key, "must be a JSON object.")
        return value

    def integer(self, key: str) -> int | None:
        value = self.get(key)
        if value is None:
            return None
        text = "" if isinstance(value, bool | float) else str(value).strip()
        if not re.fullmatch(rf"-?\d{{1,{MAX_DIGITS}}}", text):
            raise ConfigurationError(self._file, key, f"must be a whole number, not {value!r}.")
        return int(text)

    def positive(self, key: str) -> int | None:
        number = self.integer(key)
        if number is not None and number <= 0:
            raise ConfigurationError(self._file, key, f"must be a whole number above 0, not {number}.")
        return number

    def limit(self, key: str) -> int:
        number = self.integer(key)
        if number is None or number == -1:
            return -1
        if number <= 0:
            raise ConfigurationError(self._file, key, f"must be above 0, or -1 for no limit, not {number}.")
        return number


def override(content: dict[str, Any], prefix: str, environ: Mapping[str, str]) -> None:
    """Apply variables such as `PREFIX__a__b=value` to a file's content; numbers as the last part make a list.

    A colon parts names too: that is how .NET reads such variables, and how some have them in local.settings.json.
    """
    lists: dict[tuple[str, ...], dict[int, str]] = {}
    for name, value in environ.items():
        first, *parts = name.replace("__", ":").split(":")
        parts = [part for part in parts if part]
        if first.lower() != prefix.lower() or not parts:
            continue
        if len(parts) > 1 and parts[-1].isdigit():
            lists.setdefault(tuple(parts[:-1]), {})[int(parts[-1])] = value
        else:
            _set(content, parts, value)
    for place, items in lists.items():
        _set(content, list(place), [items[position] for position in sorted(items)])


def _set(content: dict[str, Any], parts: list[str], value: Any) -> None:
    node = content
    for part in parts[:-1]:
        key = _own_spelling(node, part)
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    node[_own_spelling(node, parts[-1])] = value


def _own_spelling(node: dict[str, Any], part: str) -> str:
    return next((name for name in node if name.lower() == part.lower()), part)
