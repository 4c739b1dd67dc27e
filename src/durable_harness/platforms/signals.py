"""The signals that ask a process to end.

On Windows Ctrl-C arrives as SIGINT and Ctrl-Break as SIGBREAK, which is also how another process can ask. A SIGTERM
from another process ends a process there at once: no handler is called.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

if sys.platform == "win32":
    ASKED = (signal.SIGTERM, signal.SIGBREAK)
else:
    ASKED = (signal.SIGTERM,)

ENDING_SIGNALS = (signal.SIGINT, *ASKED)
"""Ctrl-C, and those by which supervisors, CI and containers ask."""


def call_when_asked_to_end(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call back on an event loop for each of the signals, from now on. To be called in the main thread."""
    for number in ENDING_SIGNALS:
        try:
            loop.add_signal_handler(number, callback)
        except NotImplementedError:  # the loops of Windows; the default one wakes up for signals
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(callback))


def ask_this_process_to_end() -> None:
    """Do what a signal from outside does, from any thread."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)  # the only one that ends a sleep of the main thread
    else:
        os.kill(os.getpid(), signal.SIGTERM)  # unlike raise_signal it wakes the main thread up
