"""What the scheduler notes of each piece of work, and for how long."""

import asyncio

import pytest

from durable_harness.host.work.remote_timings import timings_from_history
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.scheduler.timings import Timings, WorkTimes
from hub_bench import child, complete, scenario, schedule


def works(document, kind):
    return [work for work in document["work"] if work["kind"] == kind]


async def offered(bench, instance_id):
    """Return what is noted of an instance once its first turn was offered to workers."""
    async with asyncio.timeout(5):
        while True:
            document = await bench.hub.instance_timings(instance_id)
            if document["work"][0]["offeredNs"] is not None:
                return document
            await asyncio.sleep(0)


@scenario
async def test_work_is_noted_from_ready_to_answered(bench):
    """Each turn and each activity has its moments in their order, and the ids by which its history names it."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(7))
    await bench.activity()
    await bench.turn(complete())
    document = await bench.hub.instance_timings("i")
    assert [len(works(document, kind)) for kind in ("turn", "activity")] == [2, 1]
    assert works(document, "activity")[0]["task"] == 7
    for work in document["work"]:
        moments = [work[name] for name in ("readyNs", "offeredNs", "sentNs", "doneNs")]
        assert moments == sorted(moments)
    assert [event["id"] for event in document["events"] if event["kind"] == "taskScheduled"] == [7]


@scenario
async def test_work_beyond_a_limit_waits_for_a_slot(bench):
    """What a worker accepts and has no room for waits for a slot; the first that it takes waits for nothing."""
    bench.connect(maxConcurrentActivityWorkItems=1)
    await bench.start()
    await bench.turn(schedule(1), schedule(2))
    await bench.item("activityRequest")
    document = await bench.hub.instance_timings("i")
    waits = {work["task"]: (work["waitedFor"], work["sentNs"] is None) for work in works(document, "activity")}
    assert waits == {1: ("", False), 2: ("slot", True)}


@scenario
async def test_work_that_no_worker_accepts_waits_for_one(bench):
    """Without a worker, or with one that does not take this orchestrator, an instance waits for one."""
    await bench.start()
    document = await offered(bench, "i")
    assert [work["waitedFor"] for work in works(document, "turn")] == ["worker"]
    filters = pb.WorkItemFilters(orchestrations=[pb.OrchestrationFilter(name="another")])
    bench.connect(workItemFilters=filters)
    assert await bench.no_item()
    await bench.start("j")
    assert [work["waitedFor"] for work in works(await offered(bench, "j"), "turn")] == ["worker"]


@scenario
async def test_work_that_came_back_begins_again(bench):
    """A lost worker's work is ready as before, and not sent: the next one's time counts."""
    bench.connect()
    await bench.start()
    await bench.item()
    await bench.worker.close()
    document = await bench.hub.instance_timings("i")
    (turn,) = works(document, "turn")
    assert (turn["sentNs"], turn["waitedFor"]) == (None, "worker")


@scenario
async def test_sub_orchestrations_are_in_the_answer(bench):
    """A tree is described in one answer."""
    bench.connect()
    await bench.start()
    await bench.turn(child(1, "c"))
    document = await bench.hub.instance_timings("i")
    assert [each["instanceId"] for each in document["children"]] == ["c"]


@scenario
async def test_of_another_scheduler_its_history_is_known(bench):
    """Without our method there are the events of the instance and its children, and no moment of any work."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(1), child(2, "c"))
    ours = await bench.hub.instance_timings("i")
    found = await timings_from_history(bench.hub, "i")
    assert found["events"] == ours["events"]
    assert (found["work"], found["nowNs"]) == ([], None)
    assert [each["instanceId"] for each in found["children"]] == ["c"]
    with pytest.raises(RpcError) as caught:
        await timings_from_history(bench.hub, "nobody")
    assert caught.value.status is RpcStatus.NOT_FOUND


@scenario
async def test_a_purged_instance_is_forgotten(bench):
    """Its notes go with it."""
    bench.connect()
    await bench.start()
    await bench.turn(complete())
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i"))
    assert bench.hub.state.timings.of("i") == []
    with pytest.raises(RpcError) as caught:
        await bench.hub.instance_timings("i")
    assert caught.value.status is RpcStatus.NOT_FOUND


@scenario
async def test_a_moved_clock_is_reported(bench):
    """Times of a clock that was moved by hand are no measurements."""
    bench.connect()
    await bench.start()
    bench.clock.is_moved = True
    assert (await bench.hub.instance_timings("i"))["isTimed"] is False


def test_the_memory_of_notes_has_a_bound():
    """Of too much work that of the instances that were idle longest goes first; one of them never takes it all."""
    timings = Timings(most=6)
    for number in range(4):
        for _ in range(2):
            timings.note(f"i{number}", WorkTimes())
    assert [len(timings.of(f"i{number}")) for number in range(4)] == [0, 2, 2, 2]
    timings.note("i1", WorkTimes())
    assert [len(timings.of(f"i{number}")) for number in range(4)] == [0, 3, 0, 2]
