"""What a master makes of the figures of its workers: those that it cannot read are a loss with a name."""

from importlib import import_module

import pytest

from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally, merged_runs
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationPhase, OperationRecord

RUN_ID = "the run"


@pytest.fixture
def master(monkeypatch):
    """Return a master as far as it keeps snapshots; Locust is imported without patching the standard library."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    made = object.__new__(import_module("durable_harness.load.processes.master").MasterProcess)
    made.run_id = RUN_ID
    made._tallies, made._figures, made._finals, made._exhausted = {}, {}, set(), set()
    made._operation_urls, made._unreadable, made._usages = {}, {}, {}
    return made


def wire(**changes):
    """Return a snapshot as a worker sends it."""
    messages = import_module("durable_harness.load.distributed.run_messages")
    return {**messages.Snapshot(RUN_ID, RunTally()).to_wire(), **changes}


def test_a_proper_snapshot_is_kept(master):
    """A worker's tally counts."""
    assert master._read("w1", wire()) is not None
    assert (list(master._tallies), master._unreadable) == (["w1"], {})


@pytest.mark.parametrize(
    "wire_value",
    [
        None,
        b"\x00",
        {},
        {"run_id": RUN_ID},
        wire(tally={}),
        wire(tally={"beside": None}),
        wire(tally={**wire()["tally"], "scenarios": {"Steady": {}}}),
        wire(tally={"beside": {**Tally().to_wire(), "latencies_ms": {"completion_ms": "x"}}, "scenarios": {}}),
        wire(tally={"beside": {**Tally().to_wire(), "started_count": "many"}, "scenarios": {}}),
        wire(operation_urls=[{"path": "../../x"}]),
        wire(figures=None),
        wire(usage={"width_s": 1}),
        wire(usage={"width_s": 1, "parties": {"generator": [["x", 1]]}}),
    ],
)
def test_what_cannot_be_read_is_named(master, wire_value, caplog):
    """A message of other types or of another version is no figure; the worker is named, and the others still count."""
    master._read("good", wire())
    assert master._read("bad\x1b[2J", wire_value) is None
    assert list(master._tallies) == ["good"]
    assert list(master._unreadable) == ["bad\x1b[2J"]
    assert caplog.records


def test_a_loss_is_counted_as_the_report_counts_it(master):
    """What a vanished worker left open is what the report has as unaccounted, without the warm-up in either."""
    tally = RunTally()
    for phase in (OperationPhase.WARM_UP, OperationPhase.WARM_UP, OperationPhase.MEASURED):
        tally.started(OperationRecord("token", intended=100.0, sent=100.0, phase=phase, epoch_offset_s=0.0))
    master._read("w1", wire(tally=tally.to_wire()))
    counts = summarize_run(merged_runs(master._tallies.values())).counts
    assert (counts.started, counts.unaccounted) == (1, 1)
    assert master._describe_loss("w1").endswith("it had started 1 operations; 1 of them are unaccounted")
