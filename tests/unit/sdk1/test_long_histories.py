"""Long histories between hub and host: who is sent what, what a turn costs, and what stays in memory."""

import contextlib
import gc
import itertools
import random
import weakref

import psutil
import pytest

from durable_harness.host.sdk1 import orchestrations
from durable_harness.host.sdk1.history_reader import HistoryReader
from durable_harness.host.sdk1.orchestrations import HistoryNeededError, OrchestrationRunner
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.protocol.continuing import (
    LONG_HISTORY_EVENTS,
    complete_history,
    continuation_of,
    orchestrator_name,
    past_length,
)
from history_events import event
from hub_bench import complete, file_scenario, kinds, scenario, schedule
from recorded import app_of

EVENTS_PER_ACTIVITY = 3
LONG = LONG_HISTORY_EVENTS // EVENTS_PER_ACTIVITY + 1
"""After that many activities a history is long."""
MB = 1024 * 1024


def chain(context):
    """Add up the results of that many activities, one after the other."""
    total = 0
    for number in range(context.get_input()):
        total += yield context.call_activity("a", number)
    return total


def deaf(context):
    """Wait for the event `end`, whatever else comes."""
    yield context.wait_for_external_event("end")
    return "ended"


async def take_turn(bench, runner, item):
    """Run a turn as the host does, and answer it; return whether its history had to be asked for."""
    request = item.orchestratorRequest
    asked = False
    try:
        response = runner.run(request, item.completionToken)
    except HistoryNeededError:
        asked = True
        await complete_history(request, history_of_turn(bench, request))
        response = runner.run(request, item.completionToken)
    response.completionToken = item.completionToken
    await bench.hub.complete_orchestrator_task(response)
    return asked


def history_of_turn(bench, request):
    wanted = pb.StreamInstanceHistoryRequest(
        instanceId=request.instanceId, executionId=request.executionId, forWorkItemProcessing=True
    )
    return bench.hub.stream_instance_history(wanted)


async def activities(bench, count):
    """Have that many activities called one after the other, by answers made by hand; return all turns' items."""
    items = []
    for number in range(count):
        items.append(await bench.item("orchestratorRequest"))
        await bench.answer(items[-1], schedule(number))
        await bench.activity("1")
    return items


@scenario
async def test_a_turn_of_a_long_history_brings_only_what_is_new(bench):
    """To a worker that keeps executions, a turn brings what came since the turn before, however long the history is."""
    bench.connect(keeps_executions=True)
    await bench.start(name="o")
    items = await activities(bench, 2 * LONG)
    for before, item in itertools.pairwise(items[LONG:]):
        request = item.orchestratorRequest
        assert kinds(request.pastEvents) == ["taskScheduled"]
        assert kinds(request.newEvents) == ["orchestratorStarted", "taskCompleted"]
        length = past_length(before.orchestratorRequest) + len(before.orchestratorRequest.newEvents)
        last_action_id = length // EVENTS_PER_ACTIVITY
        assert continuation_of(request) == (before.completionToken, length, last_action_id)
        assert orchestrator_name(request) == "o"


@scenario
async def test_other_workers_get_the_whole_history_each_time(bench):
    """A worker that does not ask to keep executions gets all past events with every turn."""
    bench.connect()
    await bench.start()
    for number, item in enumerate(await activities(bench, LONG + 5)):
        assert len(item.orchestratorRequest.pastEvents) == EVENTS_PER_ACTIVITY * number
        assert not item.orchestratorRequest.requiresHistoryStreaming


@scenario
async def test_the_history_of_a_turn_can_be_asked_for(bench):
    """A worker that has not kept the execution gets exactly the events before its turn, whatever came since."""
    bench.connect(keeps_executions=True)
    await bench.start()
    request = (await activities(bench, LONG + 2))[-1].orchestratorRequest
    length = past_length(request)
    await complete_history(request, history_of_turn(bench, request))
    assert len(request.pastEvents) == length == EVENTS_PER_ACTIVITY * (LONG + 1)
    assert list(request.pastEvents) == (await bench.history())[:length]
    assert not request.requiresHistoryStreaming


