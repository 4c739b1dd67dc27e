"""The log of this process, kept for an evidence file: its latest lines."""

from __future__ import annotations

import logging
from collections import deque

MOST_LINES = 20_000
FORMAT = "[%(asctime)s] %(levelname)s %(name)s: %(message)s"


APART = ("locust",)
"""Loggers that may pass nothing on to the root."""


def _loggers() -> list[logging.Logger]:
    return [logging.getLogger(), *(logging.getLogger(name) for name in APART if not logging.getLogger(name).propagate)]


class LogLines(logging.Handler):
    """Keeps the latest entries of the log from when it is attached."""

    def __init__(self, most: int = MOST_LINES) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(FORMAT))
        self._lines: deque[str] = deque(maxlen=most)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as of any handler: what cannot be formatted must not end its caller
            self.handleError(record)

    def attach(self) -> LogLines:
        """Begin to keep what the process logs."""
        for logger in _loggers():
            logger.addHandler(self)
        return self

    def detach(self) -> None:
        """Keep no more."""
        for logger in _loggers():
            logger.removeHandler(self)

    def text(self) -> str:
        """Return what was kept."""
        return "".join(f"{line}\n" for line in self._lines)
