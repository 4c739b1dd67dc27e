"""One fake, and the calls that it answered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from durable_harness.errors import HarnessError, UnreachableError, UsageError
from durable_harness.stack import StackControl

DEFAULT_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01


@dataclass(frozen=True)
class FakeCall:
    """A call that a fake answered."""

    input: Any
    """The input of the call, as a JSON value. For `call_http` it is a dict with `method`, `uri`, `headers` and
    `content`."""
    instance_id: str
    """The ID of the instance that made the call; for an operation of an entity, the ID of the entity."""
    at_s: float
    """When the call came, in seconds since the epoch."""
    operation: str | None = None
    """The operation of an entity; None for other calls."""


class Fake:
    """A fake of an activity, an entity or a service, with the calls that it answered.

        charged = durable_activities.fake("charge_card", returns={"charge": "c-1"})
        assert_completed(durable_operations.start("/api/orders", {"id": 7}))
        assert charged.count == 1

    It answers until `end` or the end of the test.
    """

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self.described = described
        """What it answers for, such as "activity charge_card"."""
        self._last: dict[str, Any] | None = None
        """What it was called with, once it has ended."""

    def __repr__(self) -> str:
        return f"<fake {self.described}>"

    @property
    def calls(self) -> list[FakeCall]:
        """The calls so far, in order. At most the latest 10,000 are kept."""
        return [FakeCall(**call) for call in self._state()["calls"]]

    @property
    def count(self) -> int:
        """How often it was called."""
        return int(self._state()["count"])

    def wait(self, count: int = 1, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[FakeCall]:
        """Wait until it has been called a number of times, and return its calls.

        Args:
            count: the number of calls, from the start of the fake.
            timeout_s: how long to wait, in seconds.

        Raises:
            AssertionError: there were fewer calls in that time. The message lists them.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while self.count < count:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{self!r} was called {self.count} times in {timeout_s:g} s, not {count}: {self.calls}"
                )
            time.sleep(POLL_INTERVAL_S)
        return self.calls

    def end(self) -> None:
        """End the fake: the app's own function answers again. The recorded calls are kept until the end of the test."""
        if self._last is None:
            last = self._state()
            self._control.call("fakes/end", number=self._number)
            self._last = last

    def _state(self) -> dict[str, Any]:
        __tracebackhide__ = True
        if self._last is not None:
            return self._last
        try:
            state: dict[str, Any] = self._control.call("fakes/calls", number=self._number)
        except UnreachableError:
            raise
        except HarnessError:
            raise UsageError(
                f"{self!r} has ended: its test is over, or the host was started again since, as by kill_host."
            ) from None
        return state
