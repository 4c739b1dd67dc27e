"""Moving the scheduler's clock from a test: the `durable_clock` fixture."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from durable_harness.debugging import unless_debugged
from durable_harness.errors import HarnessError, UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.testing.durations import Duration, seconds_of

CALL = "clock/advance"
ADVANCE_TIMEOUT_S = 300.0
STEP_S = 20.0
"""The longest time that one call of the host takes; time is moved by as many calls as are needed."""


class DurableClock:
    """The scheduler's clock: timers, retries, delayed signals and scheduled starts of the app follow it.

        def test_approval_expires(durable_operations, durable_clock):
            durable_clock.skip(at_most="30d")
            operation = durable_operations.start("/api/orders", {"id": 7})
            assert_completed(operation, output="expired")

    The fixture `durable_clock` makes it. Orchestrators read this clock as `context.current_utc_datetime`, and histories
    show its time. Activities and the wall clock are not affected.

    The clock can only be moved forward. Durations are numbers of seconds, timedeltas, or texts such as "30d", "12h",
    "5m" and "90s".
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control

    def now(self) -> datetime:
        """Return the current time of the scheduler, in UTC."""
        return datetime.fromtimestamp(self._control.call("clock/now"), UTC)

    def skip(self, *, at_most: Duration | None = None) -> None:
        """Jump to the next due time whenever no work is in progress, until `real` or the end of the test.

            durable_clock.skip(at_most="30d")

        A timer fires as soon as the app is idle, however far away its due time is. If a timer races with an event that
        the test has yet to raise, the timer wins. To let the event win, register it first with `respond`, raise it
        under `hold`, or use `advance`.

        The scheduler keeps times before 2116-02-20. The clock never jumps into the last thirty years before that date,
        so it does not reach a timer that is meant to wait forever, such as one of the year 9999.

        Args:
            at_most: how far the clock may jump in total, from now on; by default there is no such limit. A timer that
                is due later does not fire, and its test fails with what it waits for.

        Raises:
            UsageError: `at_most` is not a duration.
        """
        at_most_s = None if at_most is None else seconds_of(at_most, "skip(at_most=…)")
        self._control.call("clock/skip", on=True, at_most_s=at_most_s)

    def real(self) -> None:
        """Stop skipping: time passes at the speed of the wall clock again. Time that was skipped stays skipped."""
        self._control.call("clock/skip", on=False)

    def hold(self) -> Hold:
        """Keep all timers from firing until `release` or the end of the block, even if time is skipped.

            durable_clock.skip()
            with durable_clock.hold():
                operation = operations.start("/api/orders", {"id": 7})
                operation.raise_event("approved", True)
            assert_completed(operation)

        Work that needs no timer continues. Timers that came due in the meantime fire afterwards, in the order of their
        due times.

        Returns:
            A context manager that releases the timers at the end of its block.
        """
        self._control.call("clock/hold", on=True)
        return Hold(self)

    def release(self) -> None:
        """Release timers after `hold`: those that are due fire now."""
        self._control.call("clock/hold", on=False)

    def advance(self, by: Duration, *, patience_s: float = 1.0, timeout_s: float = ADVANCE_TIMEOUT_S) -> datetime:
        """Move time forward by an amount, fire the timers that are due in it, and return the new time.

            durable_clock.advance("3d")

        The clock moves from one due time to the next and waits for the work that each timer starts. A daily timer fires
        30 times in 30 days. An activity that hangs does not stop the clock: if no work has finished for `patience_s`
        real seconds, the clock moves on while activities are still running.

        Args:
            by: the duration, such as 90, timedelta(days=3) or "30d".
            patience_s: how long to wait for work that makes no progress, in real seconds.
            timeout_s: how long the call may take, in real seconds. An orchestration that creates timers again and again
                can use all of it.

        Returns:
            The current time of the scheduler, in UTC.

        Raises:
            AssertionError: the clock did not get there in `timeout_s`.
            UsageError: the clock is held, the duration is not valid, or it is longer than the clock can be moved.
        """
        seconds = seconds_of(by, "advance(by)")
        if not (patience_s >= 0 and math.isfinite(patience_s)):
            raise UsageError(f"advance: patience_s is {patience_s!r}; expected 0 or more seconds.")
        begun_s = now_s = float(self._control.call("clock/now"))
        deadline = time.monotonic() + unless_debugged(timeout_s)
        while now_s < begun_s + seconds:
            if time.monotonic() > deadline:
                raise AssertionError(_on_the_way(by, timeout_s, begun_s, now_s, seconds))
            left_s = begun_s + seconds - now_s
            now_s = self._moved(seconds=left_s, patience_s=patience_s, limit_s=min(timeout_s, STEP_S))
        return datetime.fromtimestamp(now_s, UTC)

    def _moved(self, **how: float) -> float:
        __tracebackhide__ = True
        try:
            return float(self._control.call(CALL, **how))
        except HarnessError as error:
            if "cannot be moved" in str(error):
                raise UsageError(str(error).replace(CALL, "advance")) from None
            raise

    def close(self) -> None:
        """Return to the speed of the wall clock and let timers fire, even if a test paused the scheduler.

        The fixture calls it.
        """
        self._control.end_pauses()
        self.real()
        self.release()


def _on_the_way(by: Duration, timeout_s: float, begun_s: float, now_s: float, seconds: float) -> str:
    """Return a message on how far time has moved, and what may have held it up."""
    begun, now, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (begun_s, now_s, begun_s + seconds))
    return (
        f"advance({by!r}): after {timeout_s:g} s time has moved from {begun:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M},"
        f" not to {end:%Y-%m-%d %H:%M}. Timers that are made again and again, as by an eternal orchestration of this or"
        " an earlier test, fire one by one: end it, advance by less, or give it longer by timeout_s."
    )


class Hold:
    """A clock whose timers are held, until `release` or the end of the block. `DurableClock.hold` returns it."""

    def __init__(self, clock: DurableClock) -> None:
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Release the timers: those that are due fire now."""
        self._clock.release()


def clock_of(stack: RunningStack) -> DurableClock | None:
    """Return the clock of a stack; None if its time cannot be moved."""
    control = stack.control
    return DurableClock(control) if control is not None and control.offers(CALL) else None
