"""The categories that the Functions host sorts log entries into, by which host.json sets their levels.

Function.NAME        what the host logs about one function
Function.NAME.User   what the function's own code logs while it runs
Host.General         what the host logs about itself
Host.Triggers.DurableTask   what it logs about durable functions
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
_instance: contextvars.ContextVar[str | None] = contextvars.ContextVar("running_instance", default=None)
_is_unlogged: contextvars.ContextVar[bool] = contextvars.ContextVar("unlogged", default=False)


@contextlib.contextmanager
def running(function: str) -> Iterator[None]:
    """Attribute what is logged until the block ends, here and in threads with this context, to the function."""
    token = _running.set(function)
    try:
        yield
    finally:
        _running.reset(token)


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Keep what is logged until the block ends out of the log: code that runs only to learn what it would do."""
    token = _is_unlogged.set(True)
    try:
        yield
    finally:
        _is_unlogged.reset(token)


def is_unlogged() -> bool:
    return _is_unlogged.get()


def running_function() -> str | None:
    """Return the name of the function that runs here, or that began what does; None if there is none."""
    return _running.get()


def about(function: str, instance_id: str | None = None) -> dict[str, str]:
    """Return the `extra` of an entry of ours about one function, and about one instance of it."""
    return {"function": function} if instance_id is None else {"function": function, "instance": instance_id}


def note_instance(instance_id: str) -> None:
    """Attribute what is logged from here on, in this task and in threads with its context, to an instance."""
    _instance.set(instance_id)


def running_instance() -> str | None:
    """Return the ID of the instance or entity whose code runs here; None if there is none."""
    return _instance.get()


def category_of(record: logging.LogRecord) -> str:
    """Return the category of a log entry."""
    if record.name.partition(".")[0] != OWN_LOGGERS:
        function = _running.get()
        return record.name if function is None else f"Function.{function}.User"
    subject = getattr(record, "function", None)
    if subject is not None:
        return f"Function.{subject}"
    return HOST if record.name == HOST_LOGGER else DURABLE
