"""The categories that the Functions host sorts log entries into, by which host.json sets their levels.

Function.NAME        what the host has to say about one function
Function.NAME.User   what the function's own code logs while it runs
Host.General         what the host has to say about itself
Host.Triggers.DurableTask   what it has to say about durable functions
other                the logger's own name: code of the app that logs while no function runs
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
from collections.abc import Iterator

OWN_LOGGERS = "durable_harness"
HOST_LOGGER = f"{OWN_LOGGERS}.host"
HOST = "Host.General"
DURABLE = "Host.Triggers.DurableTask"
_running: contextvars.ContextVar[str | None] = contextvars.ContextVar("running_function", default=None)


@contextlib.contextmanager
def running(function: str) -> Iterator[None]:
    """Take what is logged until the block ends, here and in threads that get this context, for the function's."""
    token = _running.set(function)
    try:
        yield
    finally:
        _running.reset(token)


def running_function() -> str | None:
    """Return the name of the function that runs here, or that began what does; None if there is none."""
    return _running.get()


def about(function: str) -> dict[str, str]:
    """Return the `extra` of an entry of ours about one function."""
    return {"function": function}


def category_of(record: logging.LogRecord) -> str:
    """Return the category of a log entry."""
    if record.name.partition(".")[0] != OWN_LOGGERS:
        function = _running.get()
        return record.name if function is None else f"Function.{function}.User"
    subject = getattr(record, "function", None)
    if subject is not None:
        return f"Function.{subject}"
    return HOST if record.name == HOST_LOGGER else DURABLE
