"""Statements that are seen as effects, by drivers of every kind: which of them write, and which bear a repeat."""

import asyncio
import sqlite3
import sys
from types import ModuleType, SimpleNamespace

import pytest

from durable_harness.host.twice import databases
from durable_harness.host.twice.databases_in_c import PassingConnection, PassingCursor, watch_psycopg2, watch_pyodbc
from durable_harness.host.twice.effects import SCOPE
from durable_harness.host.twice.statements import note_call, note_statement


def texts(scope):
    """Return what was noted."""
    return [effect.text for effect in scope.effects]


class Cursor:
    """A cursor as drivers have it; each statement changes as many rows as it has exclamation marks."""

    def __init__(self):
        self.rowcount, self.executed, self.arraysize = -1, [], 1

    def execute(self, statement, *_parameters):
        self.executed.append(statement)
        self.rowcount = statement.count("!")
        return self

    def executemany(self, statement, _parameters):
        return self.execute(statement)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def __iter__(self):
        return iter(self.executed)


class Connection:
    """A connection as drivers have it."""

    cursor_factory = None

    def __init__(self):
        self.autocommit = False

    def cursor(self, cursor_factory=Cursor):
        return cursor_factory()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None


@pytest.fixture
def module(monkeypatch):
    """Return the making of a driver that can be imported."""

    def make(name, **members):
        made = ModuleType(name)
        vars(made).update(members)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("INSERT INTO stock VALUES (1)", "INSERT stock"),
        ("insert or ignore into stock values (1)", "INSERT stock"),
        ('\n  UPDATE "stock"\n  SET x = 1', 'UPDATE "stock"'),
        ("DELETE FROM stock", "DELETE stock"),
        ("WITH a AS (SELECT 1) INSERT INTO stock SELECT * FROM a", "INSERT stock"),
        ("MERGE INTO stock USING a ON true", "MERGE stock"),
        ("EXEC charge @card = 1", "EXEC charge"),
        (b"INSERT INTO stock VALUES (1)", "INSERT stock"),
    ],
)
def test_statements_that_write(scope, statement, text):
    """A statement that changes rows is an effect, named by its verb and what it changes, without its values."""
    note_statement(statement, (), 1)
    assert texts(scope) == [text]


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT * FROM stock", 3),
        ("SELECT * FROM stock FOR UPDATE", 3),
        ("WITH a AS (SELECT 1) SELECT * FROM a FOR UPDATE", 3),
        ("PRAGMA user_version", -1),
        ("BEGIN", -1),
        ("INSERT INTO stock VALUES (1) ON CONFLICT DO NOTHING", 0),
    ],
)
def test_statements_that_do_not(scope, statement, rows):
    """Questions, transactions and statements that change no row are no effects."""
    note_statement(statement, (), rows)
    assert texts(scope) == []


@pytest.mark.parametrize(
    ("statement", "is_repeatable"),
    [
        ("INSERT INTO stock VALUES (1)", False),
        ("INSERT INTO stock VALUES (1) ON CONFLICT (id) DO UPDATE SET pieces = 7", True),
        ("INSERT INTO stock VALUES (1) ON CONFLICT (id) DO UPDATE SET pieces = stock.pieces + 7", False),
        ("UPDATE stock SET pieces = ? WHERE id = ?", True),
        ("UPDATE stock SET pieces = pieces - ? WHERE id = ?", False),
        ("UPDATE stock\nSET at = now(),\n  [pieces] = [pieces] - 1\nWHERE id = ?", False),
        ("UPDATE stock SET state = 'paid' WHERE pieces = pieces", True),
        ("DELETE FROM stock WHERE id = 1", True),
        ("CALL charge(1)", False),
    ],
)
def test_statements_that_bear_a_repeat(scope, statement, is_repeatable):
    """A statement that sets values may be sent again; one that adds a row, or to a value, may not."""
    note_statement(statement, (), 1)
    assert scope.effects[0].is_repeatable is is_repeatable


def test_sqlite_cursors_and_connections(scope):
    """All ways to execute are noted, of classes of the app's own too; connections stay of their class."""
    databases.watch_databases()

    class Own(sqlite3.Connection):
        pass

    connection = sqlite3.connect(":memory:", factory=Own)
    assert isinstance(connection, Own)
    connection.execute("CREATE TABLE a (x)")
    connection.executemany("INSERT INTO a VALUES (?)", [(1,), (2,)])
    connection.cursor().execute("UPDATE a SET x = 3")
    connection.executescript("DELETE FROM a")
    connection.execute("DELETE FROM a")
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("INSERT INTO b VALUES (1)")
    connection.close()
    assert texts(scope) == ["INSERT a", "UPDATE a", "DELETE a"]


