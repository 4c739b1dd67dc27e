"""Run somebody else's command for as long as its parent lives: `python -m durable_harness.stack.supervisor PID …`.

Commands of ours watch their parent themselves. Others outlive a parent that was killed, and may have children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

CHECK_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 5.0


def supervise(parent_pid: int, command: Sequence[str]) -> int:
    """Run a command until it ends, SIGTERM comes or the parent is gone; end its process group, return its code."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    child = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - what the caller wants run
    while child.poll() is None and os.getppid() == parent_pid and not asked:
        time.sleep(CHECK_INTERVAL_S)
    _end_group(child)
    return child.wait()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(CHECK_INTERVAL_S)
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
