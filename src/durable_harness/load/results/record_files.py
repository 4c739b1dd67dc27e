"""Keep one row per operation in Parquet files that survive the process: see `gate.records` for the columns.

Every few seconds what has ended since is written as a file of its own, under a name that readers ignore until it is
whole. When the run is over they become one file. So a process that is killed loses its last seconds, and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import re
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import pyarrow as pa
import pyarrow.parquet as pq
from gevent.event import Event

from durable_harness import __version__
from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import FOLDER_NAME, SCHEMA, read_operations_file, with_metadata
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.target import public_url
from durable_harness.operations import OperationRecord
from durable_harness.platforms.files import put_in_place
from durable_harness.whole_files import write_whole_bytes
from durable_harness.wording.foreign_text import shown

if TYPE_CHECKING:
    from locust.env import Environment

logger = logging.getLogger(__name__)

FLUSH_S = 3.0
BATCH_ROWS = 500
"""Rows that are turned into columns at once, about half a millisecond's work: nothing else runs meanwhile."""
MARK = "run-id"
NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")
MOST_NAME_CHARS = 120
UNWRITABLE = (pa.ArrowException, ValueError, TypeError, OverflowError)
LEARNED = (
    "server_created_s",
    "server_running_s",
    "server_updated_s",
    "server_update_is_coarse",
    "server_clock",
    "actions",
)
"""The columns that a history can fill after the run."""
COMPRESSION = "zstd"
MOMENTS = (
    "intended",
    "sent",
    "accepted",
    "first_running",
    "last_pending",
    "seen",
    "ended",
    "poll_due",
    "poll_sent",
)


class OperationsFile:
    """Takes the operations of one process as they end. `close` it once, when nothing will end any longer."""

    def __init__(self, report_dir: Path, worker: str, metadata: dict[str, Any]) -> None:
        self.folder = report_dir / FOLDER_NAME
        self.run_id = str(metadata.get("run_id", ""))
        self._worker, self._file_name = worker, file_name(worker)
        self._schema = with_metadata({**metadata, "worker": worker})
        self._pending: list[OperationRecord] = []
        self._batches: list[pa.RecordBatch] = []
        self._parts: list[Path] = []
        self._whole: Path | None = None
        self.problem: str | None = None
        """Why rows are missing; None if none are."""
        self._closing = Event()
        self._flusher: Any = gevent.spawn(self._flush_now_and_then)

    def started(self, record: OperationRecord) -> None:
        """Nothing to keep yet."""

    def accepted(self, record: OperationRecord) -> None:
        """Nothing to keep yet."""

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:
        """Polls are summed up in the record."""

    def ended(self, record: OperationRecord) -> None:
        """Keep an operation whose record is closed."""
        self._pending.append(record)
        if len(self._pending) >= BATCH_ROWS:
            self._make_columns()

    def flush(self) -> None:
        """Write what has ended since the last time; encoding runs in a thread, so that load continues."""
        self._make_columns()
        if not self._batches:
            return
        table, self._batches = pa.Table.from_batches(self._batches, self._schema), []
        part = self.folder / f"{self._file_name}-{len(self._parts):05d}.parquet"
        if self._try(_write, table, part):
            self._parts.append(part)

    def close(self) -> Path | None:
        """Write the rest, make one file of all parts and return it; None if there is none."""
        if not self._closing.is_set():
            self._closing.set()
            self._flusher.join()
            self.flush()
            whole = self.folder / f"{self._file_name}.parquet"
            if self._parts and self._try(_join, self._parts, whole, self._schema):
                self._whole = whole
        return self._whole

    def _try(self, write: Callable[..., None], *arguments: Any) -> bool:
        """Write in a thread. A full disk must not end the run: it continues without the rows, and reports it."""
        try:
            gevent.get_hub().threadpool.apply(write, arguments)
        except (OSError, pa.ArrowException) as error:
            self._note(error)
            return False
        return True

    def _flush_now_and_then(self) -> None:
        while not self._closing.wait(timeout=FLUSH_S):
            self.flush()

    def _make_columns(self) -> None:
        if self._pending:
            records, self._pending = self._pending, []
            try:
                self._batches.append(to_batch(records, self._worker, self._schema))
            except UNWRITABLE as error:
                # One operation with a value that no column can hold must not take the others along.
                self._add_one_by_one(records, error)

    def _add_one_by_one(self, records: list[OperationRecord], error: Exception) -> None:
        left_out = 0
        for record in records:
            try:
                self._batches.append(to_batch([record], self._worker, self._schema))
            except UNWRITABLE as its_error:
                left_out, error = left_out + 1, its_error
        if left_out:
            self._note(f"{left_out:,} operations cannot be recorded: {error}")

    def _note(self, problem: object) -> None:
        self.problem = f"records of operations are missing: {shown(str(problem))}"
        logger.warning("%s", self.problem)


def open_operations(environment: Environment, options: LoadOptions, run_id: str, worker: str) -> OperationsFile:
    """Begin a process's file of a run, described so that another run can be compared with it."""
    metadata = {
        "run_id": run_id,
        "target": public_url(environment.host or ""),
        "scenarios": [user_class.__name__ for user_class in environment.user_classes],
        "settings": options.for_report(),
        "seed": getattr(options, "seed", None),
        "started_s": time.time(),
        "versions": {"durable-harness": __version__}
        | {name: version(name) for name in ("locust", "pyarrow")}
        | {"python": platform.python_version()},
    }
    return OperationsFile(options.report_dir, worker, metadata)


