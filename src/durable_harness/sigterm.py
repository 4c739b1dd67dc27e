"""SIGTERM, by which CI, containers and supervisors end a command, ends it as Ctrl-C does: in order, and with a word."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from durable_harness.errors import INTERRUPTED

TERMINATED = 128 + signal.SIGTERM
"""The exit code of a command that SIGTERM ended, as shells have it."""


class Terminated(KeyboardInterrupt):
    """Raised in the main thread when SIGTERM comes."""


@contextlib.contextmanager
def raised_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise Terminated until the block ends. (Python allows this in the main thread only.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a command that an interrupt ended."""
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


def _raise(_number: int, _frame: object) -> NoReturn:
    raise Terminated
