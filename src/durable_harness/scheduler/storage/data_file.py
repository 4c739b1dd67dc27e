"""The file of a store before anything is written: a regular file, claimed by one process, ours, and undamaged."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import stat
import struct
from pathlib import Path
from typing import IO

from google.protobuf.message import DecodeError

from durable_harness.errors import ConfigurationError, DamagedFileError
from durable_harness.platforms.locks import try_lock
from durable_harness.scheduler.storage.file_length import MAGIC, bytes_due, is_cut_off
from durable_harness.scheduler.storage.schema import APPLICATION_ID, FORMAT_VERSION, missing_parts
from durable_harness.wording.foreign_text import shown

DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
UNREADABLE = (
    DecodeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
)
"""What the reading of a row raises whose bits have flipped, which SQLite does not see."""
PASSING_CODES = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""What may pass while the process lives: a full disk, a quota, a lock, a disk that was mounted read-only."""
PAGE_BYTES = 4096
"""SQLite's default for new databases."""
FORMATS = {1, 2}
"""The write and read versions of SQLite's header: a rollback journal, a write-ahead log."""
READ_BYTES = 1 << 20
"""How much is read at a time to bring a file into the system's cache."""
UNDECODABLE = re.compile(r"Could not decode to UTF-8 column '(\w+)'")
MOST_READ_AHEAD_BYTES = 4 << 30
"""How much of a file is brought there at most: the rest of a larger one would push it out again."""
SHOWN_PROBLEMS = 3
KINDS_OF_PLACE = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFDIR: "a directory",
}


def is_damage(error: BaseException) -> bool:
    """Whether an error means that the file is damaged, rather than full, locked or out of reach."""
    if not isinstance(error, sqlite3.Error):
        return True  # a row that is there and has no meaning
    if undecodable_column(error) is not None:
        return True
    return _primary_code(error) in DAMAGE_CODES or is_bad_format(error)


def is_bad_format(error: BaseException) -> bool:
    """Whether SQLite does not know the format that the header of a file names: it gives no code of its own for that."""
    return _primary_code(error) == sqlite3.SQLITE_ERROR and "file format" in str(error)


def undecodable_column(error: BaseException) -> str | None:
    """Return the column with a value that is no text, None for other errors.

    The sqlite3 module raises it itself, without a code, and quotes the value: its message is not for showing.
    """
    found = UNDECODABLE.match(str(error)) if isinstance(error, sqlite3.OperationalError) else None
    return found and found[1]


def problem_of(error: BaseException, place: str = "") -> str:
    """Return the text of an error without the user's data."""
    column = undecodable_column(error)
    if column is None:
        return str(error)
    return f"a value cannot be read: it is not text (column '{column}'{place})"


def may_pass(error: BaseException) -> bool:
    """Whether a write that failed may succeed later."""
    return _primary_code(error) in PASSING_CODES


def _primary_code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # extended codes have more in their upper bytes


def unusable(path: Path | None, problem: str) -> ConfigurationError:
    return ConfigurationError("--data", str(path), f"the file cannot be used: {problem}.", "Name another file.")


def damaged(path: Path | None, problem: str) -> DamagedFileError:
    return DamagedFileError(
        f"--data {path}: the file is damaged: {shown(problem)}.\n"
        f"  To save what can still be read: durable-harness recover {path} NEW_FILE\n"
        "  To begin without it: name another file with --data."
    )


def lost(path: Path) -> DamagedFileError:
    return DamagedFileError(
        f"--data {path}: the file was removed or replaced while the scheduler worked on it.\n"
        "  What was answered until then was written to the file that was there: put it back, or begin with another one."
    )


def claim(path: Path) -> IO[bytes]:
    """Claim a file for this process until it is closed: two schedulers would hand out the same work."""
    check_place(path)
    try:
        file = path.open("ab")
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error
    if not try_lock(file):
        file.close()
        raise unusable(path, "another scheduler works on it")
    return file


def check_place(path: Path) -> None:
    """Refuse what is not a regular file, before it is opened: the opening of a FIFO waits for its other end."""
    if not path.parent.is_dir():
        raise unusable(path, f"there is no directory {path.parent}")
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from error
    if kind != stat.S_IFREG:
        raise unusable(path, f"it is {KINDS_OF_PLACE.get(kind, 'something else')}, not a regular file")


def checked_version(path: Path) -> int:
    """Return the version of a file's format; refuse one that is not ours, of a newer version or damaged, unchanged."""
    _read_ahead(path)
    if has_our_header(path) and is_cut_off(path):
        raise damaged(path, f"its end is missing: it has {path.stat().st_size} bytes of {bytes_due(path)}")
    if has_our_header(path) and not _is_writable_format(path):
        raise damaged(path, "its header names a format that SQLite does not write")
    with contextlib.closing(read_only(path)) as database:
        version = our_version(database, path)
        _check_whole(database, path, version)
        return version


def _read_ahead(path: Path) -> None:
    """Read a file into the cache of the system in one go: the check reads page by page, which is many times slower."""
    buffer = bytearray(READ_BYTES)
    with path.open("rb", buffering=0) as file:
        for _ in range(MOST_READ_AHEAD_BYTES // READ_BYTES):
            if not file.readinto(buffer):
                return


def read_only(path: Path) -> sqlite3.Connection:
    """Open a file so that not even closing it writes to it, as a connection that may write does to its log."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def marks_of(database: sqlite3.Connection) -> tuple[int, int]:
    """Return the number of the application that a file is of, and the version of its format; 0 if it has none."""
    application, version = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    return application, version


def our_version(database: sqlite3.Connection, path: Path) -> int:
    """Return the version of a file's format; refuse one of another application or of a newer version, unchanged."""
    try:
        application, version = marks_of(database)
    except sqlite3.DatabaseError as error:
        if is_damage(error) and not _may_be_ours(path):
            raise unusable(path, f"{error}; nothing was changed in it") from error
        raise
    if application != APPLICATION_ID:
        raise unusable(path, "it is not a file of durable-harness; nothing was changed in it")
    if not 1 <= version <= FORMAT_VERSION:
        raise unusable(
            path,
            f"its format is version {version} and this program knows versions up to {FORMAT_VERSION}; nothing was"
            " changed",
        )
    return int(version)


def has_our_header(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(72)
    return header.startswith(MAGIC) and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _is_writable_format(path: Path) -> bool:
    """Whether SQLite would write to a file: one with an unknown version it reads, and refuses each change later."""
    with path.open("rb") as file:
        return set(file.read(20)[18:]) <= FORMATS


def _may_be_ours(path: Path) -> bool:
    """Whether a file that SQLite cannot read may have been a database of ours: any other file is not called damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(72)
    has_our_id = header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    return header.startswith(MAGIC) or has_our_id or (size >= 2 * PAGE_BYTES and size % PAGE_BYTES == 0)


def _check_whole(database: sqlite3.Connection, path: Path, version: int) -> None:
    """Read the whole file once, and refuse one whose structure is damaged or that lacks a table."""
    problem = structure_problem(database)
    if problem is not None:
        raise damaged(path, problem)
    missing = missing_parts(database, version)
    if missing:
        raise damaged(path, f"it has {', '.join(missing)}")


def structure_problem(database: sqlite3.Connection) -> str | None:
    """Return what SQLite's check of a file's structure finds first, None if it finds nothing."""
    try:
        found = [str(text) for (text,) in database.execute(f"PRAGMA quick_check({SHOWN_PROBLEMS})")]
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    if found == ["ok"]:
        return None
    return "; ".join(line for text in found for line in text.splitlines() if "***" not in line)
