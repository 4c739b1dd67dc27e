"""The command as the user typed it, for a process in which another command has taken its place."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

PROGRAM = "durable-harness"
VARIABLE = "_DURABLE_HARNESS_TYPED"


def passed_on(arguments: Sequence[str]) -> Mapping[str, str]:
    """Return what the environment of the next command has in it."""
    return {VARIABLE: json.dumps([PROGRAM, *arguments])}


def typed_command(program: str = PROGRAM) -> list[str]:
    """Return the words that were typed; without another command before it, this process's own, as `program`."""
    return list(_PASSED or [program, *sys.argv[1:]])


def _taken() -> list[str]:
    """Take what was passed on out of the environment: what this process starts was not typed so."""
    words: list[str] = json.loads(os.environ.pop(VARIABLE, "[]"))
    return words


_PASSED = _taken()
