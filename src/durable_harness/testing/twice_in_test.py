"""One test whose work is delivered twice: the marks `twice` and `once`, and what became of it."""

from __future__ import annotations

import contextlib
import fnmatch
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness import twice_report
from durable_harness.errors import HarnessError, UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.wording.foreign_text import shown

BEGIN = "twice/begin"
QUIET = "clock/quiet"
PATIENCE_S = 1.0
"""How long no work must have finished before activities that still run are ignored."""
LONGEST_WAIT_S = 20.0
"""The longest time that one call of the host takes."""
COUNTS = ("second", "first")


@dataclass(frozen=True)
class TwicePlan:
    """What a test asks for. If `is_on` is None, the option of the run applies."""

    is_on: bool | None = None
    counts: str | None = None
    names: tuple[str, ...] | None = None
    """The only functions whose work is delivered twice; None for all of them."""
    once: tuple[str, ...] = ()
    """The functions that must not act a second time."""
    allowed: tuple[str, ...] = ()
    """Patterns of effects that it may repeat nevertheless."""

    def __post_init__(self) -> None:
        if self.counts not in {None, *COUNTS}:
            raise UsageError(f"mark twice: answer is {self.counts!r}; expected {' or '.join(COUNTS)}.")
        if self.is_on is False and self.once:
            raise UsageError("marks once and twice(False): what is delivered once cannot be checked. Take one of them.")


class DeliveredTwice:
    """The work of one test."""

    def __init__(self, control: StackControl, plan: TwicePlan) -> None:
        self._control = control
        self._plan = plan
        asked = {"names": plan.names, "counts": plan.counts, "is_on": plan.is_on, "known": plan.once}
        try:
            self._from: dict[str, Any] = control.call(BEGIN, **asked)
        except HarnessError as error:
            raise UsageError(str(error).removeprefix(f"{BEGIN}: ")) from None

    @property
    def is_checked(self) -> bool:
        """Whether a function must not act twice."""
        return bool(self._plan.once)

    @property
    def has_scheduler(self) -> bool:
        """Whether the scheduler reports when all work is done."""
        return self._control.offers(QUIET)

    def settle(self, timeout_s: float) -> None:
        """Wait until all work that the test has begun is done, awaited or not, but only for a limited time."""
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(HarnessError):
            while (left_s := deadline - time.monotonic()) > 0:
                if self._control.offers(QUIET):
                    self._control.call(QUIET, patience_s=min(PATIENCE_S, left_s))
                if not self._control.call("twice/settle", names=self._plan.once, timeout_s=min(left_s, LONGEST_WAIT_S)):
                    break

    def report(self) -> dict[str, Any] | None:
        """Return the results so far; None if the host no longer answers."""
        with contextlib.suppress(HarnessError):
            document: dict[str, Any] = self._control.call("twice/report", **self._from)
            return document
        return None

    def problem(self, document: dict[str, Any]) -> str:
        """Return what was done twice although it must not be, as text; empty if there is nothing."""
        lines = [line for name in self._plan.once for line in self._lines(name, document)]
        if lines:
            lines.append("The service may deliver any activity and entity operation again: see docs/how-to/twice.md.")
        unchecked = (_unchecked(name, document) for name in self._plan.once)
        return "\n".join([*lines, *filter(None, unchecked)])

    def end(self) -> None:
        """Return to the option of the run."""
        with contextlib.suppress(HarnessError):
            self._control.call("twice/end")

    def _lines(self, name: str, document: dict[str, Any]) -> list[str]:
        done = twice_report.acts_twice(document, name)
        wrong = [text for text in done if not any(fnmatch.fnmatchcase(text, one) for one in self._plan.allowed)]
        return [f"{name} was delivered twice, and did twice: {shown(text)}" for text in wrong]


def _unchecked(name: str, document: dict[str, Any]) -> str:
    """Return why the mark of a function could not check anything; empty if it has."""
    if twice_report.was_delivered(document, name):
        return ""
    if name.lower() in {one.lower() for one in document.get("faked", ())}:
        why = "a fake of the test answers for it. Let the app's own function run, or take the mark away"
    elif document.get("isOfAnotherHost"):
        why = "the host was started again in this test, and what it did before is not known"
    else:
        why = "it did not run in this test, or on another host. Let the test run it, or take the mark away"
    return f"mark once: {name} was not delivered twice: {why}."


def plan_of(once: Sequence[Any], twice: Any | None, *, is_asked_for: bool) -> TwicePlan:
    """Return what a test asks for by its marks, the nearest `twice` mark and all `once` marks of it.

    Raises UsageError for an invalid mark.
    """
    names = tuple(dict.fromkeys(name for mark in once for name in _names(mark)))
    allowed = tuple(pattern for mark in once for pattern in _allowed(mark))
    is_on, counts = (None, None) if twice is None else _switch(twice)
    if is_on is None and names and not is_asked_for:
        return TwicePlan(is_on=True, names=names, once=names, allowed=allowed)
    return TwicePlan(is_on=is_on, counts=counts, once=names, allowed=allowed)


def delivered_twice(stack: RunningStack, plan: TwicePlan) -> DeliveredTwice | None:
    """Return the work of a test from now on; None if the host is not ours."""
    control = stack.control
    return DeliveredTwice(control, plan) if control is not None and control.offers(BEGIN) else None


def _names(mark: Any) -> list[str]:
    others = set(mark.kwargs) - {"allow"}
    if not mark.args or others or not all(isinstance(name, str) for name in mark.args):
        raise UsageError('mark once: expected names, and patterns if need be: once("charge_card", allow=["PUT *"]).')
    return list(mark.args)


def _allowed(mark: Any) -> list[str]:
    given = mark.kwargs.get("allow", ())
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list | tuple) or not all(isinstance(pattern, str) for pattern in patterns):
        raise UsageError(f'mark once: allow is {given!r}; expected patterns such as ["PUT *"].')
    return list(patterns)


def _switch(mark: Any) -> tuple[bool, str | None]:
    others = set(mark.kwargs) - {"answer", "reason"}
    if others or mark.args not in {(), (True,), (False,)}:
        raise UsageError('mark twice: expected twice, twice(answer="first") or twice(False, reason="…").')
    return (not mark.args or mark.args[0]), mark.kwargs.get("answer")
