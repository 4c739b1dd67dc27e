"""Faults of kind "start": they strike the first turn of each operation, and no other work."""

import asyncio
import functools

import pytest

from durable_harness.control import FaultyScheduler, Rules
from durable_harness.protocol import RpcError, pb
from hub_bench import child, complete, scenario, schedule

DELAY_S = 3600.0
AGAIN = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
REUSED = {"orchestrationIdReusePolicy": {"replaceableStatus": [pb.ORCHESTRATION_STATUS_COMPLETED]}}


def faulty(bench, fault="delay", **settings):
    """Put a fault of starts between the bench and its hub; return its rule."""
    rules = Rules()
    settings = settings or {"least_s": 0.0, "most_s": 0.0}
    rule = rules.add(fault, kinds=["start"], names=[], count=None, probability=1.0, seed="1", **settings)
    bench.hub = FaultyScheduler(bench.hub, rules)
    bench.connect()
    return rule


def struck(rule):
    """Return the instances that it struck, in order."""
    return [one["instance_id"] for one in rule.struck]


@scenario
async def test_a_start_is_struck_once_an_operation(bench):
    """Later turns, activities and sub-orchestrations are not struck."""
    rule = faulty(bench)
    await bench.start("a")
    await bench.start("b")
    await bench.turn(schedule(0), child(1, "below"))
    await bench.turn(complete())
    await bench.activity()
    await bench.turn(complete())  # the child's only turn, or the parent's second one
    await bench.turn(complete())
    assert struck(rule) == ["a", "b"]
    assert {one["kind"] for one in rule.struck} == {"start"}


@scenario
async def test_a_new_execution_is_no_start(bench):
    """An orchestration that continues as new is still the operation that was struck; its ID may be used again."""
    rule = faulty(bench)
    for _ in range(2):
        await bench.start("a", **REUSED)
        for _ in range(3):
            await bench.turn(complete("1", status=AGAIN))
        await bench.turn(complete())
        assert await bench.status("a") == "COMPLETED"
    assert struck(rule) == ["a", "a"]


@scenario
async def test_an_answer_that_is_refused_continues_nothing(bench):
    """If a worker's answer does not count, the next first turn is that of the next operation."""
    rule = faulty(bench)
    await bench.start("a")
    item = await bench.item()
    await bench.answer(item, complete())
    with pytest.raises(RpcError):
        await bench.answer(item, complete("1", status=AGAIN))
    await bench.start("a", **REUSED)
    await bench.turn(complete())
    assert struck(rule) == ["a", "a"]


@scenario
async def test_a_delayed_start_comes_after_its_delay(bench):
    """The first turn waits as long as the fault specifies; an activity of the same operation does not wait."""
    faulty(bench, least_s=DELAY_S, most_s=DELAY_S)
    waits = delays_of(DELAY_S)
    await bench.start("a")
    assert await bench.no_item()
    assert len(waits) == 1
    waits[0]()
    await bench.turn(schedule(0))
    await bench.activity()
    await bench.turn(complete())
    assert len(waits) == 1


def delays_of(seconds):
    """Return a list of what the event loop is asked from now on to call after exactly this time."""
    loop = asyncio.get_running_loop()
    call_later, waits = loop.call_later, []

    def noted(delay_s, callback, *arguments, **context):
        if delay_s == seconds:
            waits.append(functools.partial(callback, *arguments))
        return call_later(delay_s, callback, *arguments, **context)

    loop.call_later = noted
    return waits
