"""End a run by itself once its last arrival has come: nothing else will happen in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent

logger = logging.getLogger(__name__)

CHECK_S = 0.25
REASON = "ended by itself: all arrivals had been started"


class LastArrivalWatch:
    """Asks whether the arrivals are over, until it is closed or has called `stop`."""

    def __init__(self, are_over: Callable[[], bool], stop: Callable[[], None]) -> None:
        self.reason: str | None = None
        """Why the run was ended; None if it was not."""
        self._are_over, self._stop = are_over, stop
        self._greenlet: Any = gevent.spawn(self._watch)

    def close(self) -> None:
        """Look no longer. A watch that ends the run goes on with that, whoever else ends it too."""
        if self.reason is None:
            self._greenlet.kill()

    def _watch(self) -> None:
        gevent.sleep(CHECK_S)
        while not self._are_over():
            gevent.sleep(CHECK_S)
        self.reason = REASON
        logger.info("The run is %s", REASON)
        self._stop()
