"""What can be read of a damaged file, saved into a new one: instance by instance, with a list of what was left out."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.errors import DamagedFileError, UsageError
from durable_harness.protocol import TERMINAL_STATUSES, pb
from durable_harness.scheduler.entity_records import read_entity, read_lock_request, read_operation
from durable_harness.scheduler.instances.registry import from_row
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.storage.column_types import Row
from durable_harness.scheduler.storage.data_file import (
    UNREADABLE,
    claim,
    has_our_header,
    is_damage,
    our_version,
    read_only,
    structure_problem,
)
from durable_harness.scheduler.storage.file_length import bytes_due, is_cut_off, is_too_long, log_of, recount_pages
from durable_harness.scheduler.storage.journal import Rows
from durable_harness.scheduler.storage.scanning import LARGEST_KEY, Gap, Scan
from durable_harness.scheduler.storage.store import Store
from durable_harness.wording.foreign_text import shown

COLUMNS = sql.INSTANCE_COLUMNS.split(", ")
BATCH_INSTANCES = 500
"""How many instances are written in one transaction: their rows are in memory until then."""
ADDED_IN_FORMAT_2 = {"begun_ns": "0", "modelled": "0", "parent_key": "0", "children": "0", "costs": "NULL"}
IT_CANNOT_BE_READ = "it cannot be read"
NO_HISTORY = "its history cannot be read, and without it an instance in progress cannot continue"


@dataclass
class Salvaged:
    """What was saved, in numbers, and what was not: one line for each thing, as far as its name is known."""

    instances: int = 0
    under_way: int = 0
    entities: int = 0
    operations: int = 0
    lock_requests: int = 0
    left_out: list[str] = field(default_factory=list)
    problem: str | None = None
    """What the check of the structure finds. Then there may have been more than can be named."""


def recover(damaged_path: Path, new_path: Path) -> Salvaged:
    """Copy what can be read of one file into another that is not there yet. The damaged one is not changed."""
    if not damaged_path.exists():
        raise UsageError(f"{damaged_path}: there is no such file. Name the damaged file, then a new one.")
    if new_path.exists():
        raise UsageError(f"{new_path}: it is there already. Name a new file to save into.")
    with claim(damaged_path), _readable(damaged_path, new_path) as (path, missing):
        with contextlib.closing(read_only(path)) as source:
            version = _version(source, damaged_path)
            target = Store(new_path)
            try:
                found = _Salvage(source, target, version).run()
            except sqlite3.Error as error:
                raise _unwritable(new_path, str(error)) from error
            finally:
                target.close()
        found.left_out[:0] = missing
        return found


@contextlib.contextmanager
def _readable(path: Path, new_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a file to read, and what it lacks: SQLite reads as much as the header counts, so a copy gets it right."""
    lacks_end = has_our_header(path) and is_cut_off(path)
    if not (lacks_end or (has_our_header(path) and is_too_long(path))):
        yield path, []
        return
    there, due = path.stat().st_size, bytes_due(path)
    missing = [f"whatever else was in the end of the file: it has {there} bytes of {due}"] if lacks_end else []
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"{new_path.name}.", dir=new_path.parent)
    except OSError as error:
        raise _unwritable(new_path, error.strerror or str(error)) from error
    with folder:
        copy = Path(folder.name) / "copy.db"
        try:
            shutil.copyfile(path, copy)
            if log_of(path).exists():
                shutil.copyfile(log_of(path), log_of(copy))
            recount_pages(copy)
        except OSError as error:
            raise _unwritable(new_path, error.strerror or str(error)) from error
        yield copy, missing


def _version(source: sqlite3.Connection, path: Path) -> int:
    try:
        version = our_version(source, path)
        source.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise UsageError(f"{path}: cannot be read: {error}. Nothing was saved.") from error
        raise DamagedFileError(
            f"{path}: nothing can be saved: the beginning of the file, which says what is where, is damaged"
            f" ({shown(str(error))})."
        ) from error
    return version


def _unwritable(new_path: Path, problem: str) -> UsageError:
    return UsageError(f"{new_path}: cannot be written: {problem}. Make room, or name another place.")


