"""What ends a run before its time: a watch looks again and again for a reason, and then ends it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import gevent

logger = logging.getLogger(__name__)


class EndWatch(ABC):
    """Looks for a reason to end the run, until it is closed or has called `stop`."""

    check_s: float
    """How often it looks."""
    log_level = logging.INFO
    log_text = "%s"

    def __init__(self, stop: Callable[[], None]) -> None:
        self.reason: str | None = None
        """Why the run was ended; None if it was not."""
        self._stop = stop
        self._greenlet: Any = gevent.spawn(self._watch)

    @abstractmethod
    def find_reason(self) -> str | None:
        """Return why the run is to end now, None if it is not."""

    def close(self) -> None:
        """Look no longer. A watch that ends the run goes on with that, whoever else ends it too."""
        if self.reason is None:
            self._greenlet.kill()

    def _watch(self) -> None:
        while self.reason is None:
            gevent.sleep(self.check_s)
            self.reason = self.find_reason()
        logger.log(self.log_level, self.log_text, self.reason)
        self._stop()
