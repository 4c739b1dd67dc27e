"""One row per operation, in Parquet: the records of a run, for readers who want more than its summary.

A run writes `<report-dir>/operations/*.parquet`. While it runs, and after it was killed, there are many small files;
a run that ended properly leaves one for each process. All of them together are the run, however many they are.

Times are seconds since the epoch, durations milliseconds; null means that it did not happen, or is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from durable_harness.documents import parse_json
from durable_harness.errors import ConfigurationError

FORMAT = 4
"""Raised whenever a column is added, changes its meaning or goes."""
READABLE_FORMATS = (1, 2, 3, FORMAT)
"""Columns that an older file does not have are null."""
METADATA_KEY = b"durable_harness"
FOLDER_NAME = "operations"
PREVIOUS = "previous-run"
"""Where a command that made no run has put what it found in its report folder."""
_PART = re.compile(r"-\d{5}$")

_FIELDS: tuple[tuple[str, object], ...] = (
    ("token", pa.string()),
    ("instance_id", pa.string()),
    ("scenario", pa.string()),
    ("worker", pa.string()),
    ("intended_s", pa.float64()),
    ("sent_s", pa.float64()),
    ("accepted_s", pa.float64()),
    ("first_running_s", pa.float64()),
    ("last_pending_s", pa.float64()),
    ("seen_s", pa.float64()),
    ("ended_s", pa.float64()),
    ("server_created_s", pa.float64()),
    ("server_running_s", pa.float64()),
    ("server_updated_s", pa.float64()),
    ("server_update_is_coarse", pa.bool_()),
    ("server_clock", pa.string()),
    ("actions", pa.int32()),
    ("replayed_events", pa.int64()),
    ("payload_bytes", pa.int64()),
    ("polls", pa.int32()),
    ("failed_polls", pa.int32()),
    ("poll_ms", pa.float64()),
    ("bytes_received", pa.int64()),
    ("state", pa.string()),
    ("error", pa.string()),
    ("workload", pa.string()),
    ("phase", pa.string()),
    ("trace_id", pa.string()),
    ("poll_due_s", pa.float64()),
    ("poll_sent_s", pa.float64()),
    ("start_pool_ms", pa.float64()),
    ("start_connect_ms", pa.float64()),
    ("start_at_host", pa.string()),
    ("poll_at_host", pa.string()),
)
SCHEMA = pa.schema(_FIELDS)
"""The columns, in their order. `state`, `workload` and `phase` hold the words of OperationState, Workload and
OperationPhase. `poll_ms` is the time spent in all polls of the operation, `server_clock` where the server's times come
from, `actions` how many messages were dispatched to the app for the operation, of all kinds, and `trace_id` what
the start carried in `traceparent`, empty if it carried none. `poll_due_s` and `poll_sent_s` are of the last poll;
`start_pool_ms` and `start_connect_ms` are what of the slip was waiting for a free connection and connecting.
`start_at_host` and `poll_at_host` have the times of the start and of the last poll at a host of this package, see
`operations.host_times`; empty of any other."""


class RunMetadata(TypedDict, total=False):
    """A run's description of itself. Files of older versions lack some of it."""

    format: int
    run_id: str
    target: str
    scenarios: list[str]
    settings: dict[str, object]
    versions: dict[str, str]
    seed: int | None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The operations of a run and the run's description of itself."""

    operations: pa.Table
    """Has the columns of SCHEMA, in no order of rows."""
    metadata: RunMetadata
    """As one of the processes wrote it."""


def read_operations(folder: Path) -> RecordedRun:
    """Read a run's operations from its `operations` folder, or from the report folder that holds it.

    Raises ConfigurationError if there are none, or if a file is not one of a run.
    """
    inner = folder / FOLDER_NAME
    paths = _current(sorted((inner if inner.is_dir() else folder).glob("*.parquet")))
    if not paths:
        raise ConfigurationError(str(folder), "", *_no_records(folder))
    tables = [read_operations_file(path) for path in paths]
    return RecordedRun(pa.concat_tables(table for table, _ in tables), tables[0][1])


def _no_records(folder: Path) -> tuple[str, str]:
    """Return what is wrong with a folder without records, and what to do."""
    previous = folder / PREVIOUS
    if previous.is_dir():
        return "holds no run: the last command with this --report-dir made no load", f"The run before is {previous}."
    return "holds no operations/*.parquet", "Give the --report-dir of a load run."


def with_metadata(metadata: Mapping[str, object]) -> pa.Schema:
    """Return SCHEMA with a run's description in the file's metadata."""
    return SCHEMA.with_metadata({METADATA_KEY: json.dumps({"format": FORMAT, **metadata})})


def _current(paths: list[Path]) -> list[Path]:
    """Leave out parts of a file that is there as a whole: a process may die between making it and removing them."""
    wholes = {path.stem for path in paths}
    return [path for path in paths if not (_PART.search(path.stem) and _PART.sub("", path.stem) in wholes)]


def read_operations_file(path: Path) -> tuple[pa.Table, RunMetadata]:
    """Read one file of a run, and the metadata of the run in it; raise ConfigurationError for any other file."""
    try:
        table = pq.ParquetFile(path).read(use_threads=False)
        metadata = parse_json((table.schema.metadata or {})[METADATA_KEY])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise ConfigurationError(str(path), "", f"is not a file of a load run ({error})") from error
    if metadata.get("format") not in READABLE_FORMATS:
        raise ConfigurationError(
            str(path),
            "",
            f"has format {metadata.get('format')}, this version reads {' and '.join(map(str, READABLE_FORMATS))}",
            "Run the load test again.",
        )
    for field in SCHEMA:
        if field.name not in table.schema.names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(SCHEMA.names).cast(SCHEMA), metadata
