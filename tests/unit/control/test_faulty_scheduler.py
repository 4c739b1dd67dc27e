"""A scheduler that misbehaves: what is lost, late or broken comes back when a test ends its fault."""

import asyncio

import pytest

from durable_harness.control import FaultyScheduler, Rules
from durable_harness.protocol import RpcError, RpcStatus
from hub_bench import complete, run_with_bench, schedule

NEVER_S = 3600.0


def faulty(bench, fault, **settings):
    """Put a fault of all activities between the bench and its hub; return the rules."""
    rules = Rules()
    rules.add(fault, kinds=["activity"], names=[], count=None, probability=1.0, seed="1", **settings)
    bench.hub = FaultyScheduler(bench.hub, rules)
    bench.connect()
    return rules


def in_memory(scenario, fault="drop", **settings):
    """Run a scenario in which one activity is struck."""

    async def story(bench):
        faulty(bench, fault, **settings)
        await bench.start()
        await bench.turn(schedule(0))
        await scenario(bench)

    asyncio.run(run_with_bench(story, None))


def test_a_lost_item_comes_when_its_fault_ends():
    """An item that is never given back by itself comes when its own fault ends, and not when another one does."""

    async def scenario(bench):
        assert await bench.no_item()
        other = bench.hub.rules.add(
            "drop", kinds=["entity"], names=[], count=None, probability=1.0, seed="1", back_after_s=None
        )
        await bench.hub.end(other.number)
        assert await bench.no_item()
        await bench.hub.end(1)
        assert (await bench.activity()).name == "a"

    in_memory(scenario, back_after_s=None)


def test_an_item_that_came_back_is_not_given_back_again():
    """Once a test has ended all faults, the time after which a lost item would return changes nothing."""

    async def scenario(bench):
        await bench.no_item()
        await bench.hub.end()
        await bench.activity()
        assert await bench.turn(complete()) == ["orchestratorStarted", "taskCompleted"]
        assert await bench.no_item()

    in_memory(scenario, back_after_s=0.0)


def test_a_late_item_is_hurried_by_the_end_of_its_fault():
    """A delayed item comes at once when its fault ends, and only then."""

    async def scenario(bench):
        assert await bench.no_item()
        other = bench.hub.rules.add(
            "delay", kinds=["entity"], names=[], count=None, probability=1.0, seed="1", least_s=0.0, most_s=0.0
        )
        await bench.hub.end(other.number)
        assert await bench.no_item()
        await bench.hub.end(1)
        assert (await bench.activity()).name == "a"

    in_memory(scenario, "delay", least_s=NEVER_S, most_s=NEVER_S)


def test_a_reset_breaks_streams_until_it_ends():
    """A reset fails the open streams; a new one gets no work until the end, also after a second reset."""

    async def scenario(bench):
        bench.hub.reset_streams(NEVER_S)
        with pytest.raises(RpcError) as broken:
            await bench.worker._reading
        assert broken.value.status is RpcStatus.UNAVAILABLE
        bench.hub.reset_streams(NEVER_S)
        bench.connect()
        assert await bench.no_item()
        await bench.hub.end()
        assert (await bench.activity()).name == "a"

    in_memory(scenario, "duplicate")


def test_streams_are_back_after_the_time_of_a_reset():
    """Without an end a reset lasts as long as was asked for."""

    async def scenario(bench):
        bench.hub.reset_streams(0.0)
        await asyncio.gather(bench.worker._reading, return_exceptions=True)
        bench.connect()
        assert (await bench.activity()).name == "a"

    in_memory(scenario, "duplicate")
