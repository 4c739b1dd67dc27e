"""A store whose making was interrupted: the file that is left can be used, and no foreign file is taken for one."""

import contextlib
import shutil
import sqlite3

import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.scheduler.storage.store import INSERT_TURN, Store

SPILLED_BYTES = 4_000_000
"""More than SQLite keeps in memory: it then writes a change to the file before its commit."""


def connect(path):
    return contextlib.closing(sqlite3.connect(path, isolation_level=None))


def copy_with_log(path, new_path):
    """Copy a database as a killed process leaves it: with the files beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        if path.with_name(path.name + ending).exists():
            shutil.copy(path.with_name(path.name + ending), new_path.with_name(new_path.name + ending))


def empty(_making, path):
    path.touch()


def before_the_tables(making, path):
    """Leave what is there after the first page, before the tables."""
    with connect(making) as database:
        database.execute("PRAGMA journal_mode = WAL")
        copy_with_log(making, path)


def amid_the_first_page(making, path):
    """Leave what is there while the very first change has a rollback journal."""
    with connect(making) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("CREATE TABLE turns (events BLOB)")
        database.execute("INSERT INTO turns VALUES (zeroblob(?))", (SPILLED_BYTES,))
        copy_with_log(making, path)
    assert path.stat().st_size > 0
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0


@pytest.mark.parametrize("leave", [empty, before_the_tables, amid_the_first_page])
def test_a_file_whose_making_was_interrupted_becomes_a_store(tmp_path, leave):
    """A process that is killed while it makes its file leaves one that the next process can use."""
    path = tmp_path / "hub.db"
    leave(tmp_path / "making.db", path)
    store = Store(path)
    store.write({INSERT_TURN: [(1, 1, b"turn")]})
    store.close()
    store = Store(path)
    assert store.row("SELECT count(*) FROM turns") == (1,)
    store.close()


def with_a_table(path):
    with connect(path) as database:
        database.execute("CREATE TABLE theirs (id)")


def with_a_number_of_an_application(path):
    with connect(path) as database:
        database.execute("PRAGMA application_id = 7")


def with_a_version(path):
    with connect(path) as database:
        database.execute("PRAGMA user_version = 7")


def with_a_change_that_was_interrupted(path):
    """Leave a database in which another program has stored something, and a later change half done."""
    making = path.with_name("making.db")
    with connect(making) as database:
        database.execute("CREATE TABLE theirs (content BLOB)")
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("INSERT INTO theirs VALUES (zeroblob(?))", (SPILLED_BYTES,))
        copy_with_log(making, path)


@pytest.mark.parametrize(
    "make", [with_a_table, with_a_number_of_an_application, with_a_version, with_a_change_that_was_interrupted]
)
def test_a_foreign_database_is_refused_unchanged(tmp_path, make):
    """A database with a mark of another program of any kind is not begun again."""
    path = tmp_path / "theirs.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="the file cannot be used"):
        Store(path)
    assert path.read_bytes() == before


def test_a_journal_beside_a_store_does_not_make_it_new(tmp_path):
    """A store with rows stays as it is, whatever lies beside it under the name of its rollback journal."""
    path = tmp_path / "hub.db"
    store = Store(path)
    store.write({INSERT_TURN: [(1, 1, b"turn")]})
    store.close()
    before = path.read_bytes()
    amid_the_first_page(tmp_path / "making.db", tmp_path / "other.db")
    shutil.copy(tmp_path / "other.db-journal", tmp_path / "hub.db-journal")
    with contextlib.suppress(ConfigurationError):
        Store(path).close()
    assert path.read_bytes() == before
