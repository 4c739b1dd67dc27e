"""The store of a scheduler: one SQLite database, in memory or in a file, and the rows in it.

A file is written by one thread in one transaction per batch, with a write-ahead log, and read over a second connection.
Without a file the same tables live in memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

from durable_harness.errors import HarnessError
from durable_harness.scheduler.storage.column_types import Row
from durable_harness.scheduler.storage.data_file import (
    UNREADABLE,
    checked_version,
    claim,
    damaged,
    is_damage,
    lost,
    problem_of,
    unusable,
)
from durable_harness.scheduler.storage.in_hand import InHand
from durable_harness.scheduler.storage.schema import FORMAT_VERSION, REPEATS, create, drop_passing, migrate
from durable_harness.scheduler.storage.unfinished_file import holds_nothing

CACHE_KB = 32 * 1024
"""SQLite's default is 2 MB, which the indexes of 100,000 instances exceed."""
CHECKPOINT_PAGES = 4000
"""How long the write-ahead log grows before its pages are copied, with a sync: four times SQLite's default."""
INSTANCE_COLUMNS = (
    "key, hub, id, name, version, input, created_ns, updated_ns, completed_ns, scheduled_ns, execution_id, status,"
    " output, custom_status, failure, parent, tags, trace, begun_ns, modelled, parent_key, children, costs,"
    " replay_due"
)
DELETE_INSTANCE = "DELETE FROM instances WHERE key = ?"
DELETE_TURNS = "DELETE FROM turns WHERE instance = ?"
DELETE_INBOX = "DELETE FROM inbox WHERE instance = ?"
INSERT_INSTANCE = f"INSERT INTO instances ({INSTANCE_COLUMNS}) VALUES ({', '.join('?' * 24)})"
UPDATE_INSTANCE = (
    "UPDATE instances SET updated_ns = ?, completed_ns = ?, execution_id = ?, status = ?, output = ?,"
    " custom_status = ?, failure = ?, parent = ?, begun_ns = ?, modelled = ?, children = ?, costs = ?, replay_due = ?"
    " WHERE key = ?"
)
UPDATE_BEGINNING = "UPDATE instances SET version = ?, input = ? WHERE key = ?"
INSERT_TURN = "INSERT INTO turns VALUES (?, ?, ?)"
INSERT_EVENT = "INSERT INTO inbox VALUES (?, ?, ?)"
DELETE_EVENTS = "DELETE FROM inbox WHERE instance = ? AND number < ?"
PUT_ENTITY = "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?)"
DELETE_ENTITY = "DELETE FROM entities WHERE hub = ? AND id = ?"
PUT_OPERATION = "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?)"
DELETE_OPERATION = "DELETE FROM operations WHERE number = ?"
PUT_LOCK_REQUEST = "INSERT OR REPLACE INTO lock_requests VALUES (?, ?, ?)"
DELETE_LOCK_REQUEST = "DELETE FROM lock_requests WHERE number = ?"
PUT_REPEATS = "INSERT OR REPLACE INTO repeats VALUES (?, ?, ?, ?)"
DELETE_REPEATS = "DELETE FROM repeats WHERE instance = ?"
# The order in which the statements of one batch are carried out: what goes makes room for what comes.
ORDER = (
    DELETE_INSTANCE,
    DELETE_TURNS,
    DELETE_INBOX,
    INSERT_INSTANCE,
    UPDATE_INSTANCE,
    UPDATE_BEGINNING,
    INSERT_TURN,
    INSERT_EVENT,
    DELETE_EVENTS,
    DELETE_ENTITY,
    PUT_ENTITY,
    PUT_OPERATION,
    DELETE_OPERATION,
    PUT_LOCK_REQUEST,
    DELETE_LOCK_REQUEST,
    DELETE_REPEATS,
    PUT_REPEATS,
)

INSTANCE_KEY_AT = {INSERT_INSTANCE: 0, UPDATE_INSTANCE: -1, UPDATE_BEGINNING: -1, INSERT_TURN: 0, INSERT_EVENT: 0}
"""Where the rows of instances have the key of their instance."""
ROW_ERRORS = (sqlite3.DataError, OverflowError, UnicodeEncodeError)
"""What SQLite raises for values that no row can have: too large a text or blob or number, half of a character."""


class RefusedRow(NamedTuple):
    """A row that the store did not take."""

    statement: str
    row: Row
    error: Exception

    @property
    def instance_key(self) -> int | None:
        position = INSTANCE_KEY_AT.get(self.statement)
        return None if position is None else int(self.row[position])


Batch = Mapping[str, Sequence[Row]]
Durability = Literal["full", "normal"]
"""What a commit survives: `normal` the death of the process, `full` (one sync of the disk for each) a power cut too."""


