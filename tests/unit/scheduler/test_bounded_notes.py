"""What a scheduler notes beside instances: bounded, and of those who wait only while they do."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace

import pytest

from durable_harness.protocol import RpcError, RpcStatus, from_ns, pb
from durable_harness.protocol.timings import short_event
from durable_harness.scheduler import grpc_service
from durable_harness.scheduler.entity_views import inside
from durable_harness.scheduler.instances.repeats import Repeats
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.waiters import Waiters


def waiting(story):
    """Run a story with one that waits for an instance, and one that was cancelled in the same moment."""

    async def run():
        waiters = Waiters()
        kept, cancelled = (asyncio.ensure_future(waiters.wait_for_change("i")) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        story(waiters)
        return await asyncio.gather(kept, cancelled, return_exceptions=True)

    return asyncio.run(run())


def test_a_change_wakes_who_waits_for_it():
    """A request that was cancelled meanwhile does not keep the others from being woken."""
    kept, cancelled = waiting(lambda waiters: waiters.wake(["other", "i"]))
    assert kept is None
    assert isinstance(cancelled, asyncio.CancelledError)


def test_who_waits_is_refused_while_nothing_can_be_written():
    """Each gets an error of its own; a request that was cancelled stays so."""
    kept, cancelled = waiting(lambda waiters: waiters.refuse(RpcError(RpcStatus.RESOURCE_EXHAUSTED, "full")))
    assert (kept.status, str(kept)) == (RpcStatus.RESOURCE_EXHAUSTED, "full")
    assert isinstance(cancelled, asyncio.CancelledError)


@pytest.mark.parametrize("body", [b"{}", b'{"name": 3, "dueNs": 1}', b'{"name": "a", "dueNs": "1"}'])
def test_an_alarm_has_a_name_and_a_time(body):
    """A request that is none of ours is refused with what is expected."""
    with pytest.raises(RpcError) as refused:
        grpc_service._read_alarm(body)
    assert refused.value.status is RpcStatus.INVALID_ARGUMENT
    assert grpc_service._read_alarm(b'{"name": "a", "dueNs": 1}') == ("a", 1)


@pytest.mark.parametrize("body", [b"{}", b'{"token": "t", "seconds": -1}', b'{"token": "t", "seconds": Infinity}'])
def test_a_sleep_has_a_token_and_a_time(body):
    """No sleep is shorter than nothing, or without end."""
    with pytest.raises(RpcError) as refused:
        grpc_service._read_sleep(body)
    assert refused.value.status is RpcStatus.INVALID_ARGUMENT
    assert grpc_service._read_sleep(b'{"token": "t", "seconds": 1.5}') == ("t", 1.5)


def test_an_entity_that_is_not_there_may_be_wanted():
    """Locks are requested of entities that have no state yet: who wants one is shown."""
    wish = SimpleNamespace(parent_id="i", entity_ids=["@a@1"])
    assert inside(None, "@a@1", [wish]).wanted_by == ["i"]
    assert inside(None, "@b@2", [wish]).wanted_by == []


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ({"timerCreated": {"fireAt": from_ns(7)}}, {"dueNs": 7}),
        ({"entityOperationCalled": {"targetInstanceId": {"value": "@a@1"}}}, {"entity": "@a@1"}),
        ({"entityLockRequested": {"lockSet": ["@a@1", "@b@2"]}}, {"entities": ["@a@1", "@b@2"]}),
        ({"executionStarted": {"name": "o", "scheduledStartTimestamp": from_ns(9)}}, {"dueNs": 9}),
    ],
)
def test_an_event_is_kept_in_short(given, short):
    """What a critical path needs of an event is kept: when it is due, and which entities it is about."""
    found = short_event(pb.HistoryEvent(eventId=3, timestamp=from_ns(5), **given))
    assert found.items() >= {"kind": next(iter(given)), "id": 3, "timeNs": 5, **short}.items()
    assert "input" not in found


def rows_of(repeats):
    """Return the rows that are to be written now."""
    rows = defaultdict(list)
    repeats.collect_rows(rows)
    return {statement: given for statement, given in rows.items() if given}


def test_repeats_are_those_of_an_execution():
    """An instance that continued as new numbers its tasks again: only the present ones are shown."""
    repeats = Repeats()
    repeats.note(1, "former", 0)
    repeats.note(1, "present", 0)
    repeats.note(1, "present", 0)
    assert repeats.of(SimpleNamespace(key=1, execution_id="present")) == {0: 2}
    written = rows_of(repeats)[sql.PUT_REPEATS]
    assert sorted(written) == [(1, "former", 0, 1), (1, "present", 0, 2)]
    assert rows_of(repeats) == {}


def test_repeats_of_a_removed_instance_are_deleted():
    """What was noted of an instance that is gone is deleted, and not written before."""
    repeats = Repeats()
    repeats.note(1, "e", 0)
    repeats.forget(2)
    repeats.forget_all()
    assert rows_of(repeats) == {sql.DELETE_REPEATS: [(1,)]}
    assert repeats.of(SimpleNamespace(key=1, execution_id="e")) == {}