def clear_operations(report_dir: Path) -> None:
    """Remove what an earlier run left in the folder."""
    for path in (report_dir / FOLDER_NAME).glob("*.parquet*"):
        path.unlink(missing_ok=True)
    (report_dir / FOLDER_NAME / MARK).unlink(missing_ok=True)


def mark_run(report_dir: Path, run_id: str) -> None:
    """Leave a mark in the folder, by which a worker sees whether it writes where the coordinator of the run reads."""
    folder = report_dir / FOLDER_NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(run_id, encoding="utf-8")


def keep_operations(report_dir: Path, worker: str, content: bytes) -> str | None:
    """Keep the file of a worker that writes elsewhere; return why it is not kept, None if it is."""
    path = report_dir / FOLDER_NAME / f"{file_name(worker)}.parquet"
    try:
        write_whole_bytes(path, content)
        read_operations_file(path)
    except (OSError, TypeError, ConfigurationError) as error:
        path.unlink(missing_ok=True)
        return f"those of worker {shown(worker, 120)}: {shown(str(error))}"
    return None


def file_name(worker: str) -> str:
    """Return a name for the file of a worker: what a worker calls itself is no path."""
    plain = NOT_PLAIN.sub("_", worker)[:MOST_NAME_CHARS].lstrip(".")
    return plain if plain == worker else f"{plain}-{hashlib.sha256(worker.encode('utf-8', 'replace')).hexdigest()[:8]}"


def is_marked(report_dir: Path, run_id: str) -> bool:
    """Return whether the coordinator of a run reads from this folder."""
    try:
        return (report_dir / FOLDER_NAME / MARK).read_text(encoding="utf-8") == run_id
    except OSError:
        return False


def amend_operations(report_dir: Path, learned: Iterable[OperationRecord]) -> None:
    """Put into the files what was learned of operations after they had been written: the server's times, and actions.

    A file that cannot be read or written stays as it was.
    """
    known = {record.token: record for record in learned}
    for path in (report_dir / FOLDER_NAME).glob("*.parquet"):
        try:
            table = pq.ParquetFile(path).read(use_threads=False)
            tokens = table.column("token").to_pylist()
            if known.keys().isdisjoint(tokens):
                continue
            for name in LEARNED:
                values = [
                    _COLUMNS[name]([known[token]], "")[0] if token in known else value
                    for token, value in zip(tokens, table.column(name).to_pylist(), strict=True)
                ]
                place, field = table.schema.get_field_index(name), table.schema.field(name)
                table = table.set_column(place, field, pa.array(values, field.type))
            _write(table, path)
        except (OSError, pa.ArrowException) as error:
            logger.warning("%s keeps the times that it has: %s", path, error)


def to_batch(records: list[OperationRecord], worker: str, schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """Turn closed records into the columns of SCHEMA."""
    columns = (pa.array(_COLUMNS[field.name](records, worker), field.type) for field in schema)
    return pa.record_batch(list(columns), schema=schema)


def _moment(name: str) -> Callable[[list[OperationRecord], str], list[Any]]:
    def column(records: list[OperationRecord], _worker: str) -> list[Any]:
        moments = ((getattr(record, name), record.epoch_offset_s) for record in records)
        return [None if moment is None else moment + offset_s for moment, offset_s in moments]

    return column


def _value(name: str) -> Callable[[list[OperationRecord], str], list[Any]]:
    return lambda records, _worker: [getattr(record, name) for record in records]


def _words(name: str) -> Callable[[list[OperationRecord], str], list[Any]]:
    """Return a column of texts. A scenario or the service may have put something into them that is not Unicode."""
    return lambda records, _worker: [_encodable(getattr(record, name)) for record in records]


def _encodable(text: str | None) -> str | None:
    return text if text is None or text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _action_counts(records: list[OperationRecord], _worker: str) -> list[int | None]:
    return [None if record.actions is None else sum(record.actions.values()) for record in records]


_COLUMNS: dict[str, Callable[[list[OperationRecord], str], list[Any]]] = {
    **{f"{name}_s": _moment(name) for name in MOMENTS},
    "actions": _action_counts,
    **{f"server_{name}_s": _value(f"server_{name}_epoch_s") for name in ("created", "running", "updated")},
    **{
        name: _value(name)
        for name in ("server_update_is_coarse", "polls", "failed_polls", "poll_ms", "bytes_received", "state")
    },
    **{name: _words(name) for name in ("token", "instance_id", "scenario", "error", "trace_id")},
    **{name: _value(name) for name in ("workload", "phase", "start_pool_ms", "start_connect_ms")},
    **{name: _words(name) for name in ("start_at_host", "poll_at_host")},
    **{name: _value(name) for name in ("server_clock", "replayed_events", "payload_bytes")},
    "worker": lambda records, worker: [worker] * len(records),
}


def _write(table: pa.Table, path: Path) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    pq.write_table(table, unfinished, compression=COMPRESSION)
    put_in_place(unfinished, path)


def _join(parts: list[Path], whole: Path, schema: pa.Schema) -> None:
    """Make one file of several, a row group of each; readers prefer it to its parts."""
    unfinished = whole.with_name(f"{whole.name}.unfinished")
    with pq.ParquetWriter(unfinished, schema, compression=COMPRESSION) as writer:
        for part in parts:
            with pq.ParquetFile(part) as source:  # Windows removes no file that is open
                writer.write_table(source.read(use_threads=False))
    put_in_place(unfinished, whole)
    for part in parts:
        part.unlink()
