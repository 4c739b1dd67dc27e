"""What can be read of a damaged file, saved into a new one: instance by instance, with a list of what was left out.

Rows are read by ranges of their keys. A range that holds a damaged page is divided until the rows around the page are
saved, so that a page costs only the rows on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from durable_harness.errors import DamagedFileError, UsageError
from durable_harness.foreign_text import shown
from durable_harness.protocol import is_terminal, pb
from durable_harness.scheduler.registry import from_row
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.storage.data_file import (
    claim,
    has_our_header,
    is_damage,
    our_version,
    read_only,
)
from durable_harness.scheduler.storage.file_length import bytes_due, is_cut_off, log_of
from durable_harness.scheduler.storage.store import Store

COLUMNS = sql.INSTANCE_COLUMNS.split(", ")
ROWS_AT_ONCE = 1000
BATCH_INSTANCES = 500
LARGEST_KEY = 10**9
"""Keys count up from 1. A larger one was read from a damaged page."""
ADDED_IN_FORMAT_2 = {"begun_ns": "0", "modelled": "0", "parent_key": "0", "children": "0", "costs": "NULL"}


@dataclass
class Salvaged:
    """What was saved, in numbers, and what was not: one line for each thing, as far as its name is known."""

    instances: int = 0
    under_way: int = 0
    entities: int = 0
    operations: int = 0
    left_out: list[str] = field(default_factory=list)


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
        found.left_out += missing
        return found


@contextlib.contextmanager
def _readable(path: Path, new_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Give a file to read, and what it lacks: SQLite reads none without its end, so a copy gets one of zeros."""
    if not (has_our_header(path) and is_cut_off(path)):
        yield path, []
        return
    there, due = path.stat().st_size, bytes_due(path)
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
            os.truncate(copy, due)
        except OSError as error:
            raise _unwritable(new_path, error.strerror or str(error)) from error
        yield copy, [f"whatever else was in the end of the file: it has {there} bytes of {due}"]


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
        absent = ADDED_IN_FORMAT_2 if version == 1 else {}
        self._columns = ", ".join(absent.get(name, name) for name in COLUMNS)
        self._result = Salvaged()

    def run(self) -> Salvaged:
        self._save_instances()
        self._save_entities()
        self._save_numbered("operations", "number, hub, entity, due_ns, event", sql.PUT_OPERATION, _check_operation)
        self._save_numbered("lock_requests", "number, hub, request", sql.PUT_LOCK_REQUEST, _check_lock_request)
        return self._result

    def _save_instances(self) -> None:
        known = self._known_instances()
        highest = max([self._highest("instances", "key"), self._highest("turns", "instance"), *known])
        saved: set[int] = set()
        batch: dict[str, list[Any]] = defaultdict(list)
        for row in self._rows("instances", "key", self._columns, 1, highest):
            if self._save_instance(row, batch):
                saved.add(row[0])
            if len(batch[sql.INSERT_INSTANCE]) >= BATCH_INSTANCES:
                self._target.write(batch)
                batch.clear()
        self._target.write(batch)
        self._result.instances = len(saved)
        for key, name in sorted(known.items()):
            if key not in saved:
                self._result.left_out.append(f"{name}: it cannot be read")

    def _save_instance(self, row: tuple[Any, ...], batch: dict[str, list[Any]]) -> bool:
        """Add the rows of an instance to a batch; one under way is nothing without its history."""
        try:
            instance = from_row(row)
            ended = is_terminal(instance.status)
        except (DecodeError, ValueError, TypeError):
            return False
        turns, inbox = self._parts("turns", row[0]), self._parts("inbox", row[0])
        if not ended and (turns is None or inbox is None or not (turns or inbox)):
            return False
        if turns is None:
            self._result.left_out.append(f"{_name(row[1], row[2])}: only its history, the rest is saved")
        self._result.under_way += not ended
        batch[sql.INSERT_INSTANCE].append(row)
        batch[sql.INSERT_TURN] += [(row[0], *part) for part in turns or ()]
        batch[sql.INSERT_EVENT] += [(row[0], *part) for part in inbox or ()]
        return True

    def _parts(self, table: str, key: int) -> list[tuple[int, bytes]] | None:
        """Return the numbered blobs of an instance, None where one is missing or cannot be read."""
        column, message = ("events", pb.HistoryChunk) if table == "turns" else ("event", pb.HistoryEvent)
        try:
            query = f"SELECT number, {column} FROM {table} WHERE instance = ? ORDER BY number"
            parts = self._source.execute(query, (key,)).fetchall()
            for _, blob in parts:
                message.FromString(blob)
        except (sqlite3.Error, DecodeError, TypeError):
            return None
        first = 1 if table == "turns" else next((number for number, _ in parts), 0)
        numbers = [number for number, _ in parts]
        return parts if numbers == list(range(first, first + len(parts))) else None

    def _known_instances(self) -> dict[int, str]:
        """Return the names of instances by their keys, from an index: it tells of rows that cannot be read."""
        query = "SELECT key, hub, id FROM instances INDEXED BY instance_ids ORDER BY hub {0}, id {0}"
        return {row[0]: _name(row[1], row[2]) for row in self._both_ways(query)}

    def _save_entities(self) -> None:
        query = "SELECT hub, id, modified_ns, state, lock FROM entities ORDER BY hub {0}, id {0}"
        failures = len(self._result.left_out)
        rows = {tuple(row[:2]): row for row in self._both_ways(query, "entities between these that were saved")}
        self._target.write({sql.PUT_ENTITY: list(rows.values())})
        self._result.entities = len(rows)
        if len(self._result.left_out) > failures:
            self._result.left_out[failures:] = ["entities, of an unknown number: their part of the file is damaged"]

    def _save_numbered(self, table: str, columns: str, statement: str, check: Any) -> None:
        rows = []
        for row in self._rows(table, "number", columns, 1, self._highest(table, "number")):
            with contextlib.suppress(DecodeError, ValueError, TypeError):
                check(row)
                rows.append(row)
        self._target.write({statement: rows})
        if table == "operations":
            self._result.operations = len(rows)

    def _both_ways(self, query: str, note: str = "") -> Iterator[Any]:
        """Read rows from both ends of their order until a damaged page ends it; `note` names what lies between."""
        for direction in ("ASC", "DESC"):
            try:
                yield from self._source.execute(query.format(direction))
            except sqlite3.Error:
                if note:
                    self._result.left_out.append(note)
            else:
                return

    def _highest(self, table: str, column: str) -> int:
        try:
            highest = int(self._source.execute(f"SELECT IFNULL(MAX({column}), 0) FROM {table}").fetchone()[0])
        except (sqlite3.Error, ValueError, TypeError):
            return 0
        return highest if highest <= LARGEST_KEY else 0

    def _rows(self, table: str, key: str, columns: str, first: int, last: int) -> Iterator[Any]:
        """Read the rows of a range of keys, all but those on a damaged page."""
        query = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"
        starts = range(first, last + 1, ROWS_AT_ONCE)
        ranges = [(low, min(low + ROWS_AT_ONCE - 1, last)) for low in reversed(starts)]
        while ranges:
            low, high = ranges.pop()
            try:
                rows = self._source.execute(query, (low, high)).fetchall()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                if low < high:
                    middle = (low + high) // 2
                    ranges += [(middle + 1, high), (low, middle)]
                elif table != "instances":
                    self._result.left_out.append(f"number {low} of the {table.replace('_', ' ')}: it cannot be read")
            else:
                yield from rows


def _name(hub: str, instance_id: str) -> str:
    return f"instance '{shown(str(instance_id))}' of task hub '{shown(str(hub))}'"


def _check_operation(row: tuple[Any, ...]) -> None:
    pb.HistoryEvent.FromString(row[4])


def _check_lock_request(row: tuple[Any, ...]) -> None:
    number, _, parent_id, entity_ids = json.loads(row[2])
    if not (isinstance(number, int) and isinstance(parent_id, str) and isinstance(entity_ids, list)):
        raise TypeError
