"""What each action of an orchestrator makes of it: events, activities, children, ends, in the history and at others."""

import re

from durable_harness.protocol import pb
from durable_harness.protocol.continuing import (
    LONG_HISTORY_EVENTS,
    Continuation,
    continuation_of,
    orchestrator_name,
    past_length,
)
from durable_harness.scheduler.limits import sizes
from hub_bench import START_NS, at, child, complete, kinds, scenario, schedule, status_name, timer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def send(task_id, instance_id, name="go", data=None):
    action = pb.SendEventAction(instance=pb.OrchestrationInstance(instanceId=instance_id), name=name)
    if data is not None:
        action.data.value = data
    return pb.OrchestratorAction(id=task_id, sendEvent=action)


def end_other(task_id, instance_id, reason=None, *, recurse=False):
    action = pb.TerminateOrchestrationAction(instanceId=instance_id, recurse=recurse)
    if reason is not None:
        action.reason.value = reason
    return pb.OrchestratorAction(id=task_id, terminateOrchestration=action)


async def two_running(bench):
    """Start `i` and `other`, and let both run: `other` has had its first turn."""
    bench.connect()
    await bench.start("other")
    await bench.turn()
    await bench.start("i")


@scenario
async def test_an_event_is_sent_to_another_instance(bench):
    """The other one gets the event with its data, and the history of the sender has what was sent where."""
    await two_running(bench)
    await bench.turn(send(3, "other", "go", "[1]"))
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.instanceId == "other"
    raised = item.orchestratorRequest.newEvents[-1].eventRaised
    assert (raised.name, raised.input.value) == ("go", "[1]")
    sent = (await bench.history())[-1]
    assert sent.eventId == 3
    assert (sent.eventSent.instanceId, sent.eventSent.name, sent.eventSent.input.value) == ("other", "go", "[1]")


@scenario
async def test_an_event_may_be_sent_without_data(bench):
    """No data is none on both sides, not an empty text."""
    await two_running(bench)
    await bench.turn(send(0, "other"))
    item = await bench.item("orchestratorRequest")
    assert not item.orchestratorRequest.newEvents[-1].eventRaised.HasField("input")
    assert not (await bench.history())[-1].eventSent.HasField("input")


@scenario
async def test_an_event_for_an_unknown_instance_is_noted_and_lost(bench):
    """An event for an instance that is not there harms nothing: the sender's history has it, and it continues."""
    bench.connect()
    await bench.start()
    await bench.turn(send(0, "nobody", data="1"), complete('"end"'))
    assert await bench.status() == "COMPLETED"
    assert kinds(await bench.history())[-2:] == ["eventSent", "executionCompleted"]


@scenario
async def test_an_orchestrator_ends_another_with_a_reason(bench):
    """The other one is terminated, and its output is the reason."""
    await two_running(bench)
    await bench.turn(end_other(0, "other", '"no longer needed"'))
    await bench.turn(complete('"no longer needed"', pb.ORCHESTRATION_STATUS_TERMINATED))
    state = await bench.state("other")
    assert (status_name(state.orchestrationStatus), state.output.value) == ("TERMINATED", '"no longer needed"')


@scenario
async def test_what_ends_another_notes_it_in_its_events(bench):
    """The termination that the other one gets has the reason, and whether its children end with it."""
    await two_running(bench)
    await bench.turn(end_other(0, "other", '"why"', recurse=True))
    item = await bench.item("orchestratorRequest")
    terminated = item.orchestratorRequest.newEvents[-1].executionTerminated
    assert (terminated.input.value, terminated.recurse) == ('"why"', True)


@scenario
async def test_terminating_an_unknown_instance_changes_nothing(bench):
    """A termination of an instance that is not there is carried out in silence, and the sender continues."""
    bench.connect()
    await bench.start()
    await bench.turn(end_other(0, "nobody", recurse=True), complete('"end"'))
    assert await bench.status() == "COMPLETED"


@scenario
async def test_an_activity_gets_what_its_action_has(bench):
    """Name, version, input, tags and trace context of the action reach the worker, and the history has them too."""
    bench.connect()
    await bench.start()
    task = pb.ScheduleTaskAction(name="work", tags={"team": "a"})
    task.version.value, task.input.value, task.parentTraceContext.traceParent = "2", "[1]", TRACE
    await bench.turn(pb.OrchestratorAction(id=5, scheduleTask=task))
    noted = (await bench.history())[-1]
    scheduled = noted.taskScheduled
    assert (noted.eventId, scheduled.name, scheduled.version.value, scheduled.input.value) == (5, "work", "2", "[1]")
    assert (dict(scheduled.tags), scheduled.parentTraceContext.traceParent) == ({"team": "a"}, TRACE)
    request = await bench.activity()
    assert (request.name, request.version.value, request.input.value, request.taskId) == ("work", "2", "[1]", 5)
    assert (dict(request.tags), request.parentTraceContext.traceParent) == ({"team": "a"}, TRACE)


