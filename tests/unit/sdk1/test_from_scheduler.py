"""Histories that are read from a scheduler elsewhere, and what is reported if it has none."""

import asyncio

import pytest

from durable_harness.errors import UnreachableError, UsageError
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.replay import from_scheduler
from durable_harness.settings import SchedulerAddress
from history_events import event

ADDRESS = SchedulerAddress("http://localhost:9", "None")


@pytest.fixture
def scheduler(monkeypatch):
    """A scheduler with one instance, whose answers a test replaces."""

    class Scheduler:
        is_closed = False
        chunks = ()

        def __init__(self, *_):
            """Connect to nothing."""

        async def connect(self):
            """Greet at once."""

        async def get_instance(self, request):
            return pb.GetInstanceResponse(exists=request.instanceId == "i")

        async def stream_instance_history(self, _request):
            for chunk in self.chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield pb.HistoryChunk(events=chunk)

        async def close(self):
            Scheduler.is_closed = True

    monkeypatch.setattr(from_scheduler, "GrpcScheduler", Scheduler)
    yield Scheduler
    assert Scheduler.is_closed


def read(instance_id="i", timeout_s=60):
    return from_scheduler.history_of(ADDRESS, "hub", instance_id, timeout_s)


def test_a_history_is_read_from_all_its_parts(scheduler):
    """The events of all chunks are one history."""
    scheduler.chunks = ([event(executionStarted={"name": "ship"})], [event(1, eventRaised={"name": "go"})])
    assert [one.WhichOneof("eventType") for one in read().events] == ["executionStarted", "eventRaised"]


def test_an_unknown_instance_is_an_error(scheduler):
    """The error names the instance and the task hub."""
    with pytest.raises(UsageError, match="There is no instance 'x' in the task hub 'hub'"):
        read("x")


def test_a_history_that_is_refused_is_an_error(scheduler):
    """The words of the scheduler are in the error."""
    scheduler.chunks = (RpcError(RpcStatus.UNAVAILABLE, "gone"),)
    with pytest.raises(UsageError, match="The scheduler does not give the history of 'i': gone"):
        read()


def test_a_scheduler_that_is_silent_is_not_waited_for_forever(scheduler):
    """After the time that an answer may take the error has what to do."""

    async def connect(_self):
        await asyncio.Event().wait()

    scheduler.connect = connect
    with pytest.raises(UnreachableError, match=r"has not answered for 0\.01 s.\n.*give it longer: --timeout SECONDS"):
        read(timeout_s=0.01)
