"""SIGINT and SIGTERM while Locust starts: from the first import of a scenario until the process is set up.

Locust has no handlers yet. Python's own would show a traceback, or raise an exception where it is ignored. Nothing has
been measured and nothing needs to be closed, so the process says so in one line and ends. It must not be slow to
import: what runs before its import is not covered.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, UsageError
from durable_harness.extras import MissingExtraError, importing
from durable_harness.platforms.signals import ENDING_SIGNALS
from durable_harness.scenario_mistakes import error_of

LOCUST_COMMAND = "locust.main"
"""The module that is imported only by the command `locust`."""
LOADING = "load_locustfile"
"""The function of Locust that imports a file of scenarios; its parameter `path` names the file."""
UNPATCHED = "LOCUST_SKIP_MONKEY_PATCH"
"""If it is set in the environment, Locust does not patch the standard library."""
FORKED_WORKER_CODE = 1
"""The master, which started it, reports why it ends."""
_first_pids: list[int] = []
"""The process that was guarded. A hook of `os.register_at_fork` would be too late: a signal may come before it runs."""


def guard_start_up() -> None:
    """Handle the signals from now on, if this is a Locust process that has no handler of its own."""
    is_main_thread = threading.current_thread() is threading.main_thread()
    is_unguarded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if LOCUST_COMMAND in sys.modules and is_main_thread and is_unguarded:
        _first_pids.append(os.getpid())
        for number in ENDING_SIGNALS:
            signal.signal(number, _exit)


def report_scenario_errors() -> None:
    """In a Locust process, report an error of a file of scenarios without a traceback, with the code for usage.

    Locust catches no error of such a file. Once the file has imported us, only the hook for uncaught errors is left.
    """
    if LOCUST_COMMAND in sys.modules:
        sys.excepthook = functools.partial(_report, sys.excepthook)


def _report(
    otherwise: Callable[[type[BaseException], BaseException, TracebackType | None], object],
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    frames = [frame for frame, _ in traceback.walk_tb(trace) if frame.f_code.co_name == LOADING]
    if not frames or not isinstance(error, Exception):
        otherwise(kind, error, trace)
        return
    found = error_of(frames[0].f_locals["path"], error)
    sys.stderr.write(f"error: {found}\n")
    raise SystemExit(found.exit_code)  # from this hook it sets the exit code, which is 1 otherwise


@contextlib.contextmanager
def naming_load_extra() -> Iterator[None]:
    """Name the extra if a package of load tests is missing in the block: Locust alone may be installed.

    Locust would print a traceback and end with 1, its code for failures, so the command `locust` ends here.
    """
    try:
        with importing("load", "a load test"):
            yield
    except MissingExtraError as error:
        if LOCUST_COMMAND in sys.modules:
            sys.stderr.write(f"error: {error}\n")
            raise SystemExit(error.exit_code) from None
        raise ImportError(str(error)) from None


def check_patched() -> None:
    """Raise UsageError if the standard library is not that of gevent: every wait would block all users."""
    from gevent.monkey import is_module_patched  # noqa: PLC0415 - as late as possible

    if not is_module_patched("time"):
        raise UsageError(
            "Locust was kept from patching the standard library, so every wait would hold up all users: "
            f"unset {UNPATCHED}"
        )


def is_forked_worker() -> bool:
    """Return whether this process is a worker that `--processes` started."""
    return bool(_first_pids) and os.getpid() not in _first_pids


def end_forked_workers() -> None:
    """End the workers of `--processes`, which would try for minutes to reach a master that is gone.

    Not to be called in a worker.
    """
    import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - as late as possible

    for child in psutil.Process().children():
        child.terminate()


def _exit(_number: int, _frame: FrameType | None) -> None:
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if is_forked_worker():
        os._exit(FORKED_WORKER_CODE)
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"locust: {NOTHING_MEASURED}\n".encode())
    end_forked_workers()
    os._exit(INTERRUPTED)
