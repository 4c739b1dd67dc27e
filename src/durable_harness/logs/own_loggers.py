"""Loggers of the host itself, which an app's own configuration of `logging` does not reach.

In Azure the host is another process. Here it shares one with the app, whose `dictConfig`, `basicConfig` or
`logging.disable` would silence the reason why a function failed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any


class OwnLogger(logging.Logger):
    """A logger that no setting of the module `logging` turns off, and whose records no factory of an app makes."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name in `logging`
        return level >= self.getEffectiveLevel()

    def makeRecord(  # noqa: N802, PLR0913, PLR0917 - the signature in `logging`
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record


class _Root(OwnLogger):
    """The parent of all own loggers. Until it is configured, what they log goes where all logs of the process go."""

    def __init__(self) -> None:
        super().__init__("root")
        self.parent = logging.root


_root = _Root()
_manager = logging.Manager(_root)  # type: ignore[arg-type]  # it only has to be a logger
_manager.loggerClass = OwnLogger


def own_logger(name: str) -> logging.Logger:
    """Return the own logger of a name."""
    return _manager.getLogger(name)


def send_own_logs_to(handler: logging.Handler, level: int) -> None:
    """Send what own loggers log, from a level on, to this handler only."""
    _root.handlers = [handler]
    _root.setLevel(level)
    _root.propagate = False


def also_send_own_logs_to(handler: logging.Handler) -> None:
    """Send what own loggers log to another handler too, beside the one of `send_own_logs_to`."""
    _root.addHandler(handler)


def send_own_logs_to_all() -> None:
    """Send what own loggers log to the root logger again, as before `send_own_logs_to`."""
    _root.handlers = []
    _root.setLevel(logging.NOTSET)
    _root.propagate = True
