"""A clock for latencies, and timers that are about a millisecond late at most.

`time.monotonic` moves in steps of 15.6 ms on Windows before Python 3.13; a latency taken with it would be made up.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

COARSE_S = 0.001

if time.get_clock_info("monotonic").resolution > COARSE_S:
    monotonic, monotonic_ns = time.perf_counter, time.perf_counter_ns  # counts while the computer sleeps, too
else:
    monotonic, monotonic_ns = time.monotonic, time.monotonic_ns


def _steady() -> Callable[[], int]:
    """Return a clock that no change of the wall clock affects, and that runs while the computer sleeps."""
    if sys.platform != "win32":
        for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # on Linux the second stands still during sleep
            number = getattr(time, name, None)
            try:
                if number is not None:
                    time.clock_gettime_ns(number)
                    return functools.partial(time.clock_gettime_ns, number)
            except OSError:
                continue
    return monotonic_ns  # on Windows it counts sleep


steady_ns = _steady()


def have_fine_timers() -> None:
    """Make timers of this process at most about a millisecond late; on Windows the default is 16."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - no other platform pays for it

        ctypes.WinDLL("winmm").timeBeginPeriod(1)
