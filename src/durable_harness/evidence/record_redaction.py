"""Records of operations without secrets: texts that services wrote are among them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any


def redacted_table(path: Path, redact: Callable[[str], str]) -> bytes:
    """Return a Parquet file whose texts, and whose description, are redacted; anything else is as it was."""
    import pyarrow as pa  # noqa: PLC0415 - evidence of a run without records needs none
    import pyarrow.parquet as pq  # noqa: PLC0415 - same

    source = pq.ParquetFile(path)
    described = {name: redact(text.decode()).encode() for name, text in (source.schema_arrow.metadata or {}).items()}
    schema = source.schema_arrow.with_metadata(described)
    written = io.BytesIO()
    with pq.ParquetWriter(written, schema, compression="zstd") as writer:
        for number in range(source.num_row_groups):
            table = source.read_row_group(number, use_threads=False)
            columns = [_column(table.column(field.name), field, redact) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return written.getvalue()


def _column(column: Any, field: Any, redact: Callable[[str], str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - see above

    if not pa.types.is_string(field.type):
        return column
    values = column.to_pylist()
    # Services say the same again and again; ids and tokens are ours, and long to redact one by one.
    known = {text: redact(text) for text in set(values) if text is not None} if field.name in FOREIGN else {}
    return pa.array([known.get(text, text) for text in values], field.type)


FOREIGN = frozenset({"error", "scenario", "worker"})
"""Columns with texts of others."""
