"""The driver of experiments: what a trial measures, what it gives up, and whom a late start is laid to."""

import contextlib
import time
from dataclasses import replace

import pytest
from wire_server import WireServer

from durable_harness.experiments import driver as driving
from durable_harness.experiments.driver import Driver
from durable_harness.experiments.offered import Arrival, OfferedLoad
from durable_harness.operations import FixedPolling, OperationState

HELD_S = 0.4


@pytest.fixture
def driver():
    """Give a driver that polls every 10 ms."""
    with Driver(OfferedLoad(poll_interval_s=0.01)) as made:
        yield made


def test_records_are_in_the_order_of_the_arrivals(driver, stub):
    """Whatever ends first, the records stand as the arrivals do, each intended when its arrival was."""
    arrivals = [Arrival(offset_s, 0.0) for offset_s in (0.0, 0.05, 0.05, 0.2)]
    records = driver.measure(stub.url, None, arrivals).records
    assert [record.state for record in records] == [OperationState.COMPLETED] * 4
    assert [record.intended - records[0].intended for record in records] == pytest.approx([0.0, 0.05, 0.05, 0.2])


def test_one_driver_measures_again(driver, stub):
    """Each measurement has its own records and its own slip, over the connections of the last one."""
    counts = [driver.measure(stub.url, None, [Arrival(0.0, 0.0)] * number).slip_ms.count for number in (3, 2)]
    assert counts == [3, 2]
    assert stub.accepted == 5


def test_lateness_in_the_warm_up_is_not_counted(driver, stub):
    """Slip is that of the arrivals after the warm-up; the records are those of all."""
    arrivals = [Arrival(offset_s, 0.0) for offset_s in (0.0, 0.05, 0.2)]
    measured = driver.measure(stub.url, None, arrivals, warm_up_s=0.1)
    assert (len(measured.records), measured.slip_ms.count) == (3, 1)


def test_what_has_not_ended_in_time_is_given_up(driver, stub):
    """A trial is over some time after its last arrival: what never ends counts as timed out, with the reason."""
    stub.always(work_s=float("inf"))
    began = time.monotonic()
    (record,) = driver.measure(stub.url, None, [Arrival(0.0, 0.0)], drain_s=0.2).records
    assert 0.2 <= time.monotonic() - began < 10
    assert (record.state, record.error) == (OperationState.TIMED_OUT, "timed out: not over when the trial was")


def test_waiting_for_a_connection_is_not_the_generators_lateness(monkeypatch):
    """A start that a full server keeps waiting counts from its intended moment, and does not make a trial invalid."""
    monkeypatch.setattr(driving, "DEFAULT_CONNECTIONS", 1)

    def slow(peer):
        while peer.request() is not None:
            time.sleep(HELD_S)
            peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    with contextlib.closing(WireServer(slow)) as server, Driver(OfferedLoad()) as made:
        measured = made.measure(server.url, None, [Arrival(0.0, 0.0)] * 2)
    waited = max(record.sent - record.intended for record in measured.records)
    assert waited >= HELD_S
    assert measured.slip_ms.max / 1000 < waited - HELD_S / 2


def test_a_fault_in_the_generator_ends_the_trial(driver, stub, monkeypatch):
    """An exception that nobody expected is raised where the trial is measured; it does not wait for ever."""

    class Broken(FixedPolling):
        def delay_s(self, *_arguments):
            raise ZeroDivisionError("in a strategy")

    plan = driver.load.plan
    monkeypatch.setattr(OfferedLoad, "plan", lambda _, *given: replace(plan(*given), polling=Broken(0.01)))
    with pytest.raises(ZeroDivisionError, match="in a strategy"):
        driver.measure(stub.url, None, [Arrival(0.0, 0.0)])
