"""A failure as a person reads it: what it is, where in the app it was raised, and what caused it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.dashboard.payload_texts import one_line
from durable_harness.protocol import unwrap_text
from durable_harness.wording.places import machinery, shown_file

FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>[^\n]+))?', re.MULTILINE)
NOT_THE_APPS = ("site-packages", "dist-packages", "durable_harness/", "<frozen", "/lib/python", "\\lib\\")
"""By their names alone: a trace may be of another machine, whose library is not where that of this process is."""
WRAPPED = re.compile(r"(?:(?:Orchestrator|Activity|Entity) function '[^'\n]*' failed: )+")
"""How SDK 1.x begins the message of every failure: the row says already whose it is."""
MOST_CAUSES = 20
LINE_CHARS = 200


TRACE_IN_MESSAGE = re.compile(r"[ \t]*\n ?(?=Traceback \(most recent call last\):\n)")
"""SDK 1.x has the traceback of an activity within the message of its failure, and `Exception` for its type."""
TYPE_IN_MESSAGE = re.compile(r"(?P<type>[A-Za-z_][\w.]*): (?P<rest>.*)", re.DOTALL)
ANY_TYPE = "Exception"
BEFORE_FRAME = re.compile(r'^(?=  File ")', re.MULTILINE)


@dataclass(frozen=True)
class Trace:
    """A traceback as text, and without the frames of libraries."""

    text: str

    @property
    def folded(self) -> str:
        parts = BEFORE_FRAME.split(self.text)
        runs = itertools.groupby(parts, key=_library)
        return "".join("".join(run) if not library else _fold(library, list(run)) for library, run in runs)


@dataclass(frozen=True)
class ShownFailure:
    """One failure of a chain of causes."""

    kind: str
    message: str
    place: str
    """File and line of the app, with the function; "" if the trace does not have them."""
    traces: Sequence[Trace]
    """The tracebacks, the one of what was raised first."""
    whose: str = ""
    """Whose failure it is, in the words of the SDK."""
    text: str = ""
    """Message and trace as they came."""


def failures_of(details: Any) -> Iterator[ShownFailure]:
    """Yield a failure and its causes, from the outermost inwards."""
    for _ in range(MOST_CAUSES):
        yield _failure(details)
        if not details.HasField("innerFailure"):
            return
        details = details.innerFailure


def _failure(details: Any) -> ShownFailure:
    trace = unwrap_text(details, "stackTrace") or ""
    message, *within = TRACE_IN_MESSAGE.split(details.errorMessage, maxsplit=1)
    kind, whose, message = _parted(details.errorType, message)
    traces = [Trace(text.rstrip()) for text in (*within, trace) if text.strip()]
    place = place_of(f"{trace}\n{details.errorMessage}")
    return ShownFailure(kind, message, place, traces, whose, f"{details.errorMessage}\n{trace}")


def _parted(kind: str, message: str) -> tuple[str, str, str]:
    """Return type, whose failure it is, and message, of a message that may have all of them."""
    wrapped = WRAPPED.match(message)
    found = TYPE_IN_MESSAGE.fullmatch(message, wrapped.end()) if wrapped is not None else None
    if wrapped is None or found is None or kind.rpartition(".")[2] not in {found["type"], ANY_TYPE}:
        return kind, "", message
    return found["type"], wrapped[0], found["rest"]


def _library(frame: str) -> str:
    """Return the library of a frame; "" for one of the app, and for a line that is not a frame."""
    found = FRAME.match(frame)
    if found is None or not any(part in found["file"] for part in NOT_THE_APPS):
        return ""
    return machinery(found["file"]) or "a library"


def _fold(library: str, frames: list[str]) -> str:
    """Return a count of frames, with what stands behind the last of them: the error itself."""
    last = frames[-1].splitlines(keepends=True)
    behind = itertools.dropwhile(lambda line: line.startswith(" "), last)
    return f"  … {len(frames)} frame{'s' if len(frames) > 1 else ''} of {library}\n{''.join(behind)}"


def failure_line(details: Any) -> str:
    """Return a failure on one line, without what every failure of its kind begins with."""
    message = TRACE_IN_MESSAGE.split(details.errorMessage, maxsplit=1)[0]
    kind, _, message = _parted(details.errorType, message)
    name = kind.rpartition(".")[2]
    line = one_line(WRAPPED.sub("", message), LINE_CHARS)
    return line if not name or line.startswith(f"{name}:") else f"{name}: {line}"


def place_of(trace: str) -> str:
    """Return where in the app a trace ends: its innermost frame outside libraries; "" if it has none."""
    frames = [found for found in FRAME.finditer(trace) if not any(part in found["file"] for part in NOT_THE_APPS)]
    if not frames:
        return ""
    last = frames[-1]
    function = f" in {last['function'].strip()}" if last["function"] else ""
    return f"{shown_file(last['file'])}:{last['line']}{function}"
