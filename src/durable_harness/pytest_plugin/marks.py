"""The marks of single tests: `durable_time`, the clock that a test runs by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from durable_harness.testing import DurableClock

TIME_MARK = "durable_time"
MODES = ("skip", "hold", "real")
WRITTEN = '@pytest.mark.durable_time("skip", at_most="30d")'


@dataclass(frozen=True)
class TimeMark:
    """How time passes for a test."""

    mode: str
    at_most: Any = None

    def apply(self, clock: DurableClock) -> None:
        """Let the clock do so."""
        if self.mode == "skip":
            clock.skip(at_most=self.at_most)
        elif self.mode == "hold":
            clock.hold()


def time_of(item: pytest.Item) -> TimeMark | None:
    """Return what the nearest mark says, None without one. Raises pytest.UsageError for a mark that says nothing."""
    marker = item.get_closest_marker(TIME_MARK)
    if marker is None:
        return None
    given = {**dict(zip(("mode", "at_most"), marker.args, strict=False)), **marker.kwargs}
    mark = TimeMark(str(given.get("mode")), given.get("at_most"))
    if problem := _problem(mark, given.keys(), len(marker.args)):
        raise pytest.UsageError(f"{item.nodeid}: durable_time: {problem}; write it as {WRITTEN}.")
    return mark


def moves_time(item: pytest.Item) -> bool:
    """Return whether a test has a mark by which its clock is not left alone."""
    mark = time_of(item)
    return mark is not None and mark.mode != "real"


def _problem(mark: TimeMark, names: Any, positional: int) -> str:
    """Say what is wrong with a mark; empty if nothing is."""
    if positional > len(("mode", "at_most")) or not set(names) <= {"mode", "at_most"}:
        return "it takes a mode and at_most"
    if mark.mode not in MODES:
        return f"got {mark.mode!r}, allowed are {', '.join(MODES)}"
    if mark.at_most is None:
        return ""
    if mark.mode != "skip":
        return "at_most is for skip only"
    from durable_harness.errors import UsageError  # noqa: PLC0415 - who limits nothing pays nothing
    from durable_harness.testing.durations import seconds_of  # noqa: PLC0415 - same

    try:
        seconds_of(mark.at_most, "at_most")
    except UsageError as error:
        return str(error).rstrip(".")
    return ""
