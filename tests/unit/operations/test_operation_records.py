"""Records of operations in Parquet: every column has its meaning, and what was flushed survives the process."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import METADATA_KEY, SCHEMA, read_operations
from durable_harness.load.engine.phases import Phases
from durable_harness.load.results import record_files
from durable_harness.load.results.record_files import OperationsFile, clear_operations
from durable_harness.operations import OperationPhase, OperationRecord, OperationState, Workload


def record(token="token", **fields):
    """Make the record of an operation that was intended at 100 and ended at 103, on a clock 1,000,000 s behind."""
    values = {"sent": 100.5, "accepted": 101.0, "first_running": 102.0, "seen": 103.0, "ended": 103.0}
    values |= {"state": OperationState.COMPLETED, "polls": 3, "failed_polls": 1, "poll_ms": 4.5, "bytes_received": 700}
    return OperationRecord(token, intended=100.0, epoch_offset_s=1_000_000.0, **values | fields)


@pytest.fixture
def operations_file(tmp_path):
    """Yield operations_file(worker): a file of a run that is closed with the test at the latest."""
    files = []

    def make(worker="local", **metadata):
        files.append(OperationsFile(tmp_path, worker, metadata))
        return files[-1]

    yield make
    for file in files:
        file.close()


def test_every_moment_and_count_has_its_column(operations_file, tmp_path):
    """A closed record is one row of the documented columns; moments are seconds since the epoch."""
    file = operations_file()
    costs = {"actions": {"activity": 2, "result": 2}, "replayed_events": 12, "payload_bytes": 834}
    server = {"server_created_epoch_s": 1.0, "server_running_epoch_s": 2.0, "server_clock": "scheduler"}
    requests = {"poll_due": 102.8, "poll_sent": 102.9, "start_pool_ms": 20.0, "start_connect_ms": 1.5}
    requests |= {"start_at_host": "1,0,0,0,2,0"}
    file.ended(record(instance_id="i1", scenario="Steady", last_pending=102.5, **server, **costs, **requests))
    file.close()
    table = read_operations(tmp_path).operations
    assert table.schema.names == SCHEMA.names
    assert table.to_pylist() == [
        {
            "token": "token",
            "instance_id": "i1",
            "scenario": "Steady",
            "worker": "local",
            "intended_s": 1_000_100.0,
            "sent_s": 1_000_100.5,
            "accepted_s": 1_000_101.0,
            "first_running_s": 1_000_102.0,
            "last_pending_s": 1_000_102.5,
            "seen_s": 1_000_103.0,
            "ended_s": 1_000_103.0,
            "server_created_s": 1.0,
            "server_running_s": 2.0,
            "server_updated_s": None,
            "server_update_is_coarse": False,
            "server_clock": "scheduler",
            "actions": 4,
            "replayed_events": 12,
            "payload_bytes": 834,
            "polls": 3,
            "failed_polls": 1,
            "poll_ms": 4.5,
            "bytes_received": 700,
            "state": "completed",
            "error": None,
            "workload": "closed",
            "phase": "measured",
            "trace_id": "",
            "poll_due_s": 1_000_102.8,
            "poll_sent_s": 1_000_102.9,
            "start_pool_ms": 20.0,
            "start_connect_ms": 1.5,
            "start_at_host": "1,0,0,0,2,0",
            "poll_at_host": "",
        }
    ]


def test_what_did_not_happen_is_null(operations_file, tmp_path):
    """An operation that was refused has no later moment, and gives the reason and in which part of the run."""
    file = operations_file()
    unseen = {"accepted": None, "first_running": None, "seen": None}
    known = {
        "state": OperationState.REFUSED,
        "error": "503",
        "phase": OperationPhase.WARM_UP,
        "workload": Workload.OPEN,
    }
    file.ended(record(**unseen, **known))
    file.close()
    (row,) = read_operations(tmp_path).operations.to_pylist()
    assert [row[f"{name}_s"] for name in unseen] == [None, None, None]
    assert [row[name] for name in known] == ["refused", "503", "warm-up", "open"]


def test_processes_are_read_as_one_run(operations_file, tmp_path):
    """Each process writes a file of its own; together they are the run, with what it reported about itself."""
    for worker in ("one", "two"):
        file = operations_file(worker, run_id="r", target="http://host", settings={"poll": "fixed"})
        file.ended(record(worker))
        file.close()
    run = read_operations(tmp_path / "operations")
    assert sorted(run.operations.column("worker").to_pylist()) == ["one", "two"]
    assert (run.metadata["run_id"], run.metadata["settings"]) == ("r", {"poll": "fixed"})
    assert len(list((tmp_path / "operations").iterdir())) == 2


def test_parts_become_one_file_with_every_row_once(operations_file, tmp_path, monkeypatch):
    """Rows that were flushed before the end are in the one file that stays, once each, in the order of their ends."""
    monkeypatch.setattr(record_files, "BATCH_ROWS", 4)
    file = operations_file()
    for index in range(25):
        file.ended(record(str(index)))
        if index % 10 == 9:
            file.flush()
            assert read_operations(tmp_path).operations.num_rows == index + 1
    whole = file.close()
    assert list((tmp_path / "operations").iterdir()) == [whole]
    assert pq.ParquetFile(whole).num_row_groups == 3
    assert read_operations(tmp_path).operations.column("token").to_pylist() == [str(index) for index in range(25)]


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[2])
from test_operation_records import record
from durable_harness.load.results.record_files import OperationsFile
file = OperationsFile(pathlib.Path(sys.argv[1]), "victim", {})
for index in range(7):
    file.ended(record(str(index)))
file.flush()
file.ended(record("lost"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_flushed_survives_a_kill(tmp_path):
    """A process that is killed leaves a readable file with all that was flushed; only the rest is gone."""
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    process = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert process.returncode == -9, process.stderr
    assert read_operations(tmp_path).operations.column("token").to_pylist() == [str(index) for index in range(7)]


def test_time_alone_leads_to_a_flush(operations_file, tmp_path, monkeypatch, wait_until):
    """What has ended reaches the disk after some seconds, also if nothing more ends."""
    monkeypatch.setattr(record_files, "FLUSH_S", 0.01)
    operations_file().ended(record())
    folder = tmp_path / "operations"
    wait_until(lambda: _gevent_turn() or list(folder.glob("*.parquet")), "a flush")
    assert read_operations(tmp_path).operations.num_rows == 1


def _gevent_turn():
    import gevent  # noqa: PLC0415 - importing it is for load tests only

    gevent.sleep(0.01)


def test_a_whole_file_wins_over_its_parts(operations_file, tmp_path):
    """A process that died while it removed the parts has them beside the whole: no operation is read twice."""
    file = operations_file()
    file.ended(record())
    whole = file.close()
    whole.with_name("local-00000.parquet").write_bytes(whole.read_bytes())
    assert read_operations(tmp_path).operations.num_rows == 1


def test_a_disk_that_takes_nothing_is_reported(operations_file, tmp_path):
    """Rows that cannot be written do not end the run; the file says that they are missing, and why."""
    (tmp_path / "operations").write_text("a file where the folder should be")
    file = operations_file()
    file.ended(record())
    assert file.close() is None
    assert "records of operations are missing" in file.problem


def test_an_earlier_run_is_cleared(operations_file, tmp_path):
    """A new run in the same folder does not mix with the one before."""
    file = operations_file()
    file.ended(record())
    file.close()
    clear_operations(tmp_path)
    with pytest.raises(ConfigurationError, match="holds no operations"):
        read_operations(tmp_path)


@pytest.mark.parametrize("metadata", [{}, {METADATA_KEY: json.dumps({"format": 99})}])
def test_a_foreign_file_is_refused(tmp_path, metadata):
    """A Parquet file that no load run of this format wrote is named, not misread."""
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), path)
    with pytest.raises(ConfigurationError, match=r"other\.parquet"):
        read_operations(tmp_path)


def test_a_file_of_the_first_format_is_still_read(operations_file, tmp_path):
    """Columns that came later are null in a file that was written before they were there."""
    file = operations_file()
    file.ended(record(actions={"activity": 2}, last_pending=102.5))
    whole = file.close()
    later = ["last_pending_s", "server_clock", "actions", "replayed_events", "payload_bytes"]
    metadata = {METADATA_KEY: json.dumps({"format": 1})}
    old = pq.ParquetFile(whole).read().drop_columns(later).replace_schema_metadata(metadata)
    pq.write_table(old, whole)
    (row,) = read_operations(tmp_path).operations.to_pylist()
    assert [row[name] for name in later] == [None] * 5
    assert row["polls"] == 3


def test_without_a_warm_up_every_arrival_counts():
    """A process that takes part late, on a busy machine, starts arrivals that were meant earlier: they are measured."""
    phases = Phases(began=100.0)
    assert phases.of(99.0) is OperationPhase.MEASURED


def test_phases_follow_the_intended_moment():
    """Before the warm-up's end is warm-up, after the run stopped offering is drain, everything between is measured."""
    phases = Phases(began=100.0, warm_up_s=5.0)
    phases.stop_offering(160.0)
    phases.stop_offering(170.0)
    assert [phases.of(at) for at in (104.9, 105.0, 160.0, 160.1)] == [
        OperationPhase.WARM_UP,
        OperationPhase.MEASURED,
        OperationPhase.MEASURED,
        OperationPhase.DRAIN,
    ]


