"""The scheduler's clock in a test's hands: the `durable_clock` fixture."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack, StackControl

CALL = "clock/advance"


class DurableClock:
    """The clock that timers, retries, delayed signals and scheduled starts of the app under test hang on.

    It is the scheduler's: what code reads from `context.current_utc_datetime` and what histories tell. The app's
    activities and the wall clock know nothing of it. It can only be moved ahead.
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control

    def now(self) -> datetime:
        """Return the scheduler's present, in UTC."""
        return datetime.fromtimestamp(self._control.call("clock/now"), UTC)

    def skip(self) -> None:
        """From now on jump to the next due time whenever no work is going on, until `real` or the end of the test.

        Whatever is due, however late, is then due at once: a timer that races with an event which the test has yet to
        raise wins. Use `advance` there.
        """
        self._control.call("clock/skip", on=True)

    def real(self) -> None:
        """Let time pass as the wall clock's does again; what has been skipped stays skipped."""
        self._control.call("clock/skip", on=False)

    def advance(self, by: float | timedelta, *, patience_s: float = 1.0) -> datetime:
        """Let this much time pass, in seconds or as a timedelta, and return the scheduler's present.

        Time goes from one due time to the next, and waits for the work that each brings about: a daily timer that is
        created anew each time fires 30 times in 30 days. An activity that hangs does not hold it up: when nothing has
        got done for `patience_s` real seconds, time goes on without the activities that are running.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else float(by)
        if not (seconds >= 0 and math.isfinite(seconds) and patience_s >= 0 and math.isfinite(patience_s)):
            raise UsageError(
                f"advance({by!r}, patience_s={patience_s!r}): got what is no time ahead; allowed are seconds from 0 and"
                " timedeltas that are not negative."
            )
        return datetime.fromtimestamp(self._control.call(CALL, seconds=seconds, patience_s=patience_s), UTC)

    def close(self) -> None:
        """Let time pass as the wall clock's does, also where the scheduler was told to stand still."""
        self._control.end_pauses()
        self.real()


def clock_of(stack: RunningStack) -> DurableClock | None:
    """Return the clock of a stack, None where the stack's time cannot be moved."""
    control = stack.control
    return DurableClock(control) if control is not None and control.offers(CALL) else None
