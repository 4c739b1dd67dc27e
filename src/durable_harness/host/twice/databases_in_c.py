"""Drivers written in C, whose methods cannot be replaced: psycopg2 by classes of our own, pyodbc by what stands before.

psycopg2 makes connections and cursors of a class that it is given, so that ours are still its own. pyodbc does not, and
gets connections that pass everything on.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Self

from durable_harness.host.library_methods import Method
from durable_harness.host.twice.effects import is_unwatched, within_client
from durable_harness.host.twice.patching import patch_each
from durable_harness.host.twice.statements import note_call


def watch_psycopg2() -> bool:
    """Make connections of psycopg2 of a class that notes statements."""
    extensions = _module("psycopg2.extensions")
    if extensions is None:
        return False

    def connecting(connect: Method) -> Method:
        @functools.wraps(connect)
        def watched(
            dsn: object = None, connection_factory: object = None, cursor_factory: object = None, **named: object
        ) -> object:
            factory = connection_factory or extensions.connection
            if isinstance(factory, type):
                factory = _connection_class(factory, extensions.cursor)
            with within_client():
                return connect(dsn, connection_factory=factory, cursor_factory=cursor_factory, **named)

        return watched

    return patch_each(_module("psycopg2"), {"connect": connecting})


def watch_pyodbc() -> bool:
    """Make connections of pyodbc pass through one that notes statements."""

    def connecting(connect: Method) -> Method:
        @functools.wraps(connect)
        def watched(*arguments: object, **named: object) -> object:
            return PassingConnection(connect(*arguments, **named))

        return watched

    module = _module("pyodbc")
    return module is not None and patch_each(module, {"connect": connecting})


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception:  # noqa: BLE001 - it is not installed, or not whole: an app that needs it fails by itself
        return None


# -- psycopg2 ---------------------------------------------------------------------------------------------------------


@functools.cache
def _connection_class(kind: type, plain_cursor: type) -> type:
    class Watched(kind):  # type: ignore[misc]  # whatever the app connects with
        def cursor(self, *arguments: object, cursor_factory: object = None, **named: object) -> object:
            factory = cursor_factory or self.cursor_factory or plain_cursor
            factory = _cursor_class(factory) if isinstance(factory, type) else factory
            return super().cursor(*arguments, cursor_factory=factory, **named)

    return Watched


@functools.cache
def _cursor_class(kind: type) -> type:
    class Watched(kind):  # type: ignore[misc]  # same
        def execute(self, *arguments: object, **named: object) -> object:
            return _noted(self, super().execute, arguments, named)

        def executemany(self, *arguments: object, **named: object) -> object:
            return _noted(self, super().executemany, arguments, named)

    return Watched


def _noted(cursor: object, call: Method, arguments: tuple[object, ...], named: dict[str, object]) -> object:
    if is_unwatched():
        return call(*arguments, **named)
    with within_client():
        result = call(*arguments, **named)
    note_call(cursor, arguments, named)
    return result


# -- pyodbc -----------------------------------------------------------------------------------------------------------


class _Passing:
    """Passes everything on to what it stands before."""

    def __init__(self, behind: object) -> None:
        object.__setattr__(self, "_behind", behind)

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # whatever it stands before has
        return getattr(self._behind, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._behind, name, value)

    def __exit__(self, *error: object) -> object:
        return self._behind.__exit__(*error)


class PassingConnection(_Passing):
    """A connection whose cursors note statements."""

    def __enter__(self) -> Self:
        self._behind.__enter__()
        return self

    def cursor(self, *arguments: object, **named: object) -> PassingCursor:
        return PassingCursor(self._behind.cursor(*arguments, **named), self)

    def execute(self, *arguments: object) -> object:
        return self.cursor().execute(*arguments)


class PassingCursor(_Passing):
    """A cursor that notes statements."""

    def __init__(self, behind: object, connection: PassingConnection) -> None:
        super().__init__(behind)
        object.__setattr__(self, "connection", connection)

    def __enter__(self) -> Self:
        self._behind.__enter__()
        return self

    def __iter__(self) -> Iterator[object]:
        return iter(self._behind)

    def __next__(self) -> object:
        return next(self._behind)

    def execute(self, *arguments: object) -> object:
        return self._passed_on("execute", arguments)

    def executemany(self, *arguments: object) -> object:
        return self._passed_on("executemany", arguments)

    def _passed_on(self, method: str, arguments: tuple[object, ...]) -> object:
        result = _noted(self._behind, getattr(self._behind, method), arguments, {})
        return self if result is self._behind else result
