"""A failure as a person reads it: what it is, where in the app it was raised, and what caused it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from durable_harness.dashboard.payloads import one_line
from durable_harness.places import shown_file
from durable_harness.protocol import text_or_none

FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>[^\n]+))?', re.MULTILINE)
NOT_THE_APPS = ("site-packages", "dist-packages", "durable_harness/", "<frozen", "/lib/python", "\\lib\\")
"""By their names alone: a trace may be of another machine, whose library is not where that of this process is."""
WRAPPED = re.compile(r"(?:(?:Orchestrator|Activity|Entity) function '[^'\n]*' failed: )+")
"""How SDK 1.x begins the message of every failure: the row says already whose it is."""
MOST_CAUSES = 20
LINE_CHARS = 200


@dataclass(frozen=True)
class Failure:
    """One failure of a chain of causes."""

    kind: str
    message: str
    place: str
    """File and line of the app, with the function; "" where the trace does not say."""
    trace: str


def failures_of(details: Any) -> Iterator[Failure]:
    """Yield a failure and its causes, from the outermost inwards."""
    for _ in range(MOST_CAUSES):
        trace = text_or_none(details, "stackTrace") or ""
        yield Failure(details.errorType, details.errorMessage, place_of(f"{trace}\n{details.errorMessage}"), trace)
        if not details.HasField("innerFailure"):
            return
        details = details.innerFailure


def failure_line(details: Any) -> str:
    """Return a failure on one line, without what every failure of its kind begins with."""
    message = WRAPPED.sub("", details.errorMessage)
    name = details.errorType.rpartition(".")[2]
    line = one_line(message, LINE_CHARS)
    return line if line.startswith(f"{name}:") else f"{name}: {line}"


def place_of(trace: str) -> str:
    """Return where in the app a trace ends: its innermost frame that is of no library; "" if it has none."""
    frames = [found for found in FRAME.finditer(trace) if not any(part in found["file"] for part in NOT_THE_APPS)]
    if not frames:
        return ""
    last = frames[-1]
    function = f" in {last['function'].strip()}" if last["function"] else ""
    return f"{shown_file(last['file'])}:{last['line']}{function}"
