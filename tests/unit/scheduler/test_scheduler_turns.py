"""The scheduler's core: turns, activities, timers, children, and how an instance lives and ends."""

import asyncio
from unittest import mock

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.scheduler import hub_state
from hub_bench import at, child, complete, fail, kinds, scenario, schedule, timer


@scenario
async def test_an_instance_runs_from_start_to_end(bench):
    """A started instance is pending, runs after its first turn, and ends with output, times and a whole history."""
    bench.connect()
    await bench.start(input='"x"')
    assert await bench.status() == "PENDING"
    assert await bench.turn(schedule(0, "work", "[1]")) == ["orchestratorStarted", "executionStarted"]
    assert await bench.status() == "RUNNING"
    request = await bench.activity(result='"done"')
    assert (request.name, request.input.value, request.taskId) == ("work", "[1]", 0)
    bench.clock.advance(3)
    assert await bench.turn(complete('"end"')) == ["orchestratorStarted", "taskCompleted"]
    state = await bench.state()
    assert (await bench.status(), state.output.value, state.input.value) == ("COMPLETED", '"end"', '"x"')
    assert state.lastUpdatedTimestamp == at(3)
    assert kinds(await bench.history()) == [
        "orchestratorStarted",
        "executionStarted",
        "taskScheduled",
        "orchestratorStarted",
        "taskCompleted",
        "executionCompleted",
    ]


@scenario
async def test_starts_and_ends_have_ids_in_the_history(bench):
    """An execution starts with the id 0, what was asked for has the id of its action, its end too; the rest has -1."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(1))
    await bench.activity()
    ending = complete('"end"')
    ending.id = 2
    await bench.turn(ending)
    assert [(event.WhichOneof("eventType"), event.eventId) for event in await bench.history()] == [
        ("orchestratorStarted", -1),
        ("executionStarted", 0),
        ("taskScheduled", 1),
        ("orchestratorStarted", -1),
        ("taskCompleted", -1),
        ("executionCompleted", 2),
    ]


@scenario
async def test_events_that_arrive_together_ride_in_one_turn(bench):
    """Events that come while no worker has room, or during a turn, are delivered together in their order."""
    await bench.start()
    bench.connect()
    first = await bench.item()
    for name in ("a", "b"):
        await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name=name))
    await bench.answer(first)
    second = await bench.item()
    assert [e.eventRaised.name for e in second.orchestratorRequest.newEvents[1:]] == ["a", "b"]
    assert kinds(second.orchestratorRequest.pastEvents)[-1] == "executionStarted"


@scenario
async def test_timers_fire_in_the_order_of_their_due_times(bench):
    """Timers fire when they are due, the earliest first, however they were created."""
    bench.connect()
    await bench.start()
    await bench.turn(timer(0, 20), timer(1, 10))
    bench.clock.advance(9)
    assert await bench.no_item()
    bench.clock.advance(12)
    fired = []
    while len(fired) < 2:
        item = await bench.item()
        fired += [e.timerFired.timerId for e in item.orchestratorRequest.newEvents[1:]]
        await bench.answer(item)
    assert fired == [1, 0]


@scenario
async def test_a_child_reports_to_its_parent(bench):
    """A child knows its parent and its outcome comes back under the task id that created it."""
    bench.connect()
    await bench.start()
    await bench.turn(child(5, "kid"))
    item = await bench.item()
    started = item.orchestratorRequest.newEvents[1].executionStarted
    assert started.parentInstance.orchestrationInstance.instanceId == "i"
    await bench.answer(item, complete('"grown"'))
    outcome = (await bench.item()).orchestratorRequest.newEvents[1].subOrchestrationInstanceCompleted
    assert (outcome.taskScheduledId, outcome.result.value) == (5, '"grown"')


@scenario
async def test_a_failed_child_fails_the_call_with_its_text(bench):
    """The failure of a child reaches the parent as a sub-orchestration failure with the child's message."""
    bench.connect()
    await bench.start()
    await bench.turn(child(5, "kid"))
    await bench.turn(fail("the child broke"))
    item = await bench.item()
    outcome = item.orchestratorRequest.newEvents[1].subOrchestrationInstanceFailed
    assert (outcome.taskScheduledId, outcome.failureDetails.errorMessage) == (5, "the child broke")


