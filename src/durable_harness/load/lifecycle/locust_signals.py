"""SIGINT and SIGTERM once a Locust process is being set up.

Python raises KeyboardInterrupt in whichever greenlet runs when the signal comes: in one that follows an operation, in
the audit, in Locust's own end of a run. Here a signal is a call in a greenlet of its own, and no code is interrupted.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import gevent

from durable_harness.platforms.signals import ENDING_SIGNALS


class ProcessExit(SystemExit):
    """Ends the process on behalf of the harness; a listener that calls `sys.exit` raises another SystemExit."""


class Signals:
    """Calls `handler` for each of the signals. Locust's own handler of SIGTERM is called beside it."""

    def __init__(self, handler: Callable[[], None]) -> None:
        self.handler = handler
        self._watchers: list[Any] = [gevent.signal_handler(number, self._receive) for number in ENDING_SIGNALS]

    def ignore(self) -> None:
        """Ignore all signals: the exit code is decided, and the process is about to exit.

        Without this, Python would restore the default action while it shuts down, and the signal would end the process
        instead.
        """
        while self._watchers:
            self._watchers.pop().cancel()
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _receive(self) -> None:
        self.handler()


def raise_in_main(error: BaseException) -> None:
    """Raise an exception in the main greenlet, which waits for something."""
    gevent.get_hub().handle_system_error(type(error), error)
