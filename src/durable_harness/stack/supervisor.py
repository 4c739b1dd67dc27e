"""Run a command of others for as long as its parent lives: `python -m durable_harness.stack.supervisor PID …`.

Commands of ours watch their parent themselves. Others outlive a parent that was killed, and may have children.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from durable_harness.platforms.children import ParentProcess, end_with_children, in_own_group
from durable_harness.platforms.signals import ASKED

CHECK_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 5.0


def supervise(parent_pid: int, command: Sequence[str]) -> int:
    """Run a command until it ends, a signal comes or the parent is gone; end all its processes, return its code."""
    asked: list[int] = []
    for number in ASKED:
        signal.signal(number, lambda number, _frame: asked.append(number))
    parent = ParentProcess(parent_pid)
    child = subprocess.Popen(command, **in_own_group())  # noqa: S603 - what the caller wants run
    while child.poll() is None and parent.is_there() and not asked:
        time.sleep(CHECK_INTERVAL_S)
    end_with_children(child, STOP_TIMEOUT_S)
    return child.wait()


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
