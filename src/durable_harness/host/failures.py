"""What went wrong, as text that can be sent whatever it is: user code may raise what cannot even be described."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import itertools
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from durable_harness.log_categories import HOST_LOGGER, about
from durable_harness.own_loggers import own_logger
from durable_harness.protocol import optional_text, pb

logger = own_logger(HOST_LOGGER)

MAX_TEXT_CHARS = 64 * 1024
"""How much of a message or a stack trace is kept: a failure is never checked against the limit on payloads."""
MAX_TYPE_CHARS = 200
SHOWN_CHARS = 60
INTRODUCTION_CHARS = 2_000
"""How much may stand before a text that was cut off already, such as "Activity function 'x' failed: "."""
_CUT = re.compile(r"\.\.\. \(cut off: \d+ characters in all\)$")
_OUR_CODE = (
    str(Path(__file__).parents[1]),
    *(str(Path(inspect.getfile(m)).parent) for m in (asyncio, concurrent.futures)),
)
_SDK_CODE = re.compile(r"site-packages[/\\](azure[/\\](durable_)?functions|durabletask)[/\\]")
TRACEBACK = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'  File "([^"]+)", line \d+')
_BEFORE_FRAME = re.compile(r'^(?=  File ")', re.MULTILINE)
Frame = TypeVar("Frame")
_TYPE_NAME = type.__dict__["__name__"]
_QUALIFIED_NAME = type.__dict__["__qualname__"]


def sendable(text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Return text as protobuf takes it: half of a surrogate pair becomes its escape (`\\ud800`), the rest stays."""
    whole = str.encode(text, "utf-8", "backslashreplace").decode()  # of str itself: a subclass may do anything
    was_cut = len(whole) <= max_chars + INTRODUCTION_CHARS and _CUT.search(whole)
    if len(whole) <= max_chars or was_cut:
        return whole
    return f"{whole[:max_chars]}... (cut off: {len(whole)} characters in all)"


def type_name(error: BaseException) -> str:
    """Return the name of an error's type, whatever its metaclass makes of `__name__`."""
    return sendable(_TYPE_NAME.__get__(type(error)), MAX_TYPE_CHARS)


def qualified_name(error: BaseException) -> str:
    """Return the name of an error's type with its module, as durabletask writes it: `builtins.ValueError`."""
    module = type(error).__dict__.get("__module__", "builtins")
    return sendable(f"{module}.{_QUALIFIED_NAME.__get__(type(error))}", MAX_TYPE_CHARS)


def message_of(error: BaseException) -> str:
    """Return an error's text, or the name of its class if it has none."""
    if isinstance(error, UnicodeEncodeError):
        start = max(0, error.start - SHOWN_CHARS // 2)
        return sendable(
            f"the text {error.object[start : start + SHOWN_CHARS]!r} has half of a surrogate pair at position"
            f" {error.start} and cannot be encoded as UTF-8"
        )
    return text_of(error) or text_of(type(error))


def text_of(value: object) -> str:
    """Return the text of anything, also of what cannot be described."""
    try:
        return sendable(str(value))
    except BaseException as problem:  # noqa: BLE001 - what a user's __str__ raises
        return f"(its text cannot be read: __str__ raised {type_name(problem)})"


def describe(error: BaseException) -> str:
    """Return the type and the text of an error."""
    return f"{type_name(error)}: {message_of(error)}"


def frames_of(error: BaseException) -> str:
    """Return where an error came from, without its text."""
    return _formatted(lambda: [*_trimmed(error).stack.format()])


def trace_of(error: BaseException) -> str:
    """Return where an error came from, with its text and its causes, each from the app's first line on."""
    return _formatted(lambda: list(_trimmed(error).format()))


def whole_trace_of(error: BaseException) -> str:
    """Return the same with the frames of the host, for an error that may be the host's own."""
    return _formatted(lambda: traceback.format_exception(error))


def log_failure(kind: str, name: str, error: BaseException, function: str) -> None:
    """Log that a function failed: type and message of the error, and the traceback from the app's first line on."""
    trace = frames_of(error)
    where = f"\n{TRACEBACK}{trace}".rstrip() if trace else ""
    logger.error("%s '%s' failed: %s%s", kind, name, describe(error), where, extra=about(function))


def log_failed_work(kind: str, name: str, failure: Any, function: str) -> None:
    """Log the TaskFailureDetails of a function whose error is not at hand."""
    frames = _users_frames(failure.stackTrace.value.removeprefix(TRACEBACK))
    where = f"\n{TRACEBACK}{frames}".rstrip() if frames else ""
    described = f"{failure.errorType.removeprefix('builtins.')}: {failure.errorMessage}"
    logger.error("%s '%s' failed: %s%s", kind, name, described, where, extra=about(function))


def _users_frames(trace: str) -> str:
    """Return the frames of a traceback that is text from the app's first one on."""
    frames = [frame for frame in _BEFORE_FRAME.split(trace) if frame]
    return "".join(_from_the_app_on(frames, lambda frame: found[1] if (found := _FRAME.match(frame)) else ""))


def _trimmed(error: BaseException) -> traceback.TracebackException:
    """Return an error and all that led to it, the frames of each from the app's first one on."""
    trimmed = traceback.TracebackException.from_exception(error)
    waiting = [trimmed]
    while waiting:
        one = waiting.pop()
        one.stack = traceback.StackSummary.from_list(_from_the_app_on(one.stack, lambda frame: str(frame[0])))
        waiting += [other for other in (one.__cause__, one.__context__, *(one.exceptions or ())) if other is not None]
    return trimmed


def _from_the_app_on(frames: Iterable[Frame], file_of: Callable[[Frame], str]) -> Iterator[Frame]:
    """Leave out where the host and the SDK call the function. What the app calls, the SDK too, stays."""
    return itertools.dropwhile(lambda frame: _is_machinery(file_of(frame)), frames)


def _is_machinery(file: str) -> bool:
    return file.startswith(_OUR_CODE) or _SDK_CODE.search(file) is not None


def failure_details(error: BaseException, message: str, stack_trace: str | None = None) -> Any:
    """Return the TaskFailureDetails of an error."""
    return pb.TaskFailureDetails(
        errorType=type_name(error), errorMessage=sendable(message), stackTrace=optional_text(stack_trace)
    )


def _formatted(lines: Callable[[], list[str]]) -> str:
    try:
        return sendable("".join(lines()))
    except BaseException as problem:  # noqa: BLE001 - what a user's attributes raise
        return f"(the stack trace cannot be read: {type_name(problem)})\n"
