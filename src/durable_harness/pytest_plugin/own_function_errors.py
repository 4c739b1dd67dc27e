"""A test's own functions that fakes call: what they raise, and those that hang."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import pytest

from durable_harness.pytest_plugin.runs import STATE

if TYPE_CHECKING:
    from durable_harness.testing.own_functions import OwnFunctions

TITLE = "durable-harness: functions of this test that answer for others"
INTERRUPTED_S = 0.0
"""How long to wait for functions after Ctrl-C."""


class Answering(Protocol):
    """An object that calls functions of a test."""

    own: OwnFunctions

    def close(self, timeout_s: float = ...) -> None: ...


ASKED = pytest.StashKey[list["OwnFunctions"]]()
HAS_FAILED = pytest.StashKey[bool]()
"""Whether the test has failed before its end, so that its report has all there is to say."""


def used(
    item: pytest.Item, config: pytest.Config, answering: Answering, has_ended: Callable[[], bool]
) -> Iterator[None]:
    """Yield while a test uses `answering`, then close it; fail a passing test for errors in its functions."""
    from durable_harness.errors import UnreachableError  # noqa: PLC0415 - who uses no fixture pays nothing
    from durable_harness.testing.own_functions import RETURN_TIMEOUT_S  # noqa: PLC0415 - same

    item.stash.setdefault(ASKED, []).append(answering.own)
    noted = len(answering.own.mistakes)
    yield
    is_interrupted = config.stash[STATE].is_interrupted
    try:
        answering.close(INTERRUPTED_S if is_interrupted else RETURN_TIMEOUT_S)
    except UnreachableError:
        if not has_ended():  # else the test has failed of that, or did not need it
            raise
    left = [str(one) for one in (*answering.own.running, *answering.own.mistakes[noted:])]
    if left and not is_interrupted and not item.stash.get(HAS_FAILED, False):
        pytest.fail("\n".join(left), pytrace=False)


def check(item: pytest.Item) -> None:
    """Fail a passing test if one of its functions raised an error that only the app has met."""
    if mistakes := [str(one) for own in item.stash.get(ASKED, []) for one in own.mistakes]:
        item.stash[HAS_FAILED] = True
        pytest.fail("\n".join(mistakes), pytrace=False)


def add_to_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add what the functions of a failed test raised, and those that have not returned."""
    if report.failed or hasattr(report, "wasxfail"):
        item.stash[HAS_FAILED] = True
    if not report.failed:
        return
    lines = [str(one) for own in item.stash.get(ASKED, []) for one in (*own.errors, *own.running)]
    if lines and report.when == "call" and not set(lines) <= set(report.longreprtext.splitlines()):
        report.sections.append((TITLE, "\n".join(lines)))
