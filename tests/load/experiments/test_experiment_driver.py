"""The driver of experiments: what a trial measures, what it gives up, and what is blamed for a late start."""

import contextlib
import random
import time
from dataclasses import replace

import pytest
from wire_server import WireServer

from durable_harness.experiments import driver as driving
from durable_harness.experiments.driver import Driver, EarlyEnd
from durable_harness.experiments.offered import OfferedArrival, OfferedLoad
from durable_harness.operations import FixedPolling, OperationState, durable_webhooks
from durable_harness.operations.description import EventDescription, UrlKind, UrlSource

HELD_S = 0.4


@pytest.fixture
def driver():
    """Yield a driver that polls every 10 ms."""
    with Driver(OfferedLoad(poll_interval_s=0.01)) as made:
        yield made


def test_records_are_in_the_order_of_the_arrivals(driver, stub):
    """Whatever ends first, the records stand as the arrivals do, each intended when its arrival was."""
    arrivals = [OfferedArrival(offset_s, 0.0) for offset_s in (0.0, 0.05, 0.05, 0.2)]
    records = driver.measure(stub.url, None, arrivals).records
    assert [record.state for record in records] == [OperationState.COMPLETED] * 4
    assert [record.intended - records[0].intended for record in records] == pytest.approx([0.0, 0.05, 0.05, 0.2])


def test_equal_seeds_give_equal_operations():
    """The same seed gives both sides of a pair the same arrivals, work and phases of polls; another seed others."""
    load = OfferedLoad()
    first, again, other = (load.arrivals(20, 2, seed) for seed in (1, 1, 2))
    assert first == again
    assert {arrival.poll_phase for arrival in first}.isdisjoint(arrival.poll_phase for arrival in other)


def test_phases_are_spread_evenly_over_one_interval():
    """Over many operations the first polls lie evenly in one interval, never at its very beginning."""
    phases = [arrival.poll_phase for arrival in OfferedLoad().arrivals(1000, 4, 0)]
    assert all(0 < phase <= 1 for phase in phases)
    tenths = [sum(tenth / 10 < phase <= (tenth + 1) / 10 for phase in phases) for tenth in range(10)]
    assert min(tenths) > 300


def test_phases_do_not_change_the_work():
    """The durations of a seed are those that it always gave, whatever else is drawn."""
    load = OfferedLoad()
    chance = random.Random(3)
    assert [arrival.duration_s for arrival in load.arrivals(10, 2, 3)] == [
        load.durations.pick_s(chance) for _ in range(20)
    ]


def test_a_first_poll_comes_in_its_phase(stub):
    """The first poll comes after that part of an interval, so that work of the same length is seen at other times."""
    stub.always(work_s=0.0)
    interval_s = 0.4
    with Driver(OfferedLoad(poll_interval_s=interval_s)) as made:
        early, late = made.measure(
            stub.url, None, [OfferedArrival(0.0, 0.0, 0.25), OfferedArrival(0.0, 0.0, 1.0)]
        ).records
    assert interval_s / 4 <= early.seen - early.accepted < interval_s <= late.seen - late.accepted


@pytest.mark.parametrize(("start_path", "is_checked"), [("/api/async_http_api", True), ("/api/another", False)])
def test_only_the_samples_output_is_checked(stub, start_path, is_checked):
    """The sample's output has to repeat what was sent; an app at another route may put out what it likes."""
    plan = OfferedLoad(service=durable_webhooks(start_path)).plan(stub.url, None, OfferedArrival(0.0, 0.1), 0.0)
    assert plan.start_url.endswith(start_path)
    assert (plan.check_output(plan.payload, {"anything": 1}) is not None) == is_checked


def test_one_driver_measures_again(driver, stub):
    """Each measurement has its own records and its own slip, over the connections of the last one."""
    counts = [driver.measure(stub.url, None, [OfferedArrival(0.0, 0.0)] * number).slip_ms.count for number in (3, 2)]
    assert counts == [3, 2]
    assert stub.accepted == 5


def test_lateness_in_the_warm_up_is_not_counted(driver, stub):
    """Slip is that of the arrivals after the warm-up; the records are those of all."""
    arrivals = [OfferedArrival(offset_s, 0.0) for offset_s in (0.0, 0.05, 0.2)]
    measured = driver.measure(stub.url, None, arrivals, warm_up_s=0.1)
    assert (len(measured.records), measured.slip_ms.count) == (3, 1)


def test_what_has_not_ended_in_time_is_given_up(driver, stub):
    """A trial is over some time after its last arrival: what never ends counts as timed out, with the reason."""
    stub.always(work_s=float("inf"))
    began = time.monotonic()
    (record,) = driver.measure(stub.url, None, [OfferedArrival(0.0, 0.0)], EarlyEnd(drain_s=0.2)).records
    assert 0.2 <= time.monotonic() - began < 10
    assert (record.state, record.error) == (OperationState.TIMED_OUT, "timed out: not over when the trial was")


def test_a_system_that_died_ends_the_trial(driver, stub):
    """Nothing is started any longer once the system is gone: what was is given up, what was not has no record."""
    stub.always(work_s=float("inf"))
    arrivals = [OfferedArrival(0.0, 0.0), OfferedArrival(3600.0, 0.0)]
    (record,) = driver.measure(stub.url, None, arrivals, EarlyEnd(has_died=lambda: stub.accepted > 0)).records
    assert (record.state, record.error) == (OperationState.TIMED_OUT, "timed out: its host died")
    assert driver.measure(stub.url, None, arrivals, EarlyEnd(has_died=lambda: True)).records == []


def test_a_wait_for_a_connection_is_not_generator_lateness(monkeypatch):
    """A start that a full server keeps waiting counts from its intended moment, and does not make a trial invalid."""
    monkeypatch.setattr(driving, "DEFAULT_CONNECTIONS", 1)

    def slow(peer):
        while peer.request() is not None:
            time.sleep(HELD_S)
            peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    with contextlib.closing(WireServer(slow)) as server, Driver(OfferedLoad()) as made:
        measured = made.measure(server.url, None, [OfferedArrival(0.0, 0.0)] * 2)
    waited = max(record.sent - record.intended for record in measured.records)
    assert waited >= HELD_S
    assert measured.slip_ms.max / 1000 < waited - HELD_S / 2


def test_a_fault_in_the_generator_ends_the_trial(driver, stub, monkeypatch):
    """An unexpected exception is raised where the trial is measured; it does not wait forever."""

    class Broken(FixedPolling):
        def delay_s(self, *_arguments):
            raise ZeroDivisionError("in a strategy")

    plan = driver.load.plan
    monkeypatch.setattr(OfferedLoad, "plan", lambda _, *given: replace(plan(*given), polling=Broken(0.01)))
    with pytest.raises(ZeroDivisionError, match="in a strategy"):
        driver.measure(stub.url, None, [OfferedArrival(0.0, 0.0)])


def test_each_operation_gets_its_event_once(stub, wait_until):
    """An event of the load is raised for each operation as soon as it is accepted, with its data."""
    service = replace(durable_webhooks(), event=EventDescription(UrlSource(UrlKind.PATH, "/events/{id}/{eventName}")))
    with Driver(OfferedLoad(service=service, poll_interval_s=0.01, raises=("Approved", {"by": "load"}))) as made:
        records = made.measure(stub.url, None, [OfferedArrival(0.0, 0.0)] * 2).records
        expected = sorted(f"/events/{record.instance_id}/Approved" for record in records)
        events = lambda: sorted(path for _, path, _ in stub.requests if path.startswith("/events/"))  # noqa: E731
        wait_until(lambda: events() == expected, "the events")
