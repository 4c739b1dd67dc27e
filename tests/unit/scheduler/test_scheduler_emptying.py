"""A task hub that forgets everything between two tests: nothing of the first is left, whatever was in progress."""

import asyncio

import pytest

from durable_harness.protocol import RpcError, pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from hub_bench import at, complete, file_scenario, scenario, schedule, timer

DAY_S = 86_400


async def empty(bench):
    """Do to the hub of a bench what `SchedulerService.empty` does."""
    await bench.hub.journal.written()
    bench.hub.state.forget_all()
    await bench.hub.journal.settled()
    bench.hub.dispatcher.drop_unawaited()


async def listed(hub):
    """Return the IDs of the instances and entities that queries find."""
    query = pb.QueryInstancesRequest(query=pb.InstanceQuery(maxInstanceCount=100))
    instances = await hub.query_instances(query)
    entities = await hub.query_entities(pb.QueryEntitiesRequest(query=pb.EntityQuery(includeTransient=True)))
    return [one.instanceId for one in instances.orchestrationState] + [one.instanceId for one in entities.entities]


async def signal(bench, entity_id="@counter@a", due_s=None):
    """Signal an entity, now or later."""
    scheduled = {"scheduledTime": at(due_s)} if due_s is not None else {}
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId=entity_id, name="add", **scheduled))


async def finish_batch(bench, item, state="1"):
    """Answer a batch of one operation."""
    result = pb.EntityBatchResult(completionToken=item.completionToken, results=[pb.OperationResult(success={})])
    result.entityState.value = state
    await bench.hub.complete_entity_task(result)


@scenario
async def test_nothing_is_left(bench):
    """Instances in every state and entities are gone, and their IDs are free."""
    bench.connect()
    await bench.start("ended")
    await bench.turn(complete('"done"'))
    await bench.start("waiting")
    await bench.turn(timer(0, DAY_S))
    await bench.start("scheduled", scheduledStartTimestamp=at(DAY_S))
    await signal(bench)
    await finish_batch(bench, await bench.item("entityRequestV2"))
    assert sorted(await listed(bench.hub)) == ["@counter@a", "ended", "scheduled", "waiting"]
    await empty(bench)
    assert await listed(bench.hub) == []
    await bench.start("waiting")
    await bench.turn(complete('"again"'))
    assert (await bench.state("waiting")).output.value == '"again"'
    assert [event.WhichOneof("eventType") for event in await bench.history("waiting")][:2] == [
        "orchestratorStarted",
        "executionStarted",
    ]


@scenario
async def test_no_work_of_before_comes(bench):
    """Turns, activities and batches that wait for a worker are forgotten with what they were for."""
    bench.connect(maxConcurrentActivityWorkItems=1, maxConcurrentEntityWorkItems=1)
    await bench.start("a")
    await bench.turn(schedule(0), schedule(1))
    held = await bench.item("activityRequest")
    await signal(bench)
    batch = await bench.item("entityRequestV2")
    await signal(bench)
    await empty(bench)
    await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=held.completionToken))
    await finish_batch(bench, batch)
    assert await bench.no_item()
    assert await listed(bench.hub) == []


@scenario
async def test_what_waits_for_a_worker_is_forgotten_at_once(bench):
    """No work of before is in a queue any more when the hub is empty, for a worker that comes just then."""
    await bench.start("a")
    await signal(bench)
    async with asyncio.timeout(5):
        while not bench.hub.journal.idle:  # noqa: ASYNC110 - what is looked at reports nothing
            await asyncio.sleep(0)
    assert len(list(bench.hub.dispatcher.ready())) == 2
    bench.hub.state.forget_all()
    assert list(bench.hub.dispatcher.ready()) == []


@scenario
async def test_nothing_of_before_becomes_due(bench):
    """Timers, scheduled starts and delayed signals of before bring nothing when their time comes."""
    bench.connect()
    await bench.start("timer")
    await bench.turn(timer(0, DAY_S))
    await bench.start("scheduled", scheduledStartTimestamp=at(DAY_S))
    await signal(bench, due_s=DAY_S)
    await empty(bench)
    bench.clock.advance(2 * DAY_S)
    assert await bench.no_item()
    assert await listed(bench.hub) == []


