"""Functions of a test that answer in place of what the app calls, and their errors.

They run in threads beside the test, so that their errors reach only the app and one that never returns blocks
nothing else. Both are kept here, for the report of the test.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

from durable_harness.errors import UsageError
from durable_harness.wording.places import machinery

T = TypeVar("T")

RETURN_TIMEOUT_S = 2.0
"""How long the end of a test waits for functions that have not returned."""
MOST_ERRORS = 20
RAISE = dis.opmap["RAISE_VARARGS"]
SLIPS = (ArithmeticError, AttributeError, ImportError, LookupError, NameError, RecursionError, StopIteration, TypeError)
"""What Python itself raises where code is wrong: a mistake, unless a `raise` statement raised it."""


@dataclass(frozen=True)
class Running:
    """A function that was called and has not returned."""

    what: str
    place: str
    since_s: float

    def __str__(self) -> str:
        age_s = time.monotonic() - self.since_s
        return f"the function of {self.what} has not returned for {age_s:.1f} s ({self.place})"


@dataclass(frozen=True)
class FunctionError:
    """What a function raised. A mistake is what no test can have meant: it fails the test that it is of."""

    what: str
    text: str
    place: str
    is_mistake: bool

    @classmethod
    def of(cls, what: str, place: str, error: BaseException) -> FunctionError:
        """Describe an error by the test's own last line in it, or else by where its function is."""
        text = " ".join(str(error).split())
        between = "" if not text else " " if text[0] in "\"'" else ": "
        kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}{between}"
        return cls(what, f"{kind}{text}".rstrip("."), place_of_error(error) or place, is_mistake(error))

    def __str__(self) -> str:
        return f"{self.text} in {self.what} ({self.place})"


class OwnFunctions:
    """The functions of one test. They may be called from any thread."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._running: dict[int, Running] = {}
        self._errors: list[FunctionError] = []
        self._change = threading.Condition()

    def call(self, what: str, place: str, answer: Callable[[], T]) -> T:
        """Return what `answer`, which calls a function of the test, returns, and note what that raises."""
        number = next(self._numbers)
        self._running[number] = Running(what, place, time.monotonic())
        try:
            return answer()
        except BaseException as error:
            if len(self._errors) < MOST_ERRORS:
                self._errors.append(FunctionError.of(what, place, error))
            raise
        finally:
            with self._change:
                del self._running[number]
                self._change.notify_all()

    @property
    def running(self) -> list[Running]:
        """Those that have not returned."""
        return list(self._running.values())

    @property
    def errors(self) -> list[FunctionError]:
        """What they raised, the same once."""
        return list(dict.fromkeys(self._errors))

    @property
    def mistakes(self) -> list[FunctionError]:
        """What of it fails the test."""
        return [error for error in self.errors if error.is_mistake]

    def wait(self, timeout_s: float) -> list[Running]:
        """Wait until all have returned, and return those that have not."""
        with self._change:
            self._change.wait_for(lambda: not self._running, timeout_s)
        return self.running


def is_mistake(error: BaseException) -> bool:
    """Return whether a test cannot have meant an error to be the app's: a failed check, or a slip of its code."""
    if isinstance(error, AssertionError | UsageError) or not isinstance(error, Exception):
        return True
    return isinstance(error, SLIPS) and not _was_raised_by_hand(error.__traceback__)


def _was_raised_by_hand(trace: TracebackType | None) -> bool:
    """Return whether a `raise` statement raised it, or a generator's `throw`, with which lambdas raise."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    code = trace.tb_frame.f_code
    return bool(code.co_flags & inspect.CO_GENERATOR) or (
        0 <= trace.tb_lasti < len(code.co_code) and code.co_code[trace.tb_lasti] == RAISE
    )


def place_of_error(error: BaseException) -> str:
    """Return the test's own last line that an error passed; empty if there is none.

    A frame with `__tracebackhide__` is not it: by that name pytest and helpers of tests keep out of tracebacks.
    """
    found, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if machinery(frame.f_code.co_filename) is None and not frame.f_locals.get("__tracebackhide__"):
            found = _place(frame.f_code, trace.tb_lineno)
        trace = trace.tb_next
    return found


def place_of_function(function: Any) -> str:
    """Return where a function begins; of one without code of its own, such as a mock, what it is."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return repr(function) if code is None else _place(code, code.co_firstlineno)


def place_of_caller() -> str:
    """Return the line of the test that called into this package; empty if there is none."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and machinery(frame.f_code.co_filename) is not None:
        frame = frame.f_back
    return "" if frame is None else _place(frame.f_code, frame.f_lineno)


def _place(code: CodeType, line: int) -> str:
    path = Path(code.co_filename)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
