"""The tables of a store, how a new file gets them, and whether a file that is there has them."""

from __future__ import annotations

import contextlib
import sqlite3

from durable_harness.scheduler.storage.column_types import Row

APPLICATION_ID = 0x44484152  # "DHAR"
FORMAT_VERSION = 2
ADDED_COLUMNS = """begun_ns INTEGER NOT NULL DEFAULT 0, modelled INTEGER NOT NULL DEFAULT 0,
    parent_key INTEGER NOT NULL DEFAULT 0, children INTEGER NOT NULL DEFAULT 0, costs BLOB"""
ADDED_NAMES = frozenset({"begun_ns", "modelled", "parent_key", "children", "costs"})
"""What format 2 added to the instances of format 1. There, nothing had been counted: `costs` is NULL."""
ADDED_INDEX = "CREATE INDEX instances_children ON instances (parent_key) WHERE parent_key > 0;"
SCHEMA = f"""
CREATE TABLE instances (
    key INTEGER PRIMARY KEY, hub TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, version TEXT, input TEXT,
    created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, completed_ns INTEGER NOT NULL,
    scheduled_ns INTEGER NOT NULL, execution_id TEXT NOT NULL, status INTEGER NOT NULL, output TEXT,
    custom_status TEXT, failure BLOB, parent BLOB, tags TEXT, trace BLOB, replay_due INTEGER NOT NULL,
    {ADDED_COLUMNS}
);
CREATE UNIQUE INDEX instance_ids ON instances (hub, id);
CREATE INDEX instances_created ON instances (hub, created_ns, id);
CREATE INDEX instances_completed ON instances (hub, completed_ns, id) WHERE completed_ns > 0;
CREATE INDEX instances_living ON instances (hub, key) WHERE completed_ns = 0;
{ADDED_INDEX}
CREATE TABLE turns (instance INTEGER, number INTEGER, events BLOB, PRIMARY KEY (instance, number)) WITHOUT ROWID;
CREATE TABLE inbox (instance INTEGER, number INTEGER, event BLOB, PRIMARY KEY (instance, number)) WITHOUT ROWID;
CREATE TABLE entities (
    hub TEXT, id TEXT, modified_ns INTEGER NOT NULL, state TEXT, lock TEXT, PRIMARY KEY (hub, id)
) WITHOUT ROWID;
CREATE TABLE operations (number INTEGER PRIMARY KEY, hub TEXT, entity TEXT, due_ns INTEGER NOT NULL, event BLOB);
CREATE TABLE lock_requests (number INTEGER PRIMARY KEY, hub TEXT, request TEXT NOT NULL);
"""
REPEATS = """CREATE TABLE IF NOT EXISTS repeats (
    instance INTEGER, execution TEXT, task INTEGER, count INTEGER NOT NULL, PRIMARY KEY (instance, execution, task)
) WITHOUT ROWID;"""
"""Made in files of before too, and no new format: versions that do not know it read and write the rest as they did."""

Shape = tuple[Row, ...]
"""The columns of a table or an index."""


def create(database: sqlite3.Connection) -> None:
    """Make the tables of the present format."""
    database.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT_VERSION};"
        f" {SCHEMA} {REPEATS} COMMIT;"
    )


def missing_parts(database: sqlite3.Connection, version: int) -> list[str]:
    """Return what a file's description of its tables and indexes lacks, or has otherwise than we made it."""
    expected, there = _parts(version), _shape(database)
    return [
        f"no {name}" if name not in there else f"no proper {name}"
        for name in expected
        if there.get(name) != expected[name]
    ]


def _parts(version: int) -> dict[str, Shape]:
    """Return the tables and indexes that a file of a version has."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        create(database)
        parts = _shape(database)
    del parts["table repeats"]  # added if it is missing
    if version < FORMAT_VERSION:
        columns = parts["table instances"]
        parts["table instances"] = tuple(column for column in columns if column[0] not in ADDED_NAMES)
        del parts["index instances_children"]
    return parts


def _shape(database: sqlite3.Connection) -> dict[str, Shape]:
    """Return the columns of each table and index, as SQLite understands their descriptions."""
    query = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite_%'"
    return {f"{kind} {name}": _columns(database, kind, name) for kind, name in database.execute(query).fetchall()}


def _columns(database: sqlite3.Connection, kind: str, name: str) -> Shape:
    if kind == "index":
        query = "SELECT name, [desc], coll, key FROM pragma_index_xinfo(?)"
    else:
        query = "SELECT name, type, [notnull], pk FROM pragma_table_xinfo(?)"
    return tuple(database.execute(query, (name,)).fetchall())


def migrate(database: sqlite3.Connection) -> None:
    """Bring a file of format 1 to the present format, in one transaction."""
    added = "".join(f"ALTER TABLE instances ADD COLUMN {column};" for column in ADDED_COLUMNS.split(","))
    database.executescript(f"BEGIN IMMEDIATE; {added} {ADDED_INDEX} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;")


def drop_passing(database: sqlite3.Connection) -> None:
    """Drop the indexes of lists that a process left which was killed: operations would pay for them."""
    query = "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'"
    for (name,) in database.execute(query).fetchall():
        if name.startswith("instances_by_") or name in {"instances_counted", "instances_listed"}:
            database.execute(f"DROP INDEX {name}")