class _Salvage:
    """One run from a connection to a damaged file into a new store."""

    def __init__(self, source: sqlite3.Connection, target: Store, version: int) -> None:
        self._source, self._target = source, target
        source.text_factory = _text
        absent = ADDED_IN_FORMAT_2 if version == 1 else {}
        self._columns = ", ".join(absent.get(name, name) for name in COLUMNS)
        self._result = Salvaged()
        self._reasons: dict[int, str] = {}
        """Why the instances with these keys were left out, where that is known."""
        self._taken: set[tuple[str, str]] = set()

    def run(self) -> Salvaged:
        self._result.problem = self._problem()
        self._save_instances()
        self._save_entities()
        columns = "number, hub, entity, due_ns, event"
        self._result.operations = self._save_numbered("operations", columns, sql.PUT_OPERATION, read_operation)
        columns = "number, hub, request"
        self._result.lock_requests = self._save_numbered(
            "lock_requests", columns, sql.PUT_LOCK_REQUEST, read_lock_request
        )
        return self._result

    def _problem(self) -> str | None:
        try:
            return structure_problem(self._source)
        except sqlite3.Error as error:
            return str(error)

    def _write(self, batch: Rows) -> None:
        for refused in self._target.write(batch):
            self._result.left_out.append(f"a row that cannot be written: {refused.statement[:40]}: {refused.error}")

    # -- instances ----------------------------------------------------------------------------------------------------

    def _save_instances(self) -> None:
        index = _Keyed(self._source, "key, hub, id", "instances INDEXED BY instance_ids", slice(1, 3))
        known = {row[0]: _name(row[1], row[2]) for row in index.rows() if isinstance(row[0], int)}
        highest = max((key for key in known if key <= LARGEST_KEY), default=0)
        scan = Scan(self._source, "instances", "key", self._columns, highest)
        saved: set[int] = set()
        batch: Rows = defaultdict(list)
        for row in scan.rows():
            name = _name(row[1], row[2])
            if self._save_instance(row, batch):
                saved.add(row[0])
                if known.setdefault(row[0], name) != name:
                    self._result.left_out.append(f"{known[row[0]]}: only its name, it is saved as {name}")
            known.setdefault(row[0], name)
            if len(batch[sql.INSERT_INSTANCE]) >= BATCH_INSTANCES:
                self._write(batch)
                batch.clear()
        self._write(batch)
        self._result.instances = len(saved)
        for key, name in sorted(known.items()):
            if key not in saved:
                self._result.left_out.append(f"{name}: {self._reasons.get(key, IT_CANNOT_BE_READ)}")
        if not index.is_whole:
            self._note_gaps("instances, by the order in which they were started", scan.gaps)

    def _save_instance(self, row: Row, batch: Rows) -> bool:
        """Add the rows of an instance to a batch; one under way is nothing without its history."""
        try:
            ended = from_row(row).status in TERMINAL_STATUSES
        except UNREADABLE:
            return False
        if not 0 < row[0] <= LARGEST_KEY:
            return False
        turns, inbox = self._parts("turns", row[0]), self._parts("inbox", row[0])
        if not ended and (turns is None or inbox is None or not (turns or inbox)):
            self._reasons[row[0]] = NO_HISTORY
            return False
        if (row[1], row[2]) in self._taken:
            self._reasons[row[0]] = "another one of this name was saved"
            return False
        self._taken.add((row[1], row[2]))
        if turns is None:
            self._result.left_out.append(f"{_name(row[1], row[2])}: only its history, the rest is saved")
        self._result.under_way += not ended
        batch[sql.INSERT_INSTANCE].append(row)
        batch[sql.INSERT_TURN] += [(row[0], *part) for part in turns or ()]
        batch[sql.INSERT_EVENT] += [(row[0], *part) for part in inbox or ()]
        return True

    def _parts(self, table: str, key: int) -> list[tuple[int, bytes]] | None:
        """Return the numbered blobs of an instance, None if one is missing or cannot be read."""
        column, message = ("events", pb.HistoryChunk) if table == "turns" else ("event", pb.HistoryEvent)
        try:
            query = f"SELECT number, {column} FROM {table} WHERE instance = ? ORDER BY number"
            parts = self._source.execute(query, (key,)).fetchall()
            for _, blob in parts:
                message.FromString(blob)
        except (sqlite3.Error, *UNREADABLE):
            return None
        first = 1 if table == "turns" else next((number for number, _ in parts), 0)
        numbers = [number for number, _ in parts]
        is_whole = isinstance(first, int) and numbers == list(range(first, first + len(parts)))
        return parts if is_whole else None

    # -- entities -----------------------------------------------------------------------------------------------------

    def _save_entities(self) -> None:
        entities = _Keyed(self._source, "hub, id, modified_ns, state, lock", "entities", slice(0, 2))
        rows = [readable for row in entities.rows() if (readable := self._readable_entity(row))]
        self._write({sql.PUT_ENTITY: rows})
        self._result.entities = len(rows)
        if not entities.is_whole:
            self._result.left_out.append(f"entities, of an unknown number{entities.between}: they cannot be read")

    def _readable_entity(self, row: Row) -> Row | None:
        name = f"entity '{_shown(row[1])}' of task hub '{_shown(row[0])}'"
        without_lock = (*row[:4], None)
        for readable in (row, without_lock):
            with contextlib.suppress(*UNREADABLE):
                read_entity(readable)
                if readable is without_lock:
                    self._result.left_out.append(f"{name}: only who has it locked, the rest is saved")
                return readable
        self._result.left_out.append(f"{name}: {IT_CANNOT_BE_READ}")
        return None

    def _save_numbered(self, table: str, columns: str, statement: str, read: Callable[[Row], object]) -> int:
        scan = Scan(self._source, table, "number", columns)
        kind = table.replace("_", " ")
        rows = []
        for row in scan.rows():
            try:
                read(row)
            except UNREADABLE:
                entity = f" of entity '{_shown(row[2])}'" if table == "operations" else ""
                self._result.left_out.append(f"number {row[0]} of the {kind}{entity}: {IT_CANNOT_BE_READ}")
            else:
                rows.append(row)
        self._write({statement: rows})
        self._note_gaps(kind, scan.gaps)
        return len(rows)

    def _note_gaps(self, kind: str, gaps: list[Gap]) -> None:
        for gap in gaps:
            self._result.left_out.append(f"{kind}, {gap}, as far as there were any: they cannot be read")


