"""The meter: a host of ours is asked, in batches beside the load, what it measured; nothing waits for it for long."""

import itertools
import math
import time

import pytest
from stub_server import DISPATCH_S, HOST_STATUS, MEASUREMENTS, Behaviour

from durable_harness.experiments.driver import Driver, EarlyEnd
from durable_harness.experiments.offered import OfferedArrival, OfferedLoad
from durable_harness.load.engine import server_meter
from durable_harness.operations import OperationState

WORK_S = 0.1


@pytest.fixture
def measure(stub):
    """Return measure(count): the records of operations that were started at once, of an app that puts out no times."""

    def run(count=1, drain_s=math.inf, key=None):
        load = OfferedLoad(poll_interval_s=0.02, payload={"operation_type": "x", "duration": 1, "data": "{token}"})
        with Driver(load) as driver:
            return driver.measure(stub.url, key, [OfferedArrival(0.0, WORK_S)] * count, EarlyEnd(drain_s)).records

    stub.always(work_s=WORK_S, coarse_times=True)
    stub.measures = True
    return run


def asked(stub, path):
    """Return the requests of a path that the server got."""
    return [request for request in stub.requests if request[1] == path]


def test_records_have_the_times_and_costs_of_the_scheduler(measure, stub):
    """Whatever the app puts out, the moments of the server are the scheduler's, and costs are known by their kinds."""
    (record,) = measure()
    (operation,) = stub.operations.values()
    assert record.server_clock == "scheduler"
    assert record.server_created_epoch_s == pytest.approx(operation.started, abs=1e-6)
    assert record.server_updated_epoch_s == pytest.approx(operation.started + WORK_S, abs=1e-6)
    assert record.execution_ms == pytest.approx((WORK_S - DISPATCH_S) * 1000, abs=0.01)
    assert record.server_completion_ms == pytest.approx(WORK_S * 1000, abs=0.01)
    assert 0 <= record.detection_lag_ms == pytest.approx(record.completion_ms - record.finish_ms, abs=0.01)
    assert record.actions == {"orchestration": 1, "activity": 1, "result": 1}
    assert (record.replayed_events, record.payload_bytes) == (2, 300)


def test_the_scheduler_wins_over_the_times_of_an_output(measure, stub):
    """An output that names another end than the scheduler, by a clock that is wrong, is not believed."""
    stub.always(work_s=WORK_S, clock_error_s=7)
    (record,) = measure()
    assert record.server_completion_ms == pytest.approx(WORK_S * 1000, abs=0.01)


def test_the_key_goes_along(measure, stub):
    """The host's routes ask for the key that its starts ask for."""
    measure(key="secret")
    for path in (HOST_STATUS, MEASUREMENTS):
        assert {headers["x-functions-key"] for _, _, headers in asked(stub, path)} == {"secret"}


def test_operations_share_questions(measure, stub, monkeypatch):
    """Many ends are asked for together, with a limit for each question, and each is measured."""
    monkeypatch.setattr(server_meter, "MOST_IDS", 15)
    bodies = []
    answer = stub.measured
    monkeypatch.setattr(stub, "measured", lambda ids: bodies.append(list(ids)) or answer(ids))
    records = measure(60)
    assert {record.server_clock for record in records} == {"scheduler"}
    assert sorted(one for body in bodies for one in body) == sorted(stub.operations)
    assert max(map(len, bodies)) <= 15
    assert len(bodies) < 20


def test_questions_keep_their_distance(measure, stub, monkeypatch):
    """A host is asked at most once in an interval, whatever ends meanwhile."""
    moments = []
    answer = stub.measured
    monkeypatch.setattr(stub, "measured", lambda ids: moments.append(time.monotonic()) or answer(ids))
    monkeypatch.setattr(server_meter, "INTERVAL_S", 0.2)
    stub.in_turn(*(Behaviour(work_s=work_s) for work_s in (0.1, 0.2, 0.3, 0.4, 0.5)))
    measure(20)
    assert 2 <= len(moments) <= 4
    # The server may take a moment longer for one question than for the next.
    assert min(after - before for before, after in itertools.pairwise(moments)) > 0.1


