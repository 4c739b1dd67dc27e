"""Whether a file holds nothing yet: it is empty, or the process that made it was killed before its first commit."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from durable_harness.scheduler.storage.data_file import has_our_header, marks_of, read_only

JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""The beginning of a rollback journal, by https://www.sqlite.org/fileformat.html#the_rollback_journal."""
PAGES_BEFORE = slice(16, 20)
"""Where a rollback journal has the number of pages of the database before the change that it can undo."""


def holds_nothing(path: Path) -> bool:
    """Whether a file can become a new store, because nothing was stored in it.

    SQLite makes a database in two steps: it writes the first page (by a rollback journal), then the tables (by a
    write-ahead log). A process that is killed between them leaves a database without a table.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    return not has_our_header(path) and (_was_empty_before_its_journal(path) or _has_no_table(path))


def _was_empty_before_its_journal(path: Path) -> bool:
    """Whether SQLite will take back all that is in a file: the change that was interrupted was its first one."""
    try:
        with path.with_name(f"{path.name}-journal").open("rb") as journal:
            header = journal.read(PAGES_BEFORE.stop)
    except FileNotFoundError:
        return False
    return header.startswith(JOURNAL_MAGIC) and not any(header[PAGES_BEFORE])


def _has_no_table(path: Path) -> bool:
    """Whether a file is an empty database: without a table, and without the number of an application."""
    with contextlib.closing(read_only(path)) as database:
        try:
            marks = marks_of(database)
            (parts,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            return False  # the checks of an existing file report what is wrong with it
    return not any([*marks, parts])