class _Keyed:
    """One reading of a table, or of an index, whose key is a name: from both ends, up to the first damaged page."""

    def __init__(self, source: sqlite3.Connection, columns: str, table: str, name: slice[int, int, int | None]) -> None:
        self._source, self._name = source, name
        self._query = f"SELECT {columns} FROM {table} ORDER BY hub {{0}}, id {{0}}"
        self._ends: list[Row] = []
        self.is_whole = False

    @property
    def between(self) -> str:
        """Return between which names rows are missing."""
        places = [
            f"{word} '{_shown(end[1])}' of task hub '{_shown(end[0])}'"
            for word, end in zip((" after", " before"), self._ends, strict=False)
            if end
        ]
        return " and".join(places)

    def rows(self) -> Iterator[Row]:
        seen: set[Row] = set()
        for order in ("ASC", "DESC"):
            self.is_whole = yield from self._read(order, seen)
            if self.is_whole:
                return

    def _read(self, order: str, seen: set[Row]) -> Generator[Row, None, bool]:
        last: Row = ()
        try:
            for row in self._source.execute(self._query.format(order)):
                last = row[self._name]
                if last not in seen:
                    seen.add(last)
                    yield row
        except sqlite3.Error:
            self._ends.append(last)
            return False
        return True


def _text(raw: bytes) -> str | bytes:
    """Return a text, or the bytes of what is none: a column of texts that has bytes is a row that cannot be read."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _shown(name: object) -> str:
    return shown(name.decode(errors="replace") if isinstance(name, bytes) else str(name))


def _name(hub: object, instance_id: object) -> str:
    return f"instance '{_shown(instance_id)}' of task hub '{_shown(hub)}'"
