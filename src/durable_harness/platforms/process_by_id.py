"""A process by its ID: whether it runs, and how to pause it."""

from __future__ import annotations

import os
import signal
import sys


def is_running(pid: int) -> bool:
    """Return whether there is a process with this ID."""
    if sys.platform == "win32":
        import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - it takes 40 ms to import

        is_there = bool(psutil.pid_exists(pid))
    else:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            is_there = False
        except PermissionError:
            is_there = True
        else:
            is_there = True
    return is_there


def suspend(pid: int) -> None:
    """Pause a process. Raises ProcessLookupError or PermissionError if that is not possible."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - same

        try:
            psutil.Process(pid).suspend()
        except psutil.NoSuchProcess as error:
            raise ProcessLookupError(str(error)) from error
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error
    else:
        os.kill(pid, signal.SIGSTOP)


def resume(pid: int) -> None:
    """Resume a process. Raises ProcessLookupError if it is gone."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - same

        try:
            psutil.Process(pid).resume()
        except psutil.NoSuchProcess as error:
            raise ProcessLookupError(str(error)) from error
    else:
        os.kill(pid, signal.SIGCONT)
