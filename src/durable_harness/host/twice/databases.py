"""Statements that functions send to databases, by the drivers that are installed.

Drivers written in Python have classes of cursors, whose methods are watched. Those written in C give connections and
cursors that cannot be: of sqlite3 a class of our own is derived from the connection's.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Mapping

from durable_harness.host.library_methods import Method
from durable_harness.host.twice.databases_in_c import watch_psycopg2, watch_pyodbc
from durable_harness.host.twice.effects import current_scope, is_unwatched, within_client
from durable_harness.host.twice.patching import Wrap, patch_each
from durable_harness.host.twice.statements import note_call, note_statement


def watch_databases() -> list[str]:
    """Note the statements of each driver that is installed; return their names."""
    _watch_sqlite()
    return ["sqlite3", *(name for name, watch in _OTHERS.items() if watch())]


# -- sqlite3 ----------------------------------------------------------------------------------------------------------


def _watch_sqlite() -> None:
    def connecting(connect: Method) -> Method:
        @functools.wraps(connect)
        def watched(*arguments: object, **named: object) -> object:
            if len(arguments) <= FACTORY_POSITION:
                named["factory"] = _watched_connection(named.get("factory", sqlite3.Connection))
            return connect(*arguments, **named)

        return watched

    for module in (sqlite3, sqlite3.dbapi2):
        patch_each(module, {"connect": connecting})


FACTORY_POSITION = 5
"""Where the class of the connection is among the arguments of `sqlite3.connect`."""


@functools.cache
def _watched_connection(kind: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
    class Watched(kind):  # type: ignore[valid-type, misc]  # whatever the app connects with
        def cursor(self, factory: object = sqlite3.Cursor) -> sqlite3.Cursor:
            made: sqlite3.Cursor = super().cursor(_watched_cursor(factory) if isinstance(factory, type) else factory)
            return made

        # These make their cursor without asking `cursor` for it.
        def execute(self, *arguments: object) -> object:
            execute: Method = self.cursor().execute
            return execute(*arguments)

        def executemany(self, *arguments: object) -> object:
            executemany: Method = self.cursor().executemany
            return executemany(*arguments)

        def executescript(self, *arguments: object) -> object:
            executescript: Method = self.cursor().executescript
            return executescript(*arguments)

    Watched.__name__, Watched.__qualname__, Watched.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return Watched


@functools.cache
def _watched_cursor(kind: type[sqlite3.Cursor]) -> type[sqlite3.Cursor]:
    class Watched(kind):  # type: ignore[valid-type, misc]  # same
        def execute(self, *arguments: object) -> object:
            return self._noted("execute", arguments)

        def executemany(self, *arguments: object) -> object:
            return self._noted("executemany", arguments)

        def executescript(self, *arguments: object) -> object:
            return self._noted("executescript", arguments)

        def _noted(self, method: str, arguments: tuple[object, ...]) -> object:
            call = getattr(super(), method)
            if current_scope() is None:
                return call(*arguments)
            before = self.connection.total_changes
            result = call(*arguments)
            note_statement(arguments[0], arguments[1:], self.connection.total_changes - before)
            return result

    Watched.__name__, Watched.__qualname__, Watched.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return Watched


# -- drivers written in Python ----------------------------------------------------------------------------------------


def _executing(execute: Method) -> Method:
    @functools.wraps(execute)
    def watched(cursor: object, *arguments: object, **named: object) -> object:
        if is_unwatched():
            return execute(cursor, *arguments, **named)
        with within_client():
            result = execute(cursor, *arguments, **named)
        note_call(cursor, arguments, named)
        return result

    return watched


def _executing_async(execute: Method) -> Method:
    @functools.wraps(execute)
    async def watched(cursor: object, *arguments: object, **named: object) -> object:
        if is_unwatched():
            return await execute(cursor, *arguments, **named)
        with within_client():
            result = await execute(cursor, *arguments, **named)
        note_call(cursor, arguments, named, result)
        return result

    return watched


def _watching(*classes: str, methods: Mapping[str, Wrap]) -> Callable[[], bool]:
    return lambda: all(patch_each(one, methods) for one in classes)


_PLAIN = {"execute": _executing, "executemany": _executing}
_ASYNC = {"execute": _executing_async, "executemany": _executing_async}
_OTHERS: Mapping[str, Callable[[], bool]] = {
    "psycopg": _watching("psycopg.Cursor", methods=_PLAIN),
    "psycopg async": _watching("psycopg.AsyncCursor", methods=_ASYNC),
    "pymysql": _watching("pymysql.cursors.Cursor", methods={"execute": _executing}),
    "mysql.connector": _watching("mysql.connector.cursor.MySQLCursor", methods={"execute": _executing}),
    "pg8000": _watching("pg8000.dbapi.Cursor", methods={"execute": _executing}),
    "mysql.connector in C": _watching("mysql.connector.cursor_cext.CMySQLCursor", methods={"execute": _executing}),
    "asyncpg": _watching("asyncpg.Connection", methods=_ASYNC),
    "psycopg2": watch_psycopg2,
    "pyodbc": watch_pyodbc,
}