@scenario
async def test_an_answer_of_before_changes_nothing_of_its_namesakes(bench):
    """A turn and a batch that a worker has in hand mean nothing to a new instance and entity of the same IDs."""
    bench.connect()
    await bench.start("i")
    turn = await bench.item("orchestratorRequest")
    await signal(bench)
    batch = await bench.item("entityRequestV2")
    await empty(bench)
    await bench.start("i")
    await signal(bench)
    await bench.answer(turn, complete('"old"'))
    await finish_batch(bench, batch, "old")
    assert await bench.status("i") == "PENDING"
    await bench.turn(complete('"new"'))
    await finish_batch(bench, await bench.item("entityRequestV2"), "new")
    assert (await bench.state("i")).output.value == '"new"'
    entity = await bench.hub.get_entity(pb.GetEntityRequest(instanceId="@counter@a", includeState=True))
    assert entity.entity.serializedState.value == "new"


@scenario
async def test_work_that_was_given_back_does_not_come_again(bench):
    """Work that a worker abandons or loses after the hub was emptied rests forever."""
    bench.connect()
    await bench.start("i")
    turn = await bench.item("orchestratorRequest")
    await signal(bench)
    await bench.item("entityRequestV2")
    await empty(bench)
    await bench.hub.abandon_orchestrator_task(pb.AbandonOrchestrationTaskRequest(completionToken=turn.completionToken))
    await bench.worker.close()
    bench.connect()
    assert await bench.no_item()


@scenario
async def test_who_waits_for_an_end_is_answered(bench):
    """A client that waits for an instance's end hears that there is no such instance."""
    await bench.start("i")
    waiting = asyncio.ensure_future(bench.hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId="i")))
    await asyncio.sleep(0)
    await empty(bench)
    async with asyncio.timeout(5):
        assert not (await waiting).exists


@file_scenario
async def test_a_file_holds_nothing_either(bench):
    """After the death of the process the file has nothing of before, and all that came since."""
    bench.connect()
    await bench.start("old")
    await bench.turn(timer(0, DAY_S))
    await signal(bench, due_s=DAY_S)
    await signal(bench, "@counter@b")
    batch = await bench.item("entityRequestV2")
    await empty(bench)
    await finish_batch(bench, batch)
    await bench.start("new")
    bench.restart()
    assert await listed(bench.hub) == ["new"]
    bench.clock.advance(2 * DAY_S)
    assert await listed(bench.hub) == ["new"]


def test_time_does_not_jump_to_what_was_due_before():
    """A due time of before is none when time is skipped, and one who slept until a time continues at once."""

    async def scene():
        service = SchedulerService(SchedulerOptions())
        try:
            begin = pb.CreateInstanceRequest(instanceId="i", name="o", scheduledStartTimestamp=at(400 * DAY_S))
            begin.scheduledStartTimestamp.FromSeconds(int(service.clock.now_ns() / 1e9) + DAY_S)
            await service.hub("default").start_instance(begin)
            sleeping = asyncio.ensure_future(service.alarms.sleep("", DAY_S))
            await asyncio.sleep(0)
            await service.empty()
            async with asyncio.timeout(5):
                await sleeping
            service.skip_time(on=True)
            await asyncio.sleep(0)
            return service.clock.is_moved, service.clock.due_count
        finally:
            await service.close()

    assert asyncio.run(scene()) == (False, 0)


def test_a_scheduler_that_is_ending_is_not_emptied():
    """Emptying is refused where no change can be written any more."""

    async def scene():
        service = SchedulerService(SchedulerOptions())
        await service.finish()
        try:
            with pytest.raises(RpcError, match="is ending"):
                await service.empty()
        finally:
            await service.close()

    asyncio.run(scene())
