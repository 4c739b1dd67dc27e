"""What a master makes of the figures of its workers: those that it cannot read are a loss with a name."""

from importlib import import_module
from types import SimpleNamespace

import pytest

from durable_harness.load.results.run_summary import summarize_run
from durable_harness.load.results.run_tally import RunTally, merged_runs
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationPhase, OperationRecord

RUN_ID = "the run"


@pytest.fixture
def master(import_unpatched):
    """Return a master as far as it keeps snapshots; Locust is imported without patching the standard library."""
    made = object.__new__(import_unpatched("durable_harness.load.processes.master").MasterProcess)
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


@pytest.fixture
def running(master, tmp_path):
    """Return a master with the workers `here` (connected) and `missing` (gone), in a run."""
    process = import_module("durable_harness.load.processes.process")
    clients = [SimpleNamespace(id="here", state="running"), SimpleNamespace(id="gone", state="missing")]
    runner = SimpleNamespace(clients=SimpleNamespace(all=clients))
    master.environment = SimpleNamespace(runner=runner)
    master.options = SimpleNamespace(report_dir=tmp_path)
    master._sharing = SimpleNamespace(idle={"here"}, admitted=[])
    master._sharing.admit = master._sharing.admitted.append
    master._interrupted, master._lost_records, master._began = {}, [], 0.0
    master.phase, master.interruption = process.RunPhase.RUNNING, None
    return master


def message(node_id, data):
    """Return a message of a worker."""
    return SimpleNamespace(node_id=node_id, data=data)


def test_a_report_without_figures_is_left_alone(running):
    """Locust's own reports have no figures of ours; those that have are kept."""
    key = import_module("durable_harness.load.distributed.run_messages").REPORT_KEY
    running._on_worker_report("here", {"stats": []})
    assert running._tallies == {}
    running._on_worker_report("here", {key: wire(are_arrivals_over=True)})
    assert list(running._tallies) == ["here"]
    assert running.are_arrivals_over()


def test_a_worker_is_admitted_to_its_own_run(running):
    """One that begins an earlier run gets no arrivals of this one."""
    running._on_begun(message("late", {"run_id": "another run"}))
    running._on_begun(message("here", {"run_id": RUN_ID}))
    assert running._sharing.admitted == ["here"]


def test_the_last_word_of_a_worker_ends_the_wait(running):
    """What an earlier run sends, or what cannot be read, is not the last word of this one."""
    running._on_final(message("here", wire(run_id="another run")))
    running._on_final(message("here", None))
    assert running._awaited() == {"here"}
    running._on_final(message("here", wire()))
    assert running._awaited() == set()
    assert running._interrupted == {}


def test_records_of_another_machine_are_kept(running, monkeypatch):
    """They go to the folder of the run; if they cannot be written the report names the loss."""
    kept, problems = [], ["", "the disk is full"]

    def keep(folder, worker, records):
        kept.append((folder, worker, records))
        return problems.pop(0)

    monkeypatch.setattr("durable_harness.load.processes.master.keep_operations", keep)
    running._on_final(message("here", wire(records=b"PAR1")))
    assert kept == [(running.options.report_dir, "here", b"PAR1")]
    assert running.remarks() == []
    running._on_final(message("here", wire(records=b"PAR1")))
    assert running.remarks() == ["records of operations are missing: the disk is full"]


def test_an_interrupted_worker_is_a_remark(running):
    """It took no more part from then on; one that is interrupted while the run winds up loses nothing."""
    process = import_module("durable_harness.load.processes.process")
    running._on_final(message("here", wire(was_interrupted=True)))
    assert running._describe_interrupted()[0].startswith("worker here was interrupted after ")
    running.phase = process.RunPhase.WINDING_UP
    running._on_final(message("other", wire(was_interrupted=True)))
    assert list(running._interrupted) == ["here"]


def test_losses_name_each_worker_and_its_cause(running):
    """Figures that cannot be read, a worker that vanished, and one that never began are losses of their own."""
    running._read("here", b"\x00")
    assert [loss.partition(" (")[0] for loss in running.losses()] == [
        "worker here sent figures that cannot be read",
        "worker gone vanished: nothing is known of its operations",
        "worker here vanished: nothing is known of its operations",
    ]
    running._finals |= {"here", "gone"}
    assert running.losses()[1:] == ["worker here never began the run: its share of the arrivals was not started"]
