"""Running a recorded history again from one of its events: what stands, what runs again, and where it cannot be."""

import pytest

from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.protocol.run_again import ORIGIN_TAG, RunAgain, origin_of
from durable_harness.scheduler.running_again import run_again
from hub_bench import child, complete, file_scenario, kinds, scenario, schedule, timer


def number_of(events, kind, nth=1):
    """Return the number of the n-th event of a kind."""
    return [number for number, one in enumerate(kinds(events), 1) if one == kind][nth - 1]


async def two_activities(bench, instance_id="i"):
    """Run an orchestration of two activities to its end."""
    await bench.start(instance_id, input='"given"')
    await bench.turn(schedule(0, "first"))
    await bench.activity('"one"')
    await bench.turn(schedule(1, "second"))
    await bench.activity('"two"')
    await bench.turn(complete('"done"'))


async def again(bench, kind, nth=1, instance_id="i", **options):
    number = number_of(await bench.history(instance_id), kind, nth)
    return await run_again(bench.hub, RunAgain(instance_id, number, **options))


async def refused(bench, kind, nth=1, **options):
    with pytest.raises(RpcError) as caught:
        await again(bench, kind, nth, **options)
    return caught.value


def message(action_id, **kind):
    return pb.OrchestratorAction(id=action_id, sendEntityMessage=kind)


@scenario
async def test_the_turn_of_the_event_runs_again(bench):
    """The turn that took the event is given again, behind the turns that stand; what it asked for is not taken."""
    bench.connect()
    await two_activities(bench)
    made = await again(bench, "taskCompleted")
    item = await bench.item("orchestratorRequest")
    request = item.orchestratorRequest
    assert request.instanceId == made
    assert kinds(request.pastEvents) == ["orchestratorStarted", "executionStarted", "taskScheduled"]
    assert kinds(request.newEvents) == ["orchestratorStarted", "taskCompleted"]
    await bench.answer(item, schedule(1, "third"))
    assert (await bench.activity()).name == "third"
    await bench.turn(complete('"otherwise"'))
    assert (await bench.state(made)).output.value == '"otherwise"'
    assert (await bench.state()).output.value == '"done"'


@scenario
async def test_it_is_an_instance_of_its_own(bench):
    """It has its own id in its start, no parent, the tags of the other one, and one that names its origin."""
    bench.connect()
    await bench.start("i", input='"given"', tags={"zone": "a"})
    await bench.turn(schedule(0, "first"))
    await bench.activity()
    await bench.turn(complete())
    made = await again(bench, "taskCompleted", new_id="mine")
    assert made == "mine"
    state = await bench.state(made)
    assert dict(state.tags) == {"zone": "a", ORIGIN_TAG: "i#5"}
    assert origin_of(state.tags[ORIGIN_TAG]) == ("i", "5")
    item = await bench.item("orchestratorRequest")
    started = item.orchestratorRequest.pastEvents[1].executionStarted
    assert started.orchestrationInstance.instanceId == "mine"
    assert started.orchestrationInstance.executionId.value == state.executionId.value
    assert started.input.value == '"given"'


@scenario
async def test_the_payload_of_the_event_is_edited(bench):
    """The event that is taken last has the payload that was written; the recorded one stays as it was."""
    bench.connect()
    await two_activities(bench)
    await again(bench, "taskCompleted", payload='"edited"')
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.newEvents[1].taskCompleted.result.value == '"edited"'
    assert (await bench.history())[4].taskCompleted.result.value == '"one"'


@scenario
async def test_the_input_is_edited(bench):
    """The start has the input that was written, whether it stands or is run again, and so has the state."""
    bench.connect()
    await two_activities(bench)
    for kind in ("executionStarted", "taskCompleted"):
        made = await again(bench, kind, input='"other"')
        request = (await bench.item("orchestratorRequest")).orchestratorRequest
        started = [event for event in [*request.pastEvents, *request.newEvents] if event.HasField("executionStarted")]
        assert [event.executionStarted.input.value for event in started] == ['"other"']
        assert (await bench.state(made)).input.value == '"other"'


@scenario
async def test_what_had_no_outcome_by_then_is_run_again(bench):
    """Activities and timers that came to their end later are waited for by the new instance itself."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "quick"), schedule(1, "slow"), timer(2, 60))
    await bench.activity('"first"')
    await bench.turn()
    await bench.activity('"second"')
    await bench.turn(complete())
    made = await again(bench, "taskCompleted")
    assert (await bench.activity('"again"')).name == "slow"
    bench.clock.advance(61)
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.instanceId == made
    assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "taskCompleted"]
    await bench.answer(item)
    assert await bench.turn(complete()) == ["orchestratorStarted", "taskCompleted", "timerFired"]


@file_scenario
async def test_it_outlives_the_process(bench):
    """What was taken and what is waited for is there again after a sudden death."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "quick"), schedule(1, "slow"))
    await bench.activity('"first"')
    await bench.turn()
    await bench.activity()
    await bench.turn(complete())
    made = await again(bench, "taskCompleted")
    bench.restart()
    bench.connect()
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.instanceId == made
    assert len(item.orchestratorRequest.pastEvents) == 4
    await bench.answer(item)
    assert (await bench.activity()).name == "slow"
    await bench.turn(complete())
    assert await bench.status(made) == "COMPLETED"


