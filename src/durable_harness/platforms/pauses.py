"""A paused process: `python -m durable_harness.platforms.pauses PID SECONDS` pauses one.

A separate process does it, so that the other one is resumed in time even if whoever asked for the pause dies.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

from durable_harness.platforms.children import in_own_group
from durable_harness.platforms.process_by_id import resume, suspend

STANDS_STILL = "it stands still"


class Pause:
    """A process that stands still from now on, for a number of seconds or until `end`."""

    def __init__(self, pid: int, seconds: float) -> None:
        self._pid = pid
        self._waker = subprocess.Popen(  # noqa: S603 - numbers only
            [sys.executable, "-m", __name__, str(pid), repr(seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            **in_own_group(),
        )
        assert self._waker.stdout is not None
        if not self._waker.stdout.readline():
            self._forget_waker()
            raise ProcessLookupError(f"process {pid} could not be paused: it has ended, or belongs to another user")

    def end(self) -> None:
        """Resume the process now, if it does not run yet."""
        if self._waker.poll() is None:
            self._waker.kill()
        self._forget_waker()
        with contextlib.suppress(ProcessLookupError):
            resume(self._pid)

    def _forget_waker(self) -> None:
        self._waker.wait()
        assert self._waker.stdout is not None
        self._waker.stdout.close()


def pause(pid: int, seconds: float) -> None:
    """Pause a process, print that on stdout, and resume it."""
    try:
        suspend(pid)
    except OSError:  # it has ended, or belongs to another user: the reader of stdout gets no line
        return
    try:
        sys.stdout.write(f"{STANDS_STILL}\n")
        sys.stdout.flush()
        time.sleep(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            resume(pid)


if __name__ == "__main__":
    pause(int(sys.argv[1]), float(sys.argv[2]))