@scenario
async def test_a_child_whose_id_is_taken_fails_the_call(bench):
    """Creating a child under the id of an active instance fails that call and leaves the instance alone."""
    bench.connect()
    await bench.start("other")
    await bench.turn()
    await bench.start()
    await bench.turn(child(0, "other"))
    item = await bench.item()
    assert (
        "already exists"
        in item.orchestratorRequest.newEvents[1].subOrchestrationInstanceFailed.failureDetails.errorMessage
    )
    assert await bench.status("other") == "RUNNING"


@scenario
async def test_continue_as_new_begins_again_with_carried_events(bench):
    """The new execution has a new id and input; carried events come before those that arrived meanwhile."""
    bench.connect()
    await bench.start(input="1")
    item = await bench.item()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="late"))
    carried = [pb.HistoryEvent(eventId=-1, eventRaised={"name": "early"})]
    await bench.answer(item, complete("2", pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW, carryover=carried))
    again = (await bench.item()).orchestratorRequest
    assert again.executionId.value != item.orchestratorRequest.executionId.value
    assert again.newEvents[1].executionStarted.input.value == "2"
    assert [e.eventRaised.name for e in again.newEvents[2:]] == ["early", "late"]
    assert len(again.pastEvents) == 0


@scenario
async def test_outcomes_for_an_execution_that_is_over_are_dropped(bench):
    """An activity and a timer of the old execution do not reach the new one, whose ids begin at 0 again."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0), timer(1, 5))
    held = await bench.item()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    await bench.turn(complete("2", pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    await bench.turn(schedule(0))
    await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=held.completionToken))
    bench.clock.advance(6)
    assert (await bench.item()).HasField("activityRequest")
    assert await bench.no_item()


@scenario
async def test_a_suspended_instance_waits_and_then_catches_up(bench):
    """While suspended nothing is dispatched; after the resumption all that arrived is delivered."""
    bench.connect()
    await bench.start()
    await bench.turn()
    await bench.hub.suspend_instance(pb.SuspendRequest(instanceId="i"))
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    assert await bench.turn() == ["orchestratorStarted", "executionSuspended"]
    assert await bench.status() == "SUSPENDED"
    assert await bench.no_item()
    await bench.hub.resume_instance(pb.ResumeRequest(instanceId="i"))
    assert await bench.turn() == ["orchestratorStarted", "eventRaised", "executionResumed"]
    assert await bench.status() == "RUNNING"


@scenario
async def test_a_suspended_instance_can_be_terminated(bench):
    """Termination reaches an instance that is suspended."""
    bench.connect()
    await bench.start()
    await bench.turn()
    await bench.hub.suspend_instance(pb.SuspendRequest(instanceId="i"))
    await bench.turn()
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i"))
    assert "executionTerminated" in await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_TERMINATED))
    assert await bench.status() == "TERMINATED"


@scenario
async def test_an_instance_of_a_hung_worker_can_be_purged(bench):
    """A worker that never answers a turn does not keep an instance from its end; its late answer changes nothing."""
    bench.connect()
    await bench.start()
    item = await bench.item()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="before"))
    with mock.patch.object(hub_state, "TERMINATION_GRACE_S", 0):
        await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i", output={"value": "enough"}))
    ended = await bench.hub.wait_for_instance_completion(
        pb.GetInstanceRequest(instanceId="i", getInputsAndOutputs=True)
    )
    assert ended.orchestrationState.output.value == "enough"
    assert kinds(await bench.history()) == [
        "orchestratorStarted",
        "executionStarted",
        "eventRaised",
        "executionTerminated",
        "executionCompleted",
    ]
    await bench.answer(item, complete('"late"'))
    assert await bench.status() == "TERMINATED"
    purged = await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i"))
    assert purged.deletedInstanceCount == 1


@scenario
async def test_a_hanging_recursive_termination_reaches_children(bench):
    """If a worker hangs with it, the termination that ends the instance carries it on, even if that is a plain one."""
    bench.connect(maxConcurrentOrchestrationWorkItems=1)  # so that the hung turn keeps it from the child's
    await bench.start()
    await bench.turn(child(0, "kid"))
    await bench.turn(schedule(0))  # the first turn of the child
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i", recursive=True))
    await bench.item("orchestratorRequest")
    with mock.patch.object(hub_state, "TERMINATION_GRACE_S", 0):
        await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i"))
        for instance_id in ("i", "kid"):
            async with asyncio.timeout(10):
                await bench.hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId=instance_id))
            assert await bench.status(instance_id) == "TERMINATED"


@scenario
async def test_an_instance_that_no_worker_has_can_be_terminated(bench):
    """Termination takes effect without a worker, of an instance that has begun and of one that has not."""
    worker = bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "kills"))
    await worker.close()
    await bench.start("pending")
    with mock.patch.object(hub_state, "TERMINATION_GRACE_S", 0):
        for instance_id in ("i", "pending"):
            await bench.hub.terminate_instance(pb.TerminateRequest(instanceId=instance_id, output={"value": "enough"}))
            wanted = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
            async with asyncio.timeout(10):
                ended = await bench.hub.wait_for_instance_completion(wanted)
            assert ended.orchestrationState.output.value == "enough"
            assert await bench.status(instance_id) == "TERMINATED"
    assert kinds(await bench.history("pending")) == [
        "orchestratorStarted",
        "executionStarted",
        "executionTerminated",
        "executionCompleted",
    ]


@scenario
async def test_a_worker_that_answers_in_time_takes_the_termination(bench):
    """A turn that is under way when its instance is terminated is finished first, and the next one ends it."""
    bench.connect()
    await bench.start()
    item = await bench.item()
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i"))
    await bench.answer(item, schedule(0))
    assert await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_TERMINATED)) == [
        "orchestratorStarted",
        "executionTerminated",
    ]


@scenario
async def test_recursive_termination_reaches_the_children(bench):
    """A recursive termination of the parent terminates its running children, a plain one does not."""
    bench.connect()
    for name, recursive, expected in (("plain", False, "RUNNING"), ("all", True, "TERMINATED")):
        kid = f"{name}-kid"
        await bench.start(name)
        await bench.turn(child(0, kid))
        await bench.turn()
        await bench.hub.terminate_instance(pb.TerminateRequest(instanceId=name, recursive=recursive))
        await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_TERMINATED))
        if recursive:
            await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_TERMINATED))
        assert await bench.no_item()
        assert await bench.status(kid) == expected


@scenario
async def test_a_scheduled_start_waits_for_its_time(bench):
    """An instance with a scheduled start stays pending until then."""
    bench.connect()
    await bench.start(scheduledStartTimestamp=at(30))
    bench.clock.advance(29)
    assert await bench.no_item()
    bench.clock.advance(2)
    assert await bench.turn(complete()) == ["orchestratorStarted", "executionStarted"]


@scenario
async def test_an_active_id_is_refused_an_ended_one_replaced(bench):
    """A second start of an active id is ALREADY_EXISTS; the reuse policy lets ended instances be replaced."""
    bench.connect()
    await bench.start(input="1")
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED])
    with pytest.raises(RpcError, match="'i' already exists and is PENDING") as caught:
        await bench.start(orchestrationIdReusePolicy=policy)
    assert caught.value.status is RpcStatus.ALREADY_EXISTS
    await bench.turn(complete())
    with pytest.raises(RpcError):
        await bench.start()
    await bench.start(input="2", orchestrationIdReusePolicy=policy)
    assert (await bench.state()).input.value == "2"
    assert await bench.status() == "PENDING"


@scenario
async def test_a_late_answer_to_a_replaced_instance_changes_nothing(bench):
    """A worker that still has a turn of an instance that was replaced cannot touch the new one."""
    bench.connect()
    await bench.start()
    old = await bench.item()
    everything = pb.OrchestrationIdReusePolicy(replaceableStatus=pb.OrchestrationStatus.values())
    await bench.start(orchestrationIdReusePolicy=everything)
    await bench.answer(old, complete('"old"'))
    assert await bench.status() == "PENDING"
    await bench.turn(complete('"new"'))
    assert (await bench.state()).output.value == '"new"'


@scenario
async def test_waiting_for_completion_costs_nothing_and_ends(bench):
    """Any number of waiters are answered when the instance ends; an unknown id is answered at once."""
    bench.connect()
    await bench.start()
    query = pb.GetInstanceRequest(instanceId="i")
    waiters = [asyncio.ensure_future(bench.hub.wait_for_instance_completion(query)) for _ in range(20)]
    await bench.turn()
    assert not any(waiter.done() for waiter in waiters)
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    await bench.turn(complete())
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*waiters)
    assert {answer.orchestrationState.orchestrationStatus for answer in answers} == {pb.ORCHESTRATION_STATUS_COMPLETED}
    assert not (await bench.hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId="nobody"))).exists


@scenario
async def test_rewind_takes_a_failed_instance_back(bench):
    """A rewound instance replays the history that the worker rewrote and takes up again what it waits for."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0), schedule(1), timer(2, 100))
    await bench.activity(failure="no")
    await bench.turn(fail())
    with pytest.raises(RpcError, match="no orchestration instance"):
        await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="nobody"))
    await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="i"))
    assert await bench.status() == "RUNNING"
    item = await bench.item("orchestratorRequest")
    assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "executionRewound"]
    events = [*item.orchestratorRequest.pastEvents, *item.orchestratorRequest.newEvents]
    undone = {"taskFailed", "executionCompleted"}
    kept = [
        e
        for e in events
        if e.WhichOneof("eventType") not in undone and not (e.HasField("taskScheduled") and e.eventId == 0)
    ]
    rewound = pb.OrchestratorAction(rewindOrchestration=pb.RewindOrchestrationAction(newHistory=kept))
    await bench.answer(item, rewound)
    again = await bench.item("orchestratorRequest")
    assert kinds(again.orchestratorRequest.newEvents) == ["orchestratorStarted"]
    await bench.answer(again, schedule(0))
    assert (await bench.item("activityRequest")).activityRequest.taskId == 1
    bench.clock.advance(101)
    assert "timerFired" in kinds((await bench.item("orchestratorRequest")).orchestratorRequest.newEvents)


