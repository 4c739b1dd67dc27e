"""The records of an experiment, kept for an evidence file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from durable_harness.gate.records import with_metadata
from durable_harness.load.results.record_files import to_batch
from durable_harness.operations import OperationRecord

Keep = Callable[[str, Sequence[OperationRecord]], None]
"""Takes records, under the name of what they are of."""


def keep_nothing(_name: str, _records: Sequence[OperationRecord]) -> None:
    """Discard them."""


class KeptRecords:
    """Records by what they are of, which is the column `worker` of their file."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []

    def keep(self, name: str, records: Iterable[OperationRecord]) -> None:
        """Keep records that are closed."""
        ended = [record for record in records if record.state.has_ended]
        if ended:
            self._batches.append(to_batch(ended, name))

    def write(self, path: Path) -> None:
        """Write one file of all of them; without any, no file."""
        if self._batches:
            schema = with_metadata({})
            table = pa.Table.from_batches([batch.replace_schema_metadata(schema.metadata) for batch in self._batches])
            pq.write_table(table, path, compression="zstd")
