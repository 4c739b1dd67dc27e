"""The end of a process that ran user code: threads that do not end hold up no end, and exit handlers run anyway."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time

from durable_harness.host.app.invocation import FUNCTION_THREADS
from durable_harness.output_streams import flush

IDLE_S = 0.5
"""How long threads without work have to notice that they are to end."""
OWN_S = 2.0
"""How long threads that the app started itself have to end."""
HANDLERS_S = 4.0
"""How long the exit handlers have where the interpreter cannot end by itself."""


def leave_if_held_up(exit_code: int = 0, last_words: str = "") -> None:
    """End the process if threads of the app do not end, as the interpreter would wait for them. Else return."""
    if _have_ended(_threads_of_functions(), IDLE_S) and _have_ended(_threads(), OWN_S):
        return
    if not sys.stderr.closed:
        sys.stderr.write(last_words)
    watchdog = threading.Timer(HANDLERS_S, os._exit, [exit_code])
    watchdog.daemon = True
    watchdog.start()
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to have them run before `_exit`
    flush(sys.stdout)
    flush(sys.stderr)
    os._exit(exit_code)


def _threads() -> list[threading.Thread]:
    """Return the threads that the interpreter would wait for."""
    return [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]


def _threads_of_functions() -> list[threading.Thread]:
    return [thread for thread in _threads() if thread.name.startswith(FUNCTION_THREADS)]


def _have_ended(threads: list[threading.Thread], seconds: float) -> bool:
    deadline_s = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
