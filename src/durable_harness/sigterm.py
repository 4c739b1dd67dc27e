"""SIGTERM, by which CI, containers and supervisors end a command, ends it as Ctrl-C does: in order, and with a word.

On Windows that is Ctrl-Break.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from durable_harness.errors import INTERRUPTED
from durable_harness.exit_codes import ExitCode
from durable_harness.platforms.signals import ASKED

TERMINATED = ExitCode.TERMINATED.value
"""The exit code of a command that SIGTERM ended, as shells have it."""


class Terminated(KeyboardInterrupt):
    """Raised in the main thread when SIGTERM or Ctrl-Break comes."""


@contextlib.contextmanager
def raised_as_interrupt() -> Iterator[None]:
    """Raise Terminated on SIGTERM or Ctrl-Break until the block ends. (Python allows this in the main thread only.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _raise) for number in ASKED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a command that an interrupt ended."""
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def _raise(_number: int, _frame: object) -> NoReturn:
    raise Terminated
