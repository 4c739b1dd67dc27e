"""What a worker does with the messages of its master, and without a master."""

import math
from types import SimpleNamespace

import pytest

from durable_harness.errors import InvalidRunError

RUN_ID = "the run"


class FakeRun:
    """A run that notes what happens to it."""

    def __init__(self):
        self.acts, self.is_accepting = [], True

    def give_up(self):
        self.acts.append("give up")

    def wind_up(self):
        self.acts.append("wind up")


@pytest.fixture
def module(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.processes.locust_worker")


@pytest.fixture
def worker(module, monkeypatch):
    """Return a worker in a run, whose messages to the master are in `worker.sent`."""
    made = object.__new__(module.WorkerProcess)
    made.sent, made.offered, made.ended = [], [], []
    runner = SimpleNamespace(send_message=lambda name, data: made.sent.append((name, data)))
    made.environment = SimpleNamespace(runner=runner, process_exit_code=None)
    made._run_id, made._offer, made._drained, made._is_orphan, made._ends = RUN_ID, None, None, False, math.inf
    made.run, made.phase, made.is_leaving = FakeRun(), module.RunPhase.RUNNING, False
    made._open_load = SimpleNamespace(offer=lambda *offer: made.offered.append(offer), stop=lambda: None)
    monkeypatch.setattr(made, "wind_up", lambda: made.ended.append("wound up"))
    monkeypatch.setattr(made, "leave", lambda: made.ended.append("left"))
    return made


def drain(run_id, **data):
    """Return the message that ends a run."""
    return SimpleNamespace(data={"run_id": run_id, **data})


def test_a_drain_of_its_run_winds_the_worker_up(worker):
    """It follows what is in flight to its end."""
    worker._on_drain(drain(RUN_ID))
    assert (worker.ended, worker.run.acts, worker.sent) == (["wound up"], [], [])


def test_a_drain_at_once_gives_up(worker, module):
    """What is in flight counts as timed out; a worker without a run has nothing to give up."""
    worker._on_drain(drain(RUN_ID, **{module.AT_ONCE: True}))
    assert (worker.ended, worker.run.acts) == ([], ["give up"])
    worker.run = None
    worker._on_drain(drain(RUN_ID, **{module.AT_ONCE: True}))
    assert worker.ended == []


def test_a_drain_of_another_run_is_answered(worker, module):
    """A worker that comes too late for a run sends empty figures of it, so that the master does not wait."""
    worker._on_drain(drain("another run"))
    [(name, data)] = worker.sent
    assert (name, data["run_id"], worker.ended) == (module.FINAL, "another run", [])


def offer(module, **changes):
    """Return arrivals as a master offers them."""
    values = {"run_id": RUN_ID, "scenarios": ("Steady",), "shares": "shares", "began_epoch_s": 0.0, "run_time_s": 60.0}
    return SimpleNamespace(**{**values, **changes})


def test_arrivals_of_the_run_are_taken(worker, module):
    """They end with the run time; without one they have no end."""
    worker._offer = offer(module)
    worker._take_offer()
    assert worker.offered[0][0] == ("Steady",)
    assert worker._ends == worker.offered[0][2] + 60.0
    worker._offer = offer(module, run_time_s=None)
    worker._take_offer()
    assert worker._ends == math.inf


def test_arrivals_wait_for_their_run(worker, module):
    """Those of another run, or that come before the run, are not taken yet."""
    worker._take_offer()
    worker._offer = offer(module, run_id="another run")
    worker._take_offer()
    worker.phase, worker._offer = module.RunPhase.IDLE, offer(module)
    worker._take_offer()
    assert worker.offered == []


def test_nothing_is_started_after_the_run_time(worker, module, monkeypatch, caplog):
    """A worker stops in time without a message of its master, and warns once if none ends the run."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    worker._ends = 101.0
    worker._stop_in_time(worker.run)
    assert worker.run.is_accepting
    now[0] = 101.0
    worker._stop_in_time(worker.run)
    assert not worker.run.is_accepting
    assert caplog.records == []
    now[0] = 101.0 + module.MASTER_GONE_S
    worker._stop_in_time(worker.run)
    worker._stop_in_time(worker.run)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("is_winding_up", [True, False])
def test_a_worker_without_its_master_ends(worker, module, capsys, is_winding_up):
    """Its run will not be judged: it gives up, also in the middle of winding up, and ends with that code."""
    if is_winding_up:
        worker.phase = module.RunPhase.WINDING_UP
    worker._leave_orphaned()
    assert "the master of this run is gone" in capsys.readouterr().err
    assert worker.environment.process_exit_code == InvalidRunError.exit_code
    assert worker._is_orphan
    assert (worker.ended, worker.run.acts) == (["left"], ["give up"] if is_winding_up else [])


def test_a_worker_without_a_run_reports_nothing(worker, module):
    """What is sent with Locust's report has figures of a run alone."""
    worker.run = None
    data = {}
    worker._on_report_to_master(data)
    assert data == {}
    assert worker._snapshot().tally.scenarios == {}


@pytest.mark.parametrize(("has_file", "is_shared"), [(True, True), (True, False), (False, False)])
def test_records_go_to_another_machine_alone(worker, module, monkeypatch, tmp_path, has_file, is_shared):  # noqa: PLR0913, PLR0917
    """A master that has the same folder finds the file there; without a file nothing is sent."""
    (tmp_path / "records").write_bytes(b"PAR1")
    monkeypatch.setattr(module, "is_marked", lambda *_: is_shared)
    worker.run.records_path = lambda: tmp_path / "records" if has_file else None
    worker.run.options = SimpleNamespace(report_dir=tmp_path)
    assert worker._records_for_master(worker.run) == (b"PAR1" if has_file and not is_shared else None)
