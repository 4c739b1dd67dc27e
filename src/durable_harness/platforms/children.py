"""Child processes: out of reach of the terminal's Ctrl-C, asked to end, ended with all of their own children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any

CHECK_INTERVAL_S = 0.05


def in_own_group() -> dict[str, Any]:
    """Return the options of Popen for a child that Ctrl-C in a terminal does not reach: its parent decides."""
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:
        options = {"start_new_session": True}
    return options


def on_the_terminal() -> dict[str, Any]:
    """Return the options of Popen for a child that reads from the terminal, and that `ask_to_end` reaches."""
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP  # Ctrl-Break is sent to groups only
    return options


def ask_to_end(child: subprocess.Popen[bytes]) -> None:
    """Ask a child that was started with one of these options to shut down."""
    if sys.platform == "win32":
        try:
            child.send_signal(signal.CTRL_BREAK_EVENT)
        except OSError:  # a process without a console cannot ask
            child.terminate()
    else:
        child.terminate()


def end_with_children(child: subprocess.Popen[bytes], patience_s: float) -> None:
    """End a child of a group of its own and every process that it has started: by a request, then by a kill."""
    deadline = time.monotonic() + patience_s
    if sys.platform == "win32":
        descendants = _descendants(child.pid)
        ask_to_end(child)
        _wait(child, deadline)
        for process in (*descendants, *_descendants(child.pid)):
            _kill(process)
        child.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
            _wait(child, deadline)
            os.killpg(child.pid, signal.SIGKILL)


class ParentProcess:
    """The process that started this one, or that wanted it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process = _process(pid) if sys.platform == "win32" else None

    def is_there(self) -> bool:
        """Return whether it still runs."""
        if sys.platform == "win32":
            # os.getppid names the launcher of a virtual environment, and keeps naming a process that has ended.
            is_there = self._process is not None and bool(self._process.is_running())
        else:
            is_there = os.getppid() == self._pid
        return is_there


def _wait(child: subprocess.Popen[bytes], deadline: float) -> None:
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(CHECK_INTERVAL_S)


def _process(pid: int) -> Any:
    """Return a process that keeps its identity when its ID is given to another one; None if there is none."""
    import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - it takes 40 ms to import

    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _descendants(pid: int) -> list[Any]:
    process = _process(pid)
    return [] if process is None else list(process.children(recursive=True))


def _kill(process: Any) -> None:
    import psutil  # noqa: PLC0415 - as above

    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
