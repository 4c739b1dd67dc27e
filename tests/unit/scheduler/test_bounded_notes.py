"""What a scheduler notes beside instances: bounded, and of those who wait only while they do."""

import asyncio
from types import SimpleNamespace

import pytest

from durable_harness.protocol import RpcError, RpcStatus
from durable_harness.scheduler import grpc_service
from durable_harness.scheduler.entity_views import inside
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
