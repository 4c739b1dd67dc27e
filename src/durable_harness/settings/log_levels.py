"""host.json's `logging.logLevel`: from which level on entries of a category are logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from durable_harness.errors import ConfigurationError

TRACE = 5
NOTHING = logging.CRITICAL + 10
"""Above every level that an entry can have."""
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": NOTHING,
}
DEFAULT = "default"


@dataclass(frozen=True)
class LogLevels:
    """The levels by the beginning of a category, in lower case. The longest beginning counts."""

    default: int = logging.INFO
    by_prefix: Mapping[str, int] = field(default_factory=dict)

    def least(self, category: str) -> int:
        """Return the level from which on entries of a category are logged."""
        fitting = [prefix for prefix in self.by_prefix if _fits(category.lower(), prefix)]
        return self.by_prefix[max(fitting, key=len)] if fitting else self.default

    @property
    def least_of_all(self) -> int:
        return min(self.default, *self.by_prefix.values(), NOTHING)

    @property
    def enough_for_all(self) -> int:
        """Return the level from which on entries of every category are logged."""
        return max(self.default, *self.by_prefix.values(), logging.NOTSET)


EVERYTHING = LogLevels(logging.NOTSET)


def _fits(category: str, prefix: str) -> bool:
    """Return whether a rule matches the beginning of a category; one `*` in it stands for anything, as in .NET."""
    beginning, star, end = prefix.partition("*")
    if not star:
        return category.startswith(prefix)
    return len(category) >= len(prefix) - 1 and category.startswith(beginning) and category.endswith(end)


def read_log_levels(file: str, key: str, section: Mapping[str, Any]) -> LogLevels:
    """Return the levels of a section. Raises ConfigurationError for a level that there is not."""
    levels = {name.lower(): _level(file, f"{key}.{name}", value) for name, value in section.items()}
    return LogLevels(levels.pop(DEFAULT, LogLevels.default), levels)


def _level(file: str, key: str, value: Any) -> int:
    word = str(value).strip().lower()
    names = list(LEVELS)
    if word.isdigit() and int(word) < len(names):  # .NET numbers them
        word = names[int(word)]
    if isinstance(value, bool) or word not in LEVELS:
        known = ", ".join(name.capitalize() for name in names)
        raise ConfigurationError(file, key, f"{value!r} is not a log level.", f"Use one of: {known}.")
    return LEVELS[word]
