"""End a replay by a signal, or when its time is up: the code of an app may wait in its import, or never come back.

What interrupts an orchestrator looks like its failure, since it may raise anything. So an interruption is both raised
and remembered. User code may swallow it, too, as a loop with a bare `except` does: then the next one is final.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from durable_harness.errors import INTERRUPTED, DifferentHistoryError
from durable_harness.host.app.functions import FunctionApp
from durable_harness.platforms.main_thread_alarm import Alarm
from durable_harness.platforms.signals import ASKED, ENDING_SIGNALS
from durable_harness.replay.replay_results import DIFFERENT, FileResult, replay_files
from durable_harness.sigterm import TERMINATED, Terminated

REPEAT_S = 2.0
"""How long code may take to end once its time is up."""
MOST_ALARMS = 3


class TimeUp(BaseException):
    """Raised in code whose time is up."""


class Watch:
    """Raises KeyboardInterrupt, Terminated or TimeUp in whatever runs in the main thread, and remembers that it did."""

    def __init__(self) -> None:
        self.interrupt: KeyboardInterrupt | None = None
        self.late_at: str | None = None
        """The innermost line of code at which the time was up."""
        self._alarm = Alarm(self._on_alarm)
        self._alarms = 0
        self._limit_s = 0.0

    def __enter__(self) -> Self:
        self._before: dict[int, Any] = {number: signal.signal(number, self._on_signal) for number in ENDING_SIGNALS}
        self._alarm.install()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._alarm.restore()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.interrupt is not None:
            raise self.interrupt

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Raise TimeUp in the block once it has taken that long; one within another takes its place."""
        self.late_at, self._alarms, self._limit_s = None, 0, seconds
        self._alarm.set(seconds, REPEAT_S)
        try:
            yield
        finally:
            self._alarm.set(0, 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> NoReturn:
        self._alarm.take(number, frame)
        if self.interrupt is not None:
            _leave("interrupted", TERMINATED if number in ASKED else INTERRUPTED)
        self.interrupt = Terminated() if number in ASKED else KeyboardInterrupt()
        raise self.interrupt

    def _on_alarm(self, frame: FrameType | None) -> NoReturn:
        self._alarms += 1
        self.late_at = self.late_at or (f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "")
        if self._alarms == MOST_ALARMS:
            where = f"error: not over after {self._limit_s:g} s, and not to be stopped: {self.late_at}"
            _leave(where, DifferentHistoryError.exit_code)
        raise TimeUp(f"it was not over after {self._limit_s:g} s")


def replay_in_time(file: Path, app: FunctionApp, watch: Watch, limit_s: float) -> FileResult:
    """Replay a recorded history; one that takes longer than the limit counts as different, since it once ended."""
    result = None
    with contextlib.suppress(TimeUp), watch.limit(limit_s):
        (result,) = replay_files([file], app)
    if watch.interrupt is not None:
        raise watch.interrupt
    if watch.late_at is None and result is not None:
        return result
    reason = f"was not over after {limit_s:g} s; the code was at {watch.late_at}"
    orchestrator, events = (result.orchestrator, result.events) if result else ("", 0)
    return FileResult(str(file), DIFFERENT, orchestrator, events, reason=reason)


def _leave(message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(exit_code)
