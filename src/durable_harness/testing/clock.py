"""The scheduler's clock in a test's hands: the `durable_clock` fixture."""

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
"""How long one call of the host takes at most; time is moved by as many as are needed."""


class DurableClock:
    """The clock that timers, retries, delayed signals and scheduled starts of the app under test hang on.

    It is the scheduler's: what code reads from `context.current_utc_datetime` and what histories tell. The app's
    activities and the wall clock know nothing of it. It can only be moved ahead. Lengths of time are seconds,
    timedeltas, or texts such as "30d", "12h", "5m" and "90s".
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control

    def now(self) -> datetime:
        """Return the scheduler's present, in UTC."""
        return datetime.fromtimestamp(self._control.call("clock/now"), UTC)

    def skip(self, *, at_most: Duration | None = None) -> None:
        """From now on jump to the next due time whenever no work is going on, until `real` or the end of the test.

        Whatever is due, however late, is then due at once: a timer that races with an event which the test has yet to
        raise wins. Raise such events under `hold`, register them before with `respond`, or use `advance`. Time jumps
        no further than `at_most` from now: a timer that is due later stays, and its test fails with what it waits for.
        It never jumps to the scheduler's last thirty years: a wait for ever is none that ends.
        """
        at_most_s = None if at_most is None else seconds_of(at_most, "skip(at_most=…)")
        self._control.call("clock/skip", on=True, at_most_s=at_most_s)

    def real(self) -> None:
        """Let time pass as the wall clock's does again; what has been skipped stays skipped."""
        self._control.call("clock/skip", on=False)

    def hold(self) -> Hold:
        """Keep every timer from firing, whether time passes or is skipped, until `release` or the end of a block.

            durable_clock.skip()
            with durable_clock.hold():
                operation = operations.start("/api/orders", {"id": 7})
                operation.raise_event("approved", True)
            assert_completed(operation)

        Work that needs no timer goes on. What came due meanwhile fires afterwards, in the order of its due times.
        """
        self._control.call("clock/hold", on=True)
        return Hold(self)

    def release(self) -> None:
        """Let timers fire again."""
        self._control.call("clock/hold", on=False)

    def advance(self, by: Duration, *, patience_s: float = 1.0, timeout_s: float = ADVANCE_TIMEOUT_S) -> datetime:
        """Let this much time pass and return the scheduler's present.

        Time goes from one due time to the next, and waits for the work that each brings about: a daily timer that is
        created anew each time fires 30 times in 30 days. An activity that hangs does not hold it up: when nothing has
        got done for `patience_s` real seconds, time goes on without the activities that are running. Raises UsageError
        while the clock is held and for a length beyond what a clock can be moved by, AssertionError after `timeout_s`
        real seconds, which an orchestration that makes timers again and again can take.
        """
        seconds = seconds_of(by, "advance(by)")
        if not (patience_s >= 0 and math.isfinite(patience_s)):
            raise UsageError(f"advance: patience_s is {patience_s!r}; allowed are seconds from 0.")
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
        """Let time pass as the wall clock's does, also where the scheduler was told to stand still."""
        self._control.end_pauses()
        self.real()
        self.release()


def _on_the_way(by: Duration, timeout_s: float, begun_s: float, now_s: float, seconds: float) -> str:
    """Say how far time has come, and what may be to blame."""
    begun, now, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (begun_s, now_s, begun_s + seconds))
    return (
        f"advance({by!r}): after {timeout_s:g} s time has come from {begun:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M}, not"
        f" to {end:%Y-%m-%d %H:%M}. Timers that are made again and again, as by an eternal orchestration of this or an"
        " earlier test, fire one by one: end it, advance by less, or give it longer by timeout_s."
    )


class Hold:
    """A clock that is held, until `release` or the end of the block."""

    def __init__(self, clock: DurableClock) -> None:
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """Let timers fire again."""
        self._clock.release()


def clock_of(stack: RunningStack) -> DurableClock | None:
    """Return the clock of a stack, None where the stack's time cannot be moved."""
    control = stack.control
    return DurableClock(control) if control is not None and control.offers(CALL) else None
