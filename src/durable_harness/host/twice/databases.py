"""Statements that functions send to databases, by the drivers that are installed.

Drivers written in Python have classes of cursors, whose methods are watched. Those written in C give connections and
cursors that cannot be: of sqlite3 a class of our own is derived from the connection's.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from durable_harness.host.twice.effects import current_scope, note, within_client
from durable_harness.host.twice.patching import Wrap, patch_each

DATABASE = "database"
WRITES = re.compile(
    r"\s*(?:with\b.*?\b)?(insert|update|delete|replace|merge|upsert|call|exec|execute|create|drop|alter|truncate)\b"
    r"(?:\s+or\s+\w+)?(?:\s+(?:into|from|table|view|index|only))?\s*([\w.\"`\[\]]*)",
    re.IGNORECASE | re.DOTALL,
)
SETS = re.compile(r"([\w.\"`\[\]]+)\s*=\s*([^,]*)")
REPEATABLE = re.compile(r"\bon\s+conflict\b|\bon\s+duplicate\s+key\b|\bor\s+(?:replace|ignore)\b", re.IGNORECASE)
REPEATABLE_VERBS = frozenset({"update", "delete", "replace", "merge", "upsert", "create", "drop"})


def watch_databases() -> list[str]:
    """Note the statements of each driver that is installed; return their names."""
    _watch_sqlite()
    return ["sqlite3", *(name for name, watch in _OTHERS.items() if watch())]


def note_statement(statement: Any, parameters: Any, rows: int) -> None:
    """Note a statement that has written; `rows` is how many it changed, below 0 if that is not known."""
    found = WRITES.match(_text(statement))
    if found is not None and rows != 0:
        verb, table = found[1].lower(), found[2]
        text = f"{verb.upper()} {table}".strip()
        note(DATABASE, text, _text(statement), repr(parameters), is_repeatable=_is_repeatable(verb, _text(statement)))


def _text(statement: Any) -> str:
    return statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement)


def _is_repeatable(verb: str, statement: str) -> bool:
    """Whether the same statement with the same values leaves what it left before: it sets values, and adds nothing."""
    if verb not in REPEATABLE_VERBS and not REPEATABLE.search(statement):
        return False
    _, _, sets = statement.lower().partition(" set ")
    assigned = ((name.rpartition(".")[2], value) for name, value in SETS.findall(sets.partition(" where ")[0]))
    return not any(re.search(rf"\b{re.escape(name)}\b", value) for name, value in assigned if name.isidentifier())


def _count(cursor: Any) -> int:
    rows = getattr(cursor, "rowcount", -1)
    return rows if isinstance(rows, int) else -1


# -- sqlite3 ----------------------------------------------------------------------------------------------------------


def _watch_sqlite() -> None:
    def connecting(connect: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(connect)
        def watched(*arguments: Any, **named: Any) -> Any:
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
        def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
            return super().cursor(_watched_cursor(factory) if isinstance(factory, type) else factory)

        # These make their cursor without asking `cursor` for it.
        def execute(self, *arguments: Any) -> Any:
            return self.cursor().execute(*arguments)

        def executemany(self, *arguments: Any) -> Any:
            return self.cursor().executemany(*arguments)

        def executescript(self, *arguments: Any) -> Any:
            return self.cursor().executescript(*arguments)

    Watched.__name__, Watched.__qualname__, Watched.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return Watched


@functools.cache
def _watched_cursor(kind: type[sqlite3.Cursor]) -> type[sqlite3.Cursor]:
    class Watched(kind):  # type: ignore[valid-type, misc]  # same
        def execute(self, *arguments: Any) -> Any:
            return self._noted("execute", arguments)

        def executemany(self, *arguments: Any) -> Any:
            return self._noted("executemany", arguments)

        def executescript(self, *arguments: Any) -> Any:
            return self._noted("executescript", arguments)

        def _noted(self, method: str, arguments: tuple[Any, ...]) -> Any:
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


def _executing(execute: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(execute)
    def watched(cursor: Any, *arguments: Any, **named: Any) -> Any:
        if current_scope() is None:
            return execute(cursor, *arguments, **named)
        with within_client():
            result = execute(cursor, *arguments, **named)
        _note_call(cursor, arguments, named)
        return result

    return watched


def _executing_async(execute: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(execute)
    async def watched(cursor: Any, *arguments: Any, **named: Any) -> Any:
        with within_client():
            result = await execute(cursor, *arguments, **named)
        _note_call(cursor, arguments, named)
        return result

    return watched


def _note_call(cursor: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    statement = arguments[0] if arguments else next(iter(named.values()), "")
    note_statement(statement, (*arguments[1:], *named.values()), _count(cursor))


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
    "asyncpg": _watching("asyncpg.Connection", methods=_ASYNC),
}