def test_a_driver_in_python(scope, module):
    """The methods of a driver's cursors are watched, and do what they did."""
    module("pymysql")
    cursors = module("pymysql.cursors", Cursor=type("Cursor", (Cursor,), dict(vars(Cursor))))
    assert "pymysql" in databases.watch_databases()
    cursor = cursors.Cursor()
    assert cursor.execute("INSERT INTO stock !") is cursor
    cursor.execute("INSERT INTO nothing")
    assert (texts(scope), cursor.executed) == (["INSERT stock"], ["INSERT INTO stock !", "INSERT INTO nothing"])


def test_a_driver_that_answers_by_a_status(scope, module):
    """asyncpg reports by a status how many rows there were."""

    class Connection:
        async def execute(self, statement):
            return f"INSERT 0 {statement.count('!')}"

        async def executemany(self, statement, _parameters):
            return await self.execute(statement)

    module("asyncpg", Connection=Connection)
    assert "asyncpg" in databases.watch_databases()

    async def insert():
        await Connection().execute("INSERT INTO nothing")
        return await Connection().execute("INSERT INTO stock !")

    assert asyncio.run(insert()) == "INSERT 0 1"
    assert texts(scope) == ["INSERT stock"]


def test_psycopg2_makes_connections_of_our_class(scope, module):
    """Its connections and cursors are of classes derived from those that the app asks for."""

    class OwnCursor(Cursor):
        pass

    def connect(_dsn, connection_factory=None, cursor_factory=None):
        connection = connection_factory()
        connection.cursor_factory = cursor_factory
        return connection

    extensions = SimpleNamespace(connection=Connection, cursor=Cursor)
    driver = module("psycopg2", connect=connect, extensions=extensions)
    sys.modules["psycopg2.extensions"] = extensions
    try:
        assert watch_psycopg2()
        connection = driver.connect("dsn")
        assert isinstance(connection, Connection)
        connection.cursor().execute("INSERT INTO plain !")
        own = connection.cursor(cursor_factory=OwnCursor)
        own.execute("INSERT INTO own !")
        assert isinstance(own, OwnCursor)
        default = driver.connect("dsn", cursor_factory=OwnCursor).cursor()
        default.executemany("INSERT INTO default !", [])
        assert isinstance(default, OwnCursor)
    finally:
        del sys.modules["psycopg2.extensions"]
    assert texts(scope) == ["INSERT plain", "INSERT own", "INSERT default"]


def test_pyodbc_is_passed_through(scope, module):
    """What stands before its connections and cursors notes statements, and passes on all else."""
    driver = module("pyodbc", connect=lambda _dsn: Connection())
    assert watch_pyodbc()
    with driver.connect("dsn") as connection:
        connection.autocommit = True
        assert isinstance(connection, PassingConnection)
        assert connection._behind.autocommit is True
        with connection.cursor() as cursor:
            cursor.arraysize = 7
            assert cursor.execute("INSERT INTO stock !") is cursor
            assert (list(cursor), cursor.rowcount, cursor._behind.arraysize) == (["INSERT INTO stock !"], 1, 7)
            assert cursor.connection is connection
    assert texts(scope) == ["INSERT stock"]
    assert isinstance(PassingConnection(Connection()).cursor(), PassingCursor)


def test_what_cannot_be_shown_breaks_nothing(scope):
    """Parameters without a text are the app's business: the statement is not noted, and nothing is raised."""

    class Unshown:
        def __repr__(self):
            raise RuntimeError("no text")

    note_statement("INSERT INTO stock VALUES (?)", Unshown(), 1)
    assert texts(scope) == []


def test_a_composed_statement(scope):
    """A statement that is put together by an object of the driver is noted as its text."""
    cursor, composed = Cursor(), SimpleNamespace(as_string=lambda _context: "INSERT INTO stock VALUES (1)")
    note_call(cursor, (composed,), {})
    assert texts(scope) == ["INSERT stock"]


def test_no_watcher(module):
    """Outside of a delivery nothing is noted."""
    module("pyodbc", connect=lambda _dsn: Connection())
    watch_pyodbc()
    assert SCOPE.get() is None
    note_statement("INSERT INTO stock VALUES (1)", (), 1)