@scenario
async def test_what_an_action_leaves_out_stays_out(bench):
    """An activity without version, input and trace context has none in the history either: absent is not empty."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0), child(1, "kid"))
    *_, scheduled, created = await bench.history()
    for field in ("version", "input", "parentTraceContext"):
        assert not scheduled.taskScheduled.HasField(field)
        assert not created.subOrchestrationInstanceCreated.HasField(field)
    request = await bench.activity()
    assert not request.HasField("input")


@scenario
async def test_a_child_gets_what_its_action_has(bench):
    """Name, version, input, tags and trace context of the action reach the child, and the history has them too."""
    bench.connect()
    await bench.start()
    action = pb.CreateSubOrchestrationAction(instanceId="kid", name="child", tags={"team": "a"})
    action.version.value, action.input.value, action.parentTraceContext.traceParent = "2", "[1]", TRACE
    await bench.turn(pb.OrchestratorAction(id=7, createSubOrchestration=action))
    noted = (await bench.history())[-1]
    created = noted.subOrchestrationInstanceCreated
    assert (noted.eventId, created.instanceId, created.name) == (7, "kid", "child")
    assert (created.version.value, created.input.value, dict(created.tags)) == ("2", "[1]", {"team": "a"})
    assert created.parentTraceContext.traceParent == TRACE
    item = await bench.item("orchestratorRequest")
    started = item.orchestratorRequest.newEvents[-1].executionStarted
    assert (started.name, started.version.value, started.input.value) == ("child", "2", "[1]")
    assert (started.parentInstance.taskScheduledId, started.parentInstance.orchestrationInstance.instanceId) == (7, "i")
    assert dict(started.tags) == {"team": "a"}


@scenario
async def test_a_child_without_an_id_gets_one_of_its_parents(bench):
    """An action without an id names its child by the parent and the number of the action."""
    bench.connect()
    await bench.start()
    await bench.turn(child(7, ""))
    created = (await bench.history())[-1].subOrchestrationInstanceCreated
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.instanceId == created.instanceId == "i:0007"


@scenario
async def test_continuing_as_new_brings_input_and_version(bench):
    """The next execution has an id of its own, the input that was given on, and the version that was asked for."""
    bench.connect()
    await bench.start(input='"first"')
    before = await bench.item("orchestratorRequest")
    action = complete('"second"', pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW)
    action.completeOrchestration.newVersion.value = "2"
    bench.clock.advance(5)
    await bench.answer(before, action)
    after = await bench.item("orchestratorRequest")
    assert after.orchestratorRequest.executionId.value != before.orchestratorRequest.executionId.value
    assert kinds(after.orchestratorRequest.newEvents) == ["orchestratorStarted", "executionStarted"]
    started = after.orchestratorRequest.newEvents[1]
    assert (started.executionStarted.input.value, started.executionStarted.version.value) == ('"second"', "2")
    assert started.timestamp == at(5)
    assert len(after.orchestratorRequest.pastEvents) == 0


@scenario
async def test_continuing_as_new_keeps_events_and_drops_outcomes(bench):
    """What others raised waits for the next execution; the end of an activity of the last one does not."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    await bench.activity()
    item = await bench.item("orchestratorRequest")
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="late"))
    await bench.answer(item, schedule(1), complete(status=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    assert await bench.turn() == ["orchestratorStarted", "executionStarted", "eventRaised"]
    await bench.activity()
    assert await bench.no_item()


@scenario
async def test_an_end_has_its_moment_output_and_failure(bench):
    """The state of an ended instance has the time, the output, and for a failure the reason."""
    bench.connect()
    await bench.start()
    ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED)
    ending.failureDetails.errorType, ending.failureDetails.errorMessage = "ValueError", "no stock"
    bench.clock.advance(2)
    await bench.turn(pb.OrchestratorAction(id=9, completeOrchestration=ending))
    state = await bench.state()
    assert (state.failureDetails.errorType, state.failureDetails.errorMessage) == ("ValueError", "no stock")
    assert state.completedTimestamp == at(2)
    assert not state.HasField("output")
    last = (await bench.history())[-1]
    assert (last.eventId, last.executionCompleted.failureDetails.errorMessage) == (9, "no stock")


@scenario
async def test_a_first_turn_begins_an_instance_once(bench):
    """The moment at which an instance began is that of its first turn, however many follow."""
    await bench.start()
    bench.clock.advance(3)
    bench.connect()
    first = await bench.item("orchestratorRequest")
    bench.clock.advance(4)
    await bench.answer(first, schedule(0))
    await bench.activity()
    await bench.turn(complete())
    instance = bench.hub.state.instances.get("i")
    assert instance.begun_ns == START_NS + 3_000_000_000
    assert (instance.updated_ns, instance.completed_ns) == (START_NS + 7_000_000_000,) * 2


async def lose(bench, times):
    """Break the connection of a worker that has the turn, again and again."""
    for _ in range(times):
        worker = bench.connect()
        item = await bench.item("orchestratorRequest")
        await worker.close()
    return item


@scenario
async def test_a_history_too_large_for_workers_fails_its_instance(bench):
    """After three lost workers an instance with more than gRPC's default size fails, and says what to do."""
    await bench.start(input='"' + "x" * sizes.RECEIVE_BYTES + '"')
    await lose(bench, 2)
    assert await bench.status() == "PENDING"
    await lose(bench, 1)
    state = await bench.state()
    assert status_name(state.orchestrationStatus) == "FAILED"
    assert state.failureDetails.errorType == "HistoryTooLarge"
    assert "3 workers were lost" in state.failureDetails.errorMessage
    assert kinds(await bench.history())[-1] == "executionCompleted"
    assert re.match(r"The history has 41943\d\d bytes ", state.failureDetails.errorMessage)


@scenario
async def test_a_small_history_survives_any_number_of_lost_workers(bench):
    """An instance that every worker can receive is handed out again, however often its workers go."""
    await bench.start(input='"small"')
    await lose(bench, 5)
    assert await bench.status() == "PENDING"
    bench.connect()
    await bench.turn(complete())
    assert await bench.status() == "COMPLETED"


@scenario
async def test_a_turn_that_is_answered_forgets_lost_workers(bench):
    """Only workers lost one after the other count: an answer between them shows that the instance can be received."""
    await bench.start(input='"' + "x" * sizes.RECEIVE_BYTES + '"')
    await lose(bench, 2)
    bench.connect()
    await bench.turn(schedule(0))
    await bench.activity()
    await bench.worker.close()  # it had the next turn
    await lose(bench, 1)
    assert await bench.status() == "RUNNING"


@scenario
async def test_a_turn_that_comes_back_has_its_events_again(bench):
    """The events of a turn whose worker was lost are in the next one, with those that came meanwhile, once each."""
    await bench.start()
    await lose(bench, 1)
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    bench.connect()
    assert await bench.turn() == ["orchestratorStarted", "executionStarted", "eventRaised"]
    assert await bench.no_item()


async def long_turn(bench):
    """Answer the first turn of `i` with more actions than a long history has events; return the token of the answer."""
    await bench.start()
    item = await bench.item("orchestratorRequest")
    await bench.answer(item, *(timer(number, 3_600) for number in range(LONG_HISTORY_EVENTS)))
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    return item.completionToken


@scenario
async def test_a_worker_that_keeps_executions_gets_new_events_only(bench):
    """It gets only what its last turn did not have, with the token of that, the name, and how much was left out."""
    bench.connect(keeps_executions=True)
    token = await long_turn(bench)
    request = (await bench.item("orchestratorRequest")).orchestratorRequest
    assert set(kinds(request.pastEvents)) == {"timerCreated"}
    assert continuation_of(request) == Continuation(token, 2, LONG_HISTORY_EVENTS - 1)
    assert (orchestrator_name(request), past_length(request)) == ("o", LONG_HISTORY_EVENTS + 2)
    assert kinds(request.newEvents) == ["orchestratorStarted", "eventRaised"]


@scenario
async def test_other_workers_get_a_long_history_whole(bench):
    """A worker that keeps nothing has to replay, so nothing is left out."""
    bench.connect()
    await long_turn(bench)
    request = (await bench.item("orchestratorRequest")).orchestratorRequest
    assert continuation_of(request) is None
    assert len(request.pastEvents) == LONG_HISTORY_EVENTS + 2


@scenario
async def test_a_short_history_is_always_whole(bench):
    """What is sent again costs less than keeping it: below the limit every worker gets all events."""
    bench.connect(keeps_executions=True)
    await bench.start()
    await bench.turn(schedule(0))
    await bench.activity()
    request = (await bench.item("orchestratorRequest")).orchestratorRequest
    assert continuation_of(request) is None
    assert kinds(request.pastEvents) == ["orchestratorStarted", "executionStarted", "taskScheduled"]
