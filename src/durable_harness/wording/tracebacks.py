"""Tracebacks as the author of an app reads them: the app's own frames, all others folded to a count.

Traceback (most recent call last):
  File "/app/function_app.py", line 80, in ship
    return weigh(order)
  … 3 frames of json
"""

from __future__ import annotations

import itertools
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

from durable_harness.wording.places import FRAME, CodePlace, package_of, shown_file

TRACEBACK = "Traceback (most recent call last):\n"
FIRST_FRAMES, LAST_FRAMES = 10, 20
"""How many frames of the app are shown of one error: how it began, and where it ended."""
MOST_LINKS = 10
"""How many errors of a chain of causes are shown."""
MOST_LINE_CHARS = 300
_BEFORE_FRAME = re.compile(r'^(?=  File ")', re.MULTILINE)
_Frame = TypeVar("_Frame")
_OWN, _FOREIGN, _HIDDEN = "own", "foreign", "hidden"


class _FoldedStack(traceback.StackSummary):
    """A stack whose `format` folds what is not of the app."""

    def format(self, **options: Any) -> list[str]:
        return list(_folded(self, _package_of, lambda frames: _formatted(frames, options)))


def folded(error: BaseException) -> str:
    """Return the traceback of an error with its causes; of one that has none and no notes, only its frames."""
    found = traceback.TracebackException.from_exception(error, compact=True)
    links = list(_linked(found))
    for one in links:
        one.stack = _FoldedStack(_from_the_app_on(one.stack, _package_of))
    if not any(one.stack for one in links):
        return ""
    if len(links) > 1 or getattr(found, "__notes__", None):
        return "".join(found.format())
    return f"{TRACEBACK}{''.join(found.stack.format())}" if found.stack else ""


def folded_text(trace: str) -> str:
    """Return the same of a traceback that is text already."""
    frames = [frame for frame in _BEFORE_FRAME.split(trace.removeprefix(TRACEBACK)) if FRAME.match(frame)]
    kept = list(_from_the_app_on(frames, _package_in))
    return f"{TRACEBACK}{''.join(_folded(kept, _package_in, lambda some: [*some]))}" if kept else ""


def trimmed(error: BaseException) -> traceback.TracebackException:
    """Return an error and all that led to it, the frames of each from the app's first one on, none folded."""
    found = traceback.TracebackException.from_exception(error)
    for one in _linked(found):
        one.stack = traceback.StackSummary.from_list(_from_the_app_on(one.stack, _package_of))
    return found


def place_of(error: BaseException) -> CodePlace | None:
    """Return the last line of the app that an error passed; of its cause if it has none itself."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = [(step.f_code, line) for step, line in traceback.walk_tb(link.__traceback__)]
        for code, line in reversed(frames):
            if package_of(code.co_filename, code.co_name) is None:
                return CodePlace(code.co_filename, line, code.co_name)
        link = link.__cause__ or link.__context__
    return None


def frames_as_json(error: BaseException) -> list[dict[str, Any]]:
    """Return the app's frames of an error, the outermost first."""
    found = traceback.TracebackException.from_exception(error, compact=True)
    own = [_frame_as_json(frame) for frame in found.stack if package_of(frame.filename, frame.name) is None]
    return own if len(own) <= FIRST_FRAMES + LAST_FRAMES else [*own[:FIRST_FRAMES], *own[-LAST_FRAMES:]]


def frames_in_text_as_json(trace: str) -> list[dict[str, Any]]:
    """Return the same of a traceback that is text."""
    found = (FRAME.match(frame) for frame in _BEFORE_FRAME.split(trace))
    return [
        {"file": shown_file(frame[1]), "line": int(frame[2]), "function": frame[3]}
        for frame in found
        if frame is not None and package_of(frame[1], frame[3] or "") is None
    ][-LAST_FRAMES:]


def _frame_as_json(frame: traceback.FrameSummary) -> dict[str, Any]:
    code = (frame.line or "")[:MOST_LINE_CHARS]
    return {"file": shown_file(frame.filename), "line": frame.lineno, "function": frame.name, "code": code}


def _linked(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield an error and those that led to it. A chain that is too long is cut off."""
    waiting, count = [error], 0
    while waiting:
        one = waiting.pop(0)
        yield one
        count += 1
        if count >= MOST_LINKS:
            one.__cause__ = one.__context__ = None
        waiting += [other for other in (one.__cause__, one.__context__, *(one.exceptions or ())) if other is not None]


def _from_the_app_on(frames: Iterable[_Frame], package_of_frame: Callable[[_Frame], str | None]) -> Iterator[_Frame]:
    """Leave out where the host and the SDK call the function. What the app calls stays."""
    return itertools.dropwhile(lambda frame: package_of_frame(frame) is not None, frames)


def _folded(
    frames: Iterable[_Frame],
    package_of_frame: Callable[[_Frame], str | None],
    shown: Callable[[list[_Frame]], list[str]],
) -> Iterator[str]:
    """Yield the lines of frames, a count in place of those that are not shown."""
    marked = [(package_of_frame(frame), frame) for frame in frames]
    own = [number for number, (package, _) in enumerate(marked) if package is None]
    hidden = range(own[FIRST_FRAMES], own[-LAST_FRAMES]) if len(own) > FIRST_FRAMES + LAST_FRAMES else range(0)
    kinds = [_HIDDEN if n in hidden else _OWN if package is None else _FOREIGN for n, (package, _) in enumerate(marked)]
    for kind, run in itertools.groupby(zip(kinds, marked, strict=True), key=itemgetter(0)):
        some = [one for _, one in run]
        if kind is _OWN:
            yield from shown([frame for _, frame in some])
        else:
            packages = dict.fromkeys(package or "the app" for package, _ in some)
            yield f"  … {len(some)} frame{'s' if len(some) > 1 else ''} of {', '.join(packages)}\n"


def _formatted(frames: list[traceback.FrameSummary], options: Any) -> list[str]:
    lines = traceback.StackSummary.from_list(frames).format(**options)
    return [_bounded(line) for line in lines]


def _bounded(entry: str) -> str:
    """Cut the code of a frame whose line is very long; what marks a part of it goes too."""
    if all(len(line) <= MOST_LINE_CHARS for line in entry.splitlines()):
        return entry
    return "".join(f"{line[:MOST_LINE_CHARS]}…\n" for line in entry.splitlines()[:2])


def _package_of(frame: Any) -> str | None:
    return package_of(frame.filename, frame.name)


def _package_in(frame: str) -> str | None:
    found = FRAME.match(frame)
    return None if found is None else package_of(found[1], found[3] or "")
