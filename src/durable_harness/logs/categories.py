"""The categories that the Functions host sorts log entries into, by which host.json sets their levels.

Function.NAME        what the host logs about one function
Function.NAME.User   what the function's own code logs while it runs
Host.General         what the host logs about itself
Host.Triggers.DurableTask   what it logs about durable functions
other                the logger's own name: code of the app that logs while no function runs
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

OWN_LOGGERS = "durable_harness"
HOST_LOGGER = f"{OWN_LOGGERS}.host"
HOST = "Host.General"
DURABLE = "Host.Triggers.DurableTask"
running_function: ContextVar[str | None] = ContextVar("running_function", default=None)
"""The name of the function that runs here, or that began what does; None if there is none. `running` sets it."""
running_instance: ContextVar[str | None] = ContextVar("running_instance", default=None)
"""The ID of the instance or entity whose code runs here; None if there is none."""
is_unlogged: ContextVar[bool] = ContextVar("is_unlogged", default=False)
"""Whether what is logged here stays out of the log. `unlogged` sets it."""


@contextlib.contextmanager
def running(function: str) -> Iterator[None]:
    """Attribute what is logged until the block ends, here and in threads with this context, to the function."""
    token = running_function.set(function)
    try:
        yield
    finally:
        running_function.reset(token)


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Keep what is logged until the block ends out of the log: code that runs only to learn what it would do."""
    token = is_unlogged.set(True)
    try:
        yield
    finally:
        is_unlogged.reset(token)


def about(function: str, instance_id: str | None = None) -> dict[str, str]:
    """Return the `extra` of an entry of ours about one function, and about one instance of it."""
    return {"function": function} if instance_id is None else {"function": function, "instance": instance_id}


def category_of(record: logging.LogRecord) -> str:
    """Return the category of a log entry that is being logged here."""
    return category(record.name, getattr(record, "function", None), running_function.get())


def category(logger: str, subject: str | None, running: str | None) -> str:
    """Return the category of an entry of a logger: `subject` is the function that it names, `running` the one here."""
    if logger.partition(".")[0] != OWN_LOGGERS:
        return logger if running is None else f"Function.{running}.User"
    if subject is not None:
        return f"Function.{subject}"
    return HOST if logger == HOST_LOGGER else DURABLE