@scenario
async def test_an_execution_that_has_ended_has_no_history_for_turns(bench):
    """Asked for the history of a turn of an execution that was renewed, the hub answers NOT_FOUND."""
    bench.connect(keeps_executions=True)
    await bench.start()
    item = await bench.item()
    await bench.answer(item, complete("1", status=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    with pytest.raises(RpcError) as refused:
        await anext(history_of_turn(bench, item.orchestratorRequest))
    assert refused.value.status is RpcStatus.NOT_FOUND


@file_scenario
async def test_the_first_turn_after_a_restart_has_the_whole_history(bench):
    """A scheduler that was started again does not know what workers have kept: it sends everything once."""
    bench.connect(keeps_executions=True)
    await bench.start()
    items = await activities(bench, LONG + 2)
    bench.restart()
    bench.connect(keeps_executions=True)
    item = await bench.item("orchestratorRequest")
    assert not item.orchestratorRequest.requiresHistoryStreaming
    assert len(item.orchestratorRequest.pastEvents) == EVENTS_PER_ACTIVITY * len(items)


async def run_chain(bench, length, runner_of):
    """Run the chain to its end, each turn by what `runner_of` gives; return how often history was asked for."""
    bench.connect(keeps_executions=True)
    await bench.start(name="chain", input=str(length))
    asked = 0
    while await bench.status() in {"PENDING", "RUNNING"}:
        item = await bench.item()
        if item.HasField("orchestratorRequest"):
            asked += await take_turn(bench, runner_of(), item)
        else:
            response = pb.ActivityResponse(completionToken=item.completionToken, result={"value": "1"})
            await bench.hub.complete_activity_task(response)
    state = await bench.state()
    assert (await bench.status(), state.output.value) == ("COMPLETED", str(length))
    return asked


@scenario
async def test_history_is_asked_for_each_time_it_has_doubled(bench):
    """A runner that keeps its execution asks for the whole history only to replay it, each time it has doubled."""
    runner = OrchestrationRunner(app_of(chain=chain))
    assert await run_chain(bench, 8 * LONG, lambda: runner) in {3, 4}


@scenario
async def test_turns_may_go_to_any_worker(bench):
    """Turns of one instance that go to workers at random, some of them just started, make the right output."""
    chance = random.Random(5)
    app = app_of(chain=chain)
    runners = [OrchestrationRunner(app) for _ in range(3)]

    def any_runner():
        number = chance.randrange(3)
        if chance.random() < 0.05:
            runners[number] = OrchestrationRunner(app)
        return runners[number]

    assert await run_chain(bench, 2 * LONG, any_runner) > LONG // 2


@scenario
async def test_a_turn_that_is_done_again_starts_from_where_it_began(bench):
    """What a worker has kept of a turn that was given back is not taken for what the other worker did."""
    runner, lost = (OrchestrationRunner(app_of(chain=chain)) for _ in range(2))
    await run_to(bench, runner, LONG + 5)
    item = await bench.item("orchestratorRequest")
    await complete_history(item.orchestratorRequest, history_of_turn(bench, item.orchestratorRequest))
    lost.run(item.orchestratorRequest, item.completionToken)
    await bench.hub.abandon_orchestrator_task(pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken))
    again = await bench.item("orchestratorRequest")
    await take_turn(bench, runner, again)
    await bench.activity("1")
    following = await bench.item("orchestratorRequest")
    with pytest.raises(HistoryNeededError):
        lost.run(following.orchestratorRequest, following.completionToken)
    assert not await take_turn(bench, runner, following)


async def run_to(bench, runner, count):
    """Run the chain through that many activities."""
    bench.connect(keeps_executions=True)
    await bench.start(name="chain", input="100000")
    for _ in range(count):
        await take_turn(bench, runner, await bench.item("orchestratorRequest"))
        await bench.activity("1")


@scenario
async def test_a_termination_ends_a_kept_execution(bench):
    """A long instance that is terminated ends with the next id of its history, and its execution is not kept."""
    runner = OrchestrationRunner(app_of(chain=chain))
    await run_to(bench, runner, LONG + 5)
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i"))
    while await bench.status() != "TERMINATED":
        await take_turn(bench, runner, await bench.item("orchestratorRequest"))
    scheduled = [past.eventId for past in await bench.history() if past.HasField("taskScheduled")]
    assert (await bench.history())[-1].eventId == max(scheduled) + 1
    assert not runner._live


@scenario
async def test_a_long_chain_is_read_a_few_times_over(bench):
    """The events that the host reads for a whole chain are a small multiple of its history, not its square."""
    read = itertools.count()
    runner = OrchestrationRunner(app_of(chain=chain))
    length = 16 * LONG
    read_part = HistoryReader.read

    def counted(self, past, new):
        for _ in (*past, *new):
            next(read)
        return read_part(self, past, new)

    HistoryReader.read = counted
    try:
        await run_chain(bench, length, lambda: runner)
    finally:
        HistoryReader.read = read_part
    short = LONG * LONG_HISTORY_EVENTS  # up to there each turn replays everything
    assert next(read) < 4 * EVENTS_PER_ACTIVITY * length + short


def requests(count, payload):
    """Yield the turns of an instance that gets an unawaited event in each, each turn with the whole history."""
    history = [event(orchestratorStarted={}), event(executionStarted={"name": "o", "input": {"value": payload}})]
    yield pb.OrchestratorRequest(instanceId="i", newEvents=history)
    for turn in range(count):
        new = [event(turn, orchestratorStarted={}), event(turn, eventRaised={"name": "unheard"})]
        yield pb.OrchestratorRequest(instanceId="i", pastEvents=history, newEvents=new)
        history += new


def test_what_is_kept_of_an_event_does_not_hold_its_request():
    """Hundreds of turns, each of whose requests has a megabyte of history, leave a few megabytes and not hundreds."""
    runner = OrchestrationRunner(app_of(o=deaf))
    process = psutil.Process()
    resident = []
    for request in requests(500, f'"{"x" * MB}"'):
        runner.run(request)
        resident.append(process.memory_info().rss)
    assert runner._live
    assert max(resident[LONG_HISTORY_EVENTS:]) - resident[LONG_HISTORY_EVENTS] < 100 * MB


def test_an_execution_that_has_ended_leaves_memory_at_once():
    """The context of an execution that ended after unawaited events is gone without the garbage collector's help."""
    seen = []

    def orchestrator(context):
        seen.append(weakref.ref(context))
        yield context.wait_for_external_event("end")

    runner = OrchestrationRunner(app_of(o=orchestrator))
    with contextlib.ExitStack() as exits:
        gc.disable()
        exits.callback(gc.enable)
        history = []
        for request in requests(3, "1"):
            runner.run(request)
            history = [*request.pastEvents, *request.newEvents]
        ending = [event(9, orchestratorStarted={}), event(9, eventRaised={"name": "end"})]
        response = runner.run(pb.OrchestratorRequest(instanceId="i", pastEvents=history, newEvents=ending))
        assert response.actions[-1].HasField("completeOrchestration")
        assert [reference() for reference in seen] == [None] * len(seen)


def test_executions_are_kept_up_to_a_number_of_events(monkeypatch):
    """Executions that were used longest ago are let go where all together have seen too many events."""
    monkeypatch.setattr(orchestrations, "LIVE_EVENTS", 5 * LONG_HISTORY_EVENTS)
    runner = OrchestrationRunner(app_of(o=deaf))
    for number in range(8):
        for request in requests(LONG_HISTORY_EVENTS // 2, "1"):
            request.instanceId = str(number)
            runner.run(request)
    assert list(runner._live) == ["4", "5", "6", "7"]
    assert runner._live_events == sum(kept.events_seen for kept in runner._live.values())


def test_a_long_execution_continues_with_its_unheard_events():
    """Events that a long execution did not use continue to the next one with their names, inputs and times."""

    def orchestrator(context):
        yield context.wait_for_external_event("end")
        context.continue_as_new("again")

    runner = OrchestrationRunner(app_of(o=orchestrator))
    sent = []
    for request in requests(LONG_HISTORY_EVENTS, "1"):
        runner.run(request)
        sent += [new for new in request.newEvents if new.HasField("eventRaised")]
        history = [*request.pastEvents, *request.newEvents]
    ending = [event(9, orchestratorStarted={}), event(9, eventRaised={"name": "end"})]
    response = runner.run(pb.OrchestratorRequest(instanceId="i", pastEvents=history, newEvents=ending))
    assert list(response.actions[-1].completeOrchestration.carryoverEvents) == sent


def test_the_sdk_event_has_no_room_for_its_source():
    """What the SDK reads of an event is the same as before its request is gone."""
    source = event(1.5, 3, taskCompleted={"taskScheduledId": 2, "result": {"value": '"x"'}})
    _, (read,) = HistoryReader(keeps_scheduled=False).read([], [source])
    stamp = source.timestamp.ToDatetime(tzinfo=read.timestamp.tzinfo)
    del source
    assert (read.event_id, read.TaskScheduledId, read.Result, read.timestamp) == (3, 2, '"x"', stamp)
    assert not [value for value in vars(read).values() if hasattr(value, "SerializeToString")]
