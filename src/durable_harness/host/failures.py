"""What went wrong, as text that can be sent whatever it is: user code may raise what cannot even be described."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable
from typing import Protocol

from durable_harness.protocol import pb, wrap_text
from durable_harness.wording.places import CodePlace, names_place
from durable_harness.wording.tracebacks import place_of, trimmed

MAX_TEXT_CHARS = 64 * 1024
"""How much of a message or a stack trace is kept: a failure is never checked against the limit on payloads."""
MAX_TYPE_CHARS = 200
SHOWN_CHARS = 60
INTRODUCTION_CHARS = 2_000
"""How much may stand before a text that was cut off already, such as "Activity function 'x' failed: "."""
HANDED_ON = "__durable_harness_failure__"
_CUT = re.compile(r"\.\.\. \(cut off: \d+ characters in all\)$")
_TYPE_NAME = type.__dict__["__name__"]
_QUALIFIED_NAME = type.__dict__["__qualname__"]


class OfTheApp(Protocol):
    """A function of the app, by what is asked of it here."""

    @property
    def call(self) -> object:
        """Return the app's callable, which the SDK may have wrapped."""


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
    return _formatted(lambda: [*trimmed(error).stack.format()])


def trace_of(error: BaseException) -> str:
    """Return where an error came from, with its text and its causes, each from the app's first line on."""
    return _formatted(lambda: list(trimmed(error).format()))


def whole_trace_of(error: BaseException) -> str:
    """Return the same with the frames of the host, for an error that may be the host's own."""
    return _formatted(lambda: traceback.format_exception(error))


def error_with_place(error: BaseException, place: str | None) -> str:
    """Return the type and the text of an error, and where in the app it arose: `KeyError: 'id' (function_app.py:80)`.

    An error that hands on the failure of another function, with the place of that, gets no second one.
    """
    message = handed_on(error) or message_of(error)
    if names_place(message):
        return message if type(error) is Exception else f"{type_name(error)}: {message}"
    return with_place(f"{type_name(error)}: {message}", place)


def hand_on(error: Exception, failure: str) -> None:
    """Note on an error that the SDK made of another function's failure what that raised and where."""
    setattr(error, HANDED_ON, failure)


def handed_on(error: BaseException) -> str | None:
    """Return the failure that an error hands on, None if it was raised by the code itself."""
    return vars(error).get(HANDED_ON) if type(error) is Exception else None


def with_place(text: str, place: str | None) -> str:
    """Add a place to a text; not to one that was cut off, which ends with its own note."""
    return text if place is None or _CUT.search(text) else f"{text} ({place})"


def place_in_app(error: BaseException, function: OfTheApp | None = None) -> str | None:
    """Return the app's last line that an error passed, else where its function begins; None if neither is known."""
    try:
        place = place_of(error)
        return str(place) if place is not None else function_place(function)
    except Exception:  # noqa: BLE001 - what a user's attributes raise
        return None


def function_place(function: OfTheApp | None) -> str | None:
    """Return where the code of a function of the app begins, as `file:line`; None if that is not known."""
    begins = function_begins(function)
    return None if begins is None else str(begins)


def function_begins(function: OfTheApp | None) -> CodePlace | None:
    """Return the line where the code of a function of the app begins."""
    call = None if function is None else function.call
    for name in ("orchestrator_function", "entity_function"):
        call = getattr(call, name, call)
    code = getattr(inspect.unwrap(call), "__code__", None) if callable(call) else None
    return None if code is None else CodePlace(code.co_filename, code.co_firstlineno, code.co_name)


def failure_details(error: BaseException, message: str, stack_trace: str | None = None) -> pb.TaskFailureDetails:
    """Return the TaskFailureDetails of an error."""
    return pb.TaskFailureDetails(
        errorType=type_name(error), errorMessage=sendable(message), stackTrace=wrap_text(stack_trace)
    )


def _formatted(lines: Callable[[], list[str]]) -> str:
    try:
        return sendable("".join(lines()))
    except BaseException as problem:  # noqa: BLE001 - what a user's attributes raise
        return f"(the stack trace cannot be read: {type_name(problem)})\n"
