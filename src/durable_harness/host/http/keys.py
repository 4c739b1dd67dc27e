"""Keys as Azure has them: which key opens what.

function key   its one function
host key       every function
system key     the durable webhooks; management URLs carry it
master key     everything, the admin endpoints and functions of authLevel admin included
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from durable_harness.errors import ConfigurationError
from durable_harness.key_names import FUNCTION_KEY_VARIABLE

HOST_VARIABLE = FUNCTION_KEY_VARIABLE
MASTER_VARIABLE = "DURABLE_HARNESS_MASTER_KEY"
SYSTEM_VARIABLE = "DURABLE_HARNESS_SYSTEM_KEY"
FUNCTION_VARIABLE_PREFIX = f"{HOST_VARIABLE}_"
"""Followed by the function's name in capitals: the key of this one function."""
KEY_BYTES = 32


def _made_up() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


@dataclass(frozen=True)
class Keys:
    """The keys of one host. Those that are not given are made up; unless `are_checked`, everything is open."""

    are_checked: bool = False
    host: str = field(default_factory=_made_up, repr=False)
    master: str = field(default_factory=_made_up, repr=False)
    system: str = field(default_factory=_made_up, repr=False)
    functions: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By the function's name in capitals; a function without one has the host's key only."""

    @cached_property
    def of_webhooks(self) -> tuple[str, ...]:
        return (self.system, self.master)

    @cached_property
    def of_admin(self) -> tuple[str, ...]:
        return (self.master,)

    def of_function(self, name: str, level: str) -> tuple[str, ...] | None:
        """Return the keys that open a function of this authLevel, None if it needs none.

        The system key opens none, as in Azure.
        """
        if level.lower() == "anonymous":
            return None
        if level.lower() == "admin":
            return self.of_admin
        own = self.functions.get(name.upper())
        return (self.host, self.master, own) if own else (self.host, self.master)

    def of_no_function(self, functions: Iterable[str]) -> list[str]:
        """Return the variables of keys that open none of these functions: misspelt, or those of another app."""
        known = {name.upper() for name in functions}
        return [f"{FUNCTION_VARIABLE_PREFIX}{name}" for name in self.functions if name not in known]


def read_keys(environ: Mapping[str, str], *, are_checked: bool) -> Keys:
    """Return the keys that the environment gives, the others made up. Raises ConfigurationError for one unusable."""
    named = {"host": HOST_VARIABLE, "master": MASTER_VARIABLE, "system": SYSTEM_VARIABLE}
    given = {name: _usable(variable, environ[variable]) for name, variable in named.items() if environ.get(variable)}
    functions = {
        variable.removeprefix(FUNCTION_VARIABLE_PREFIX).upper(): _usable(variable, value)
        for variable, value in environ.items()
        if variable.startswith(FUNCTION_VARIABLE_PREFIX) and value
    }
    return Keys(are_checked=are_checked, functions=functions, **given)


def _usable(variable: str, key: str) -> str:
    """Return a key that can be in a header and in a URL. The message for any other one does not repeat it."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            "environment", variable, "a key must be printable ASCII without spaces.", "Letters and digits are best."
        )
    return key
