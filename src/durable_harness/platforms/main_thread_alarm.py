"""An alarm in the main thread, whatever code runs there."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

OnAlarm = Callable[[FrameType | None], object]

if sys.platform == "win32":

    class Alarm:
        """Calls back in the main thread after a number of seconds, then again and again. Windows has no SIGALRM.

        A thread raises SIGINT, which ends a sleep of the main thread too; `_is_due` distinguishes it from Ctrl-C.
        """

        def __init__(self, on_alarm: OnAlarm) -> None:
            self._on_alarm = on_alarm
            self._is_off = threading.Event()
            self._is_due = False

        def install(self) -> None:
            """Prepare; `restore` undoes it. The handler of SIGINT calls `take` first."""

        def restore(self) -> None:
            self.set(0, 0)

        def set(self, seconds: float, repeat_s: float) -> None:
            """Ring after that long, and again each time `repeat_s` has passed; 0 seconds for never."""
            self._is_off.set()
            self._is_off, self._is_due = threading.Event(), False
            if seconds:
                threading.Thread(target=self._ring, args=(seconds, repeat_s, self._is_off), daemon=True).start()

        def take(self, number: int, frame: FrameType | None) -> None:
            """Call back if this signal is the alarm."""
            if number == signal.SIGINT and self._is_due:
                self._is_due = False
                self._on_alarm(frame)

        def _ring(self, seconds: float, repeat_s: float, is_off: threading.Event) -> None:
            while not is_off.wait(seconds):
                self._is_due, seconds = True, repeat_s
                signal.raise_signal(signal.SIGINT)

else:

    class Alarm:
        """Calls back in the main thread after a number of seconds, then again and again: by SIGALRM."""

        def __init__(self, on_alarm: OnAlarm) -> None:
            self._on_alarm = on_alarm

        def install(self) -> None:
            """Handle the signal; `restore` puts the previous handler back."""
            self._before = signal.signal(signal.SIGALRM, lambda _number, frame: self._on_alarm(frame))

        def restore(self) -> None:
            self.set(0, 0)
            signal.signal(signal.SIGALRM, self._before)

        def set(self, seconds: float, repeat_s: float) -> None:
            """Ring after that long, and again each time `repeat_s` has passed; 0 seconds for never."""
            signal.setitimer(signal.ITIMER_REAL, seconds, repeat_s)

        def take(self, number: int, frame: FrameType | None) -> None:
            """Call back if this signal is the alarm: here that has one of its own."""