def test_another_service_is_asked_once(measure, stub):
    """A host that is none of ours gets one request of its status, and its operations pass on as they are."""
    stub.measures = False
    records = measure(20)
    assert len(asked(stub, HOST_STATUS)) == 1
    assert not asked(stub, MEASUREMENTS)
    assert {(record.state, record.server_clock, record.actions) for record in records} == {
        (OperationState.COMPLETED, "service", None)
    }


@pytest.mark.parametrize("status", [404, 500])
def test_a_question_that_fails_is_no_loss(measure, stub, status):
    """Operations pass on unmeasured when the host does not answer as it should, also one that has no such route."""
    stub.measurement = status, 0.0
    records = measure(5)
    assert {(record.state, record.actions) for record in records} == {(OperationState.COMPLETED, None)}


def test_giving_up_does_not_wait_for_an_answer(measure, stub):
    """A trial that is over takes what waits for a measurement as it is, with the end that was seen."""
    stub.measurement = 200, 1.5
    began = time.monotonic()
    (record,) = measure(drain_s=0.4)
    assert time.monotonic() - began < 1.2
    assert (record.state, record.actions) == (OperationState.COMPLETED, None)


def test_what_is_no_answer_is_not_read(measure, stub, monkeypatch):
    """Rows of another form, and ids that are left out, leave the records as they were."""
    monkeypatch.setattr(stub, "measured", lambda ids: {"operations": {ids[0]: {"createdNs": "soon", "costs": [1]}}})
    records = measure(3)
    assert {record.server_clock for record in records} == {"service"}


@pytest.mark.thorough
@pytest.mark.parametrize("source", ["webhook", "app"])
def test_a_load_run_measures_what_is_served_by_our_host(locust, stub, source):
    """Locust's operations are measured whichever status is polled; the questions are in none of its tables."""
    stub.always(work_s=WORK_S, coarse_times=True)
    stub.measures = True
    run = locust("--status-source", source)
    completed = run.operations["completed"]
    assert completed == stub.accepted
    for name in ("finish_ms", "execution_ms", "queueing_ms", "server_completion_ms", "detection_lag_ms"):
        assert run.summary["latencies"][name]["count"] == completed, name
    assert run.summary["time_split"]["unknown"] == 0
    assert run.summary["actions_per_operation"]["max"] == 3
    assert "/admin/" not in run.err
    assert run.summary["generator"]["requests"] == completed + run.summary["polls"]


@pytest.mark.thorough
def test_workers_measure_their_own_operations(start_locust, stub, processes):
    """Each process of a distributed run asks for its operations; together all are measured."""
    stub.always(work_s=WORK_S, coarse_times=True)
    stub.measures = True
    arguments = ["--headless", "--host", stub.url, "-u", "4", "-r", "50", "-t", "2s", "--poll-interval", "0.05"]
    run = start_locust(*arguments, *processes, "Quick").wait()
    assert run.operations["completed"] == stub.accepted > 0
    assert run.summary["latencies"]["finish_ms"]["count"] == run.operations["completed"]
    assert run.summary["actions"] == dict.fromkeys(("orchestration", "activity", "result"), stub.accepted)


def test_what_the_host_warns_of_is_in_the_report(locust, stub, monkeypatch):
    """What comes near a limit, as the host reports, is a note of the report, each once; what is no text is left out."""
    stub.measures = True
    warnings = ["Function 'pay': its output is large\x1b[2J", 7, "Orchestrator 'pay': a long history"]
    answer = stub.measured
    monkeypatch.setattr(stub, "measured", lambda ids: answer(ids) | {"warnings": warnings * 2})
    run = locust()
    assert run.code == 0, run.out + run.err
    noted = [note for note in run.summary["notes"] if note.startswith("near a limit")]
    assert [note[:30] for note in noted] == ["near a limit: Function 'pay': ", "near a limit: Orchestrator 'pa"]
    assert "note: near a limit: Orchestrator 'pay': a long history" in run.out + run.err
    assert "\x1b[2J" not in run.out + run.err