class Store:
    """A database of instances and entities. `path` None keeps it in memory."""

    def __init__(self, path: Path | None = None, durability: Durability = "normal") -> None:
        self.path = path
        self._durability = durability
        self.on_damage: Callable[[HarnessError], Exception] = lambda error: error
        """Called when a read finds the file damaged; returns what to raise."""
        self._lock: IO[bytes] | None = None if path is None else claim(path)
        self.was_left_open = path is not None and _has_log(path)
        """Whether the process that had the file before ended without closing it: SQLite then leaves its log."""
        with contextlib.ExitStack() as opened:
            opened.callback(self._unlock)
            try:
                self._writer = self._open(opened)
                self._reader = self._writer if path is None else _connect(str(path))
            except sqlite3.Error as error:
                raise self.refusal(error) from error
            self.in_hand = None if path is None else InHand(path)
            """What survives of what workers have; in memory nothing does."""
            opened.pop_all()  # nothing failed: it all stays open

    def refusal(self, error: BaseException, place: str = "") -> HarnessError:
        """Return the error that a person sees if this file cannot be read or written; `place` is where in it."""
        return damaged(self.path, problem_of(error, place)) if is_damage(error) else unusable(self.path, str(error))

    def _open(self, opened: contextlib.ExitStack) -> sqlite3.Connection:
        if self.path is None:
            database = opened.enter_context(contextlib.closing(_connect(":memory:")))
            create(database)
            return database
        is_new = holds_nothing(self.path)
        version = FORMAT_VERSION if is_new else checked_version(self.path)
        database = opened.enter_context(contextlib.closing(_connect(str(self.path))))
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {self._durability}")
        database.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if is_new:
            create(database)
        elif version < FORMAT_VERSION:
            migrate(database)
        else:
            database.execute("BEGIN IMMEDIATE")  # a file that cannot be written shows it now
            database.execute("ROLLBACK")
            drop_passing(database)
        database.execute(REPEATS)
        return database

    def write(self, *batches: Batch) -> list[RefusedRow]:
        """Carry out batches, one after the other, in one transaction; nothing of them remains if it fails.

        A row that cannot be stored does not keep the others out: it is left out, and returned.
        """
        if self._lock is not None and self.path is not None:
            self._check_place(self._lock, self.path)
        try:
            self._transact(batches, self._carry_out)
        except ROW_ERRORS:
            refused: list[RefusedRow] = []
            self._transact(batches, functools.partial(self._carry_out_singly, refused))
            return refused
        return []

    def change_index(self, statement: str) -> None:
        """Carry out a statement that makes an index or drops one, on the thread that writes."""
        self._writer.execute(statement)

    def _transact(self, batches: Sequence[Batch], carry_out: Callable[[Batch], None]) -> None:
        self._writer.execute("BEGIN")
        try:
            for batch in batches:
                carry_out(batch)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def _check_place(self, lock: IO[bytes], path: Path) -> None:
        """Refuse to write to a file that was removed or replaced: what is written now would be lost."""
        try:
            there = path.stat()
        except OSError:
            there = None
        if there is None or not os.path.samestat(os.fstat(lock.fileno()), there):
            raise lost(path)

    def _carry_out(self, batch: Batch) -> None:
        for statement in ORDER:
            rows = batch.get(statement)
            if rows:
                self._writer.executemany(statement, rows)

    def _carry_out_singly(self, refused: list[RefusedRow], batch: Batch) -> None:
        for statement in ORDER:
            for row in batch.get(statement, ()):
                try:
                    self._writer.execute(statement, row)
                except ROW_ERRORS as error:
                    refused.append(RefusedRow(statement, row, error))

    def rows(self, query: str, parameters: Sequence[object] = ()) -> Generator[Row, None, None]:
        """Read committed rows."""
        try:
            yield from self._reader.execute(query, parameters)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise self.on_damage(self.refusal(error, _place(query, parameters))) from error
            raise

    @contextlib.contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Take a row that has no meaning for damage, and name it."""
        try:
            yield
        except UNREADABLE as error:
            raise self.on_damage(damaged(self.path, f"{what} cannot be read ({type(error).__name__})")) from error

    def row(self, query: str, parameters: Sequence[object] = ()) -> Row | None:
        return next(self.rows(query, parameters), None)

    def turns(self, key: int) -> Iterable[bytes]:
        """Return the history of an instance, one chunk of events per turn."""
        return [blob for (blob,) in self.rows("SELECT events FROM turns WHERE instance = ? ORDER BY number", (key,))]

    def highest_turn(self, key: int) -> int:
        return int(self.row("SELECT IFNULL(MAX(number), 0) FROM turns WHERE instance = ?", (key,))[0])  # type: ignore[index]

    def inbox(self, key: int) -> list[tuple[int, bytes]]:
        return list(self.rows("SELECT number, event FROM inbox WHERE instance = ? ORDER BY number", (key,)))

    def highest(self, table: str, column: str) -> int:
        found = self.row(f"SELECT MAX({column}) FROM {table}")
        with self.reading(f"the numbers of {table}"):
            return int((found and found[0]) or 0)

    def highest_instance(self) -> int:
        """Return the highest key that an instance has, or had whose children are still there."""
        parent = self.row("SELECT IFNULL(MAX(parent_key), 0) FROM instances WHERE parent_key > 0")
        return max(self.highest("instances", "key"), int(parent[0]) if parent else 0)

    def close(self) -> None:
        if self._reader is not self._writer:
            self._reader.close()
        self._writer.close()
        if self.in_hand is not None:
            self.in_hand.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _place(query: str, parameters: Sequence[object]) -> str:
    """Return what a query reads: its table, and the instance if it asks for one."""
    table = re.search(r"FROM (\w+)", query)
    place = f" of the table {table[1]}" if table else ""
    return f"{place}, instance '{parameters[1]}'" if "FROM instances WHERE hub = ? AND id = ?" in query else place


def _connect(where: str) -> sqlite3.Connection:
    return sqlite3.connect(where, isolation_level=None, check_same_thread=False, cached_statements=256)