@scenario
async def test_a_replay_whose_worker_was_lost_is_handed_out_again(bench):
    """The turn after a rewind has no events of its own; it comes back nonetheless when its worker goes away."""
    lost = bench.connect()
    await bench.start()
    await bench.turn(fail())
    await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="i"))
    item = await bench.item("orchestratorRequest")
    kept = [e for e in item.orchestratorRequest.pastEvents if not e.HasField("executionCompleted")]
    await bench.answer(item, pb.OrchestratorAction(rewindOrchestration=pb.RewindOrchestrationAction(newHistory=kept)))
    await bench.item("orchestratorRequest")
    await lost.close()
    bench.connect()
    assert await bench.turn(complete()) == ["orchestratorStarted"]
    assert await bench.status() == "COMPLETED"


NEVER = Timestamp(seconds=253_402_300_799)


@scenario
async def test_a_start_after_the_last_possible_time_is_refused(bench):
    """A start or signal in year 9999 is refused with the latest time that there is, and nothing is scheduled."""
    for call, request in (
        (bench.hub.start_instance, pb.CreateInstanceRequest(instanceId="i", name="o", scheduledStartTimestamp=NEVER)),
        (bench.hub.signal_entity, pb.SignalEntityRequest(instanceId="@e@k", name="add", scheduledTime=NEVER)),
    ):
        with pytest.raises(RpcError, match=r"is scheduled for 9999-12-31T23:59:59Z; .* times before 2116-02-20"):
            await call(request)
    assert bench.hub.instances.get("i") is None
    assert bench.clock.due == []


@scenario
async def test_a_signal_in_year_9999_fails_with_the_reason(bench):
    """An action for a time that is not kept fails the orchestration instead of being moved to another time."""
    bench.connect()
    await bench.start("i")
    signal = pb.EntityOperationSignaledEvent(
        requestId="r", operation="add", targetInstanceId={"value": "@e@k"}, scheduledTime=NEVER
    )
    await bench.turn(pb.OrchestratorAction(id=0, sendEntityMessage={"entityOperationSignaled": signal}))
    state = await bench.state("i")
    assert state.failureDetails.errorMessage.startswith("Action 0 sends a message to an entity, but: The signal is")


@scenario
async def test_a_timer_until_year_9999_never_fires(bench):
    """Whoever waits until the last moment of time waits forever, whatever the clock is moved to."""
    bench.connect()
    await bench.start("i")
    await bench.turn(pb.OrchestratorAction(id=0, createTimer={"fireAt": NEVER}))
    assert bench.clock.due == []
