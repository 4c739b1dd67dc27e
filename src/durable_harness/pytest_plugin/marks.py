"""The marks of single tests: `durable_time`, the clock that a test runs by, and `durable_isolation`, what it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from durable_harness.pytest_plugin.plugin_options import ISOLATIONS, setting

if TYPE_CHECKING:
    from durable_harness.stack import RunningStack
    from durable_harness.testing import DurableClock

TIME_MARK, ISOLATION_MARK = "durable_time", "durable_isolation"
SHARED, HUB, PROCESS = ISOLATIONS
MODES = ("skip", "hold", "real")
WRITTEN = '@pytest.mark.durable_time("skip", at_most="30d")'


@dataclass(frozen=True)
class TimeMark:
    """How time passes for a test."""

    mode: str
    at_most: Any = None

    def apply(self, clock: DurableClock) -> None:
        """Set the clock accordingly."""
        if self.mode == "skip":
            clock.skip(at_most=self.at_most)
        elif self.mode == "hold":
            clock.hold()


def time_of(item: pytest.Item) -> TimeMark | None:
    """Return what the nearest mark asks for, None without one. Raises pytest.UsageError for an invalid mark."""
    marker = item.get_closest_marker(TIME_MARK)
    if marker is None:
        return None
    given = {**dict(zip(("mode", "at_most"), marker.args, strict=False)), **marker.kwargs}
    mark = TimeMark(str(given.get("mode")), given.get("at_most"))
    if problem := _problem(mark, given.keys(), len(marker.args)):
        raise pytest.UsageError(f"{item.nodeid}: durable_time: {problem}; write it as {WRITTEN}.")
    return mark


def moves_time(item: pytest.Item) -> bool:
    """Return whether a test has a mark that changes its clock."""
    mark = time_of(item)
    return mark is not None and mark.mode != "real"


def isolation_of(item: pytest.Item) -> str:
    """Return what a test has to itself: what its nearest mark asks for, otherwise what the run's option asks for.

    Raises pytest.UsageError for an invalid mark.
    """
    marker = item.get_closest_marker(ISOLATION_MARK)
    if marker is None:
        return setting(item.config, "--isolation")
    given = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    if given not in ISOLATIONS:
        written = ", ".join([*map(repr, marker.args), *(f"{name}={value!r}" for name, value in marker.kwargs.items())])
        raise pytest.UsageError(
            f"{item.nodeid}: durable_isolation: got {written or 'nothing'}, expected one of {', '.join(ISOLATIONS)};"
            ' write it as @pytest.mark.durable_isolation("hub").'
        )
    return str(given)


def isolate(stack: RunningStack, isolation: str, *, is_new: bool) -> None:
    """Set up an empty hub for a test, or a new host with one. Skips the test if the stack cannot do that."""
    if isolation == SHARED:
        return
    control = stack.control
    if control is None or not control.can_be_emptied:
        pytest.skip(
            f"the {stack.name} stack cannot give a test an empty hub: its scheduler is not ours. Run this test with"
            " --stack embedded and without a scheduler of its own in durable_serve_args, or with --isolation shared"
        )
    if is_new:
        return
    if isolation == HUB:
        control.empty_hubs()
    else:
        control.restart_host()


def needs_control(item: pytest.Item) -> bool:
    """Return whether a test needs a host that lets tests reach into it."""
    return moves_time(item) or isolation_of(item) != SHARED


def _problem(mark: TimeMark, names: Any, positional: int) -> str:
    """Return what is wrong with a mark; empty if it is valid."""
    if positional > len(("mode", "at_most")) or not set(names) <= {"mode", "at_most"}:
        return "it takes a mode and at_most"
    if mark.mode not in MODES:
        given = repr(mark.mode) if "mode" in names else "no mode"
        return f"got {given}, expected one of {', '.join(MODES)}"
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