@scenario
async def test_from_the_start_nothing_stands(bench):
    """From the start of an execution all is run again: it is a new instance like any other."""
    bench.connect()
    await two_activities(bench)
    made = await again(bench, "executionStarted")
    assert await bench.status(made) == "PENDING"
    assert await bench.turn(complete()) == ["orchestratorStarted", "executionStarted"]


@scenario
async def test_a_child_that_had_ended_stands(bench):
    """The outcome of a sub-orchestration that had ended by then stands: none is started."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c"))
    await bench.turn(complete('"of the child"'))
    await bench.turn(schedule(1, "after"))
    made = await again(bench, "subOrchestrationInstanceCompleted")
    await bench.activity()
    item = await bench.item("orchestratorRequest")
    while item.orchestratorRequest.instanceId != made:
        await bench.answer(item, complete())
        item = await bench.item("orchestratorRequest")
    assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "subOrchestrationInstanceCompleted"]


@scenario
async def test_a_child_that_was_running_is_refused(bench):
    """From an event at which a sub-orchestration was running it cannot be: the child is named."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "a"), child(1, "the-child"))
    await bench.activity()
    await bench.turn(complete())
    while not any(kind == "taskCompleted" for kind in kinds(await bench.history())):
        await bench.turn(complete())
    error = await refused(bench, "taskCompleted")
    assert error.status is RpcStatus.FAILED_PRECONDITION
    assert "the sub-orchestration child 'the-child' was running" in str(error)


@scenario
async def test_a_lock_that_was_held_is_refused(bench):
    """While a lock on entities is held it cannot be: they are named; once all are unlocked it can."""
    bench.connect()
    await bench.start()
    asked = {"criticalSectionId": "s", "lockSet": ["@a@1", "@b@1"], "parentInstanceId": {"value": "i"}}
    await bench.turn(message(0, entityLockRequested=asked))
    unlocks = [
        message(number, entityUnlockSent={"criticalSectionId": "s", "targetInstanceId": {"value": entity}})
        for number, entity in ((1, "@a@1"), (2, "@b@1"))
    ]
    await bench.turn(*unlocks, schedule(3, "after"))
    await bench.activity()
    await bench.turn(complete())
    error = await refused(bench, "entityLockGranted")
    assert error.status is RpcStatus.FAILED_PRECONDITION
    assert "the lock on @a@1, @b@1" in str(error)
    assert await again(bench, "taskCompleted")


@scenario
async def test_a_call_that_was_open_is_refused(bench):
    """While the answer of an entity was waited for it cannot be: the entity and the operation are named."""
    bench.connect()
    await bench.start()
    called = {
        "requestId": "r",
        "operation": "add",
        "targetInstanceId": {"value": "@a@1"},
        "parentInstanceId": {"value": "i"},
    }
    await bench.turn(message(0, entityOperationCalled=called), schedule(1, "a"))
    await bench.activity()
    await bench.turn(complete())
    error = await refused(bench, "taskCompleted")
    assert "the answer of entity @a@1 to 'add'" in str(error)


@scenario
async def test_a_restart_has_no_origin(bench):
    """What is started again from its beginning took no history, and does not say that it did; other tags stay."""
    bench.connect()
    await bench.start(tags={"zone": "a"})
    await bench.turn(complete())
    made = await again(bench, "executionStarted")
    await bench.turn(complete())
    request = pb.RestartInstanceRequest(instanceId=made, restartWithNewInstanceId=True)
    restarted = (await bench.hub.restart_instance(request)).instanceId
    assert dict((await bench.state(restarted)).tags) == {"zone": "a"}


@scenario
async def test_what_cannot_be_taken_is_named(bench):
    """An event that did not come in, one that there is not, a payload that there is not and ids that are taken."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "a"), timer(1, 5))
    bench.clock.advance(6)
    await bench.turn()
    await bench.activity()
    await bench.turn(complete())
    assert "the orchestrator asked for" in str(await refused(bench, "taskScheduled"))
    assert "has no payload" in str(await refused(bench, "timerFired", payload="1"))
    assert (await refused(bench, "taskCompleted", new_id="i")).status is RpcStatus.ALREADY_EXISTS
    assert "starts with @" in str(await refused(bench, "taskCompleted", new_id="@i"))
    for asked, status in (
        (RunAgain("i", 99), RpcStatus.INVALID_ARGUMENT),
        (RunAgain("nobody", 1), RpcStatus.NOT_FOUND),
    ):
        with pytest.raises(RpcError) as caught:
            await run_again(bench.hub, asked)
        assert caught.value.status is status