NAMES = ("../../etc/passwd", "/etc/passwd", "a/b", "..", ".hidden", "nul\x00", "a" * 5_000, "\ud800")


@pytest.mark.parametrize("worker", NAMES)
def test_what_a_worker_calls_itself_is_no_path(operations_file, tmp_path, worker):
    """A file of a worker is in the folder of the records, whatever its name, and no other worker's."""
    file = operations_file("honest")
    file.ended(record())
    content = file.close().read_bytes()
    assert record_files.keep_operations(tmp_path, worker, content) is None
    assert record_files.keep_operations(tmp_path, f"{worker}?", content) is None
    assert len(list((tmp_path / "operations").glob("*.parquet"))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["operations"]
    assert read_operations(tmp_path).operations.num_rows == 3


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" * 100, "text", None])
def test_records_of_a_worker_that_cannot_be_read(operations_file, tmp_path, content):
    """They are left out with a reason, and those of the others stay."""
    file = operations_file("honest")
    file.ended(record())
    file.close()
    assert "those of worker w2: " in record_files.keep_operations(tmp_path, "w2", content)
    assert read_operations(tmp_path).operations.num_rows == 1


def test_one_record_that_cannot_be_written_spares_the_others(operations_file, tmp_path):
    """An operation with a number that no column holds is left out, and the file says so; text is made encodable."""
    file = operations_file()
    for fields in ({"instance_id": "half \ud800"}, {"payload_bytes": 2**70}, {"error": "plain"}):
        file.ended(record(**fields))
    file.close()
    rows = read_operations(tmp_path).operations.to_pylist()
    assert [(row["instance_id"], row["error"]) for row in rows] == [("half \\ud800", None), (None, "plain")]
    assert "1 operations cannot be recorded" in file.problem
