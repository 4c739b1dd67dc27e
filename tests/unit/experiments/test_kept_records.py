"""The records of an experiment, kept for its evidence file."""

import pyarrow.parquet as pq
import pytest

from durable_harness.experiments.keeping import KeptRecords, keep_nothing
from durable_harness.operations import OperationRecord, OperationState


def made(state, token="t"):
    """Return a record of an operation in this state."""
    record = OperationRecord(token=token, intended=1.0, epoch_offset_s=1000.0, sent=1.0, accepted=1.1)
    record.state = state
    return record


def test_closed_records_are_in_one_file(tmp_path):
    """Records of several slices are rows of one file, with what they are of; those in flight are left out."""
    kept = KeptRecords()
    kept.keep("base 1", [made(OperationState.COMPLETED, "a"), made(OperationState.IN_FLIGHT, "b")])
    kept.keep("head 1", [made(OperationState.FAILED, "c")])
    kept.write(tmp_path / "records.parquet")
    rows = pq.read_table(tmp_path / "records.parquet").to_pylist()
    assert [(row["worker"], row["token"]) for row in rows] == [("base 1", "a"), ("head 1", "c")]


@pytest.mark.parametrize("records", [[], [made(OperationState.IN_FLIGHT)]])
def test_without_closed_records_there_is_no_file(tmp_path, records):
    """A file without a row would look like a run without operations."""
    kept = KeptRecords()
    kept.keep("base 1", records)
    kept.write(tmp_path / "records.parquet")
    assert list(tmp_path.iterdir()) == []


def test_without_evidence_nothing_is_kept():
    """The taker for experiments without evidence accepts records and returns nothing."""
    assert keep_nothing("base 1", [made(OperationState.COMPLETED)]) is None
