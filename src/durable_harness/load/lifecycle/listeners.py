"""Listeners and tasks that call `sys.exit`: Locust would end on the spot, without report and verdict."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import gevent

from durable_harness.load.lifecycle.locust_signals import ProcessExit

OnExit = Callable[[Any], None]
"""Called with the code that was given to `sys.exit`."""


class GuardedListener:
    """A listener from which no SystemExit escapes. It equals the listener, so that Locust can remove it."""

    def __init__(self, listener: Callable[..., Any], on_exit: OnExit) -> None:
        self._listener = listener
        self._on_exit = on_exit

    def __call__(self, **event: object) -> None:
        try:
            self._listener(**event)
        except ProcessExit:
            raise
        except SystemExit as error:
            self._on_exit(error.code)

    def __eq__(self, other: object) -> bool:
        return other is self or bool(other == self._listener)

    def __hash__(self) -> int:
        return hash(self._listener)


def guard_listeners(hook: Any, on_exit: OnExit) -> None:
    """Guard the listeners of an event: those that it has, and those that will be added."""
    hook._handlers[:] = [GuardedListener(listener, on_exit) for listener in hook._handlers]  # noqa: SLF001
    add_listener = hook.add_listener

    def add_guarded(listener: Callable[..., Any]) -> Callable[..., Any]:
        add_listener(GuardedListener(listener, on_exit))
        return listener

    hook.add_listener = add_guarded


def guard_greenlets(on_exit: OnExit, may_exit: Callable[[], bool]) -> None:
    """Keep a SystemExit of any greenlet from the main one, unless it may exit: Locust itself does so at its end."""
    hub = gevent.get_hub()
    handle_system_error = hub.handle_system_error

    def handle(kind: type[BaseException], error: Any, traceback: TracebackType | None = None) -> None:
        # gevent gives an instance, or what one would be made of.
        if issubclass(kind, SystemExit) and not issubclass(kind, ProcessExit) and not may_exit():
            on_exit(getattr(error, "code", error))
        else:
            handle_system_error(kind, error, traceback)

    hub.handle_system_error = handle
