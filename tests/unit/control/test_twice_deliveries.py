"""Work that is delivered twice: which answer counts, whose work it is, and what ends it."""

import pytest

from durable_harness.control import Counts, FaultyScheduler, Policy, Rules
from durable_harness.protocol import RpcError, RpcStatus, pb
from hub_bench import complete, scenario, schedule

ENTITY = "@counter@k"


def twice(bench, **policy):
    """Make the bench's hub deliver twice what a policy names."""
    bench.hub = FaultyScheduler(bench.hub, Rules())
    bench.hub.deliveries.base = Policy(**policy)
    bench.connect()


def answer_of(item, result):
    """Return an answer to an activity."""
    response = pb.ActivityResponse(completionToken=item.completionToken)
    response.result.value = result
    return response


async def first_activity(bench):
    """Start an orchestration that calls one activity; return the activity's item."""
    await bench.start()
    await bench.turn(schedule(0))
    return await bench.item("activityRequest")


async def results(bench):
    """Return the results of the activities that have ended, by the history."""
    return [event.taskCompleted.result.value for event in await bench.history() if event.HasField("taskCompleted")]


@scenario
async def test_the_second_answer_counts(bench):
    """An answer that is withheld changes nothing; the same work comes again, and its next answer is the one."""
    twice(bench)
    item = await first_activity(bench)
    await bench.hub.complete_activity_task(answer_of(item, "1"))
    again = await bench.item()
    assert again == item
    await bench.hub.complete_activity_task(answer_of(again, "2"))
    assert await bench.turn(complete()) == ["orchestratorStarted", "taskCompleted"]
    assert await results(bench) == ["2"]


@scenario
async def test_the_first_answer_comes_late(bench):
    """The first answer counts once the second is there, which is refused as one whose lease has ended."""
    twice(bench, counts=Counts.FIRST)
    item = await first_activity(bench)
    await bench.hub.complete_activity_task(answer_of(item, "1"))
    again = await bench.item()
    with pytest.raises(RpcError) as refused:
        await bench.hub.complete_activity_task(answer_of(again, "2"))
    assert refused.value.status is RpcStatus.NOT_FOUND
    await bench.turn(complete())
    assert await results(bench) == ["1"]


@scenario
async def test_what_a_worker_writes_into_an_item_is_not_in_the_next(bench):
    """The second delivery has what the scheduler sent, whatever became of the first."""
    twice(bench)
    item = await first_activity(bench)
    sent = pb.WorkItem.FromString(item.SerializeToString())
    item.activityRequest.input.value = "changed"
    await bench.hub.complete_activity_task(answer_of(item, "1"))
    assert await bench.item() == sent


@scenario
async def test_an_entity_is_delivered_twice_with_the_state_it_had(bench):
    """A batch comes again as it was, so that its operations are carried out once on the state."""
    twice(bench)
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId=ENTITY, name="add"))
    for state in ("first", "second"):
        item = await bench.item("entityRequestV2")
        assert not item.entityRequestV2.HasField("entityState")
        answer = pb.EntityBatchResult(completionToken=item.completionToken, results=[pb.OperationResult(success={})])
        answer.entityState.value = state
        await bench.hub.complete_entity_task(answer)
    found = await bench.hub.get_entity(pb.GetEntityRequest(instanceId=ENTITY, includeState=True))
    assert found.entity.serializedState.value == "second"
    assert await bench.no_item()


@scenario
async def test_turns_are_delivered_once(bench):
    """Orchestrators are replayed anyway: their turns come once."""
    twice(bench)
    await bench.start()
    await bench.turn(complete())
    assert await bench.status() == "COMPLETED"
    assert await bench.no_item()


@scenario
async def test_others_are_delivered_once(bench):
    """A policy that names functions leaves the others alone, and knows names in any case."""
    twice(bench, names=frozenset({"charge"}))
    await bench.start()
    await bench.turn(schedule(0, "look"), schedule(1, "Charge"))
    items = [await bench.item("activityRequest") for _ in range(2)]
    assert [bench.hub.deliveries.has(item.completionToken) for item in items] == [False, True]


@scenario
async def test_a_stream_that_ends_takes_its_first_answers_with_it(bench):
    """Work whose worker is lost between two deliveries is given out again, and is then delivered twice."""
    twice(bench)
    item = await first_activity(bench)
    await bench.hub.complete_activity_task(answer_of(item, "1"))
    await bench.worker.close()
    assert not bench.hub.deliveries.has(item.completionToken)
    bench.connect()
    for result in ("2", "3"):
        await bench.hub.complete_activity_task(answer_of(await bench.item("activityRequest"), result))
    await bench.turn(complete())
    assert await results(bench) == ["3"]


@scenario
async def test_what_is_given_back_is_forgotten(bench):
    """A worker may give back a second delivery; the answer to the next one is a first again."""
    twice(bench)
    item = await first_activity(bench)
    await bench.hub.complete_activity_task(answer_of(item, "1"))
    await bench.item()
    await bench.hub.abandon_activity_task(pb.AbandonActivityTaskRequest(completionToken=item.completionToken))
    assert not bench.hub.deliveries.has(item.completionToken)


def test_a_policy_of_a_test_is_put_in_and_taken_out():
    """What a test asks for holds until it ends, also if it is that nothing is delivered twice."""
    deliveries = FaultyScheduler(None, Rules()).deliveries
    deliveries.base = Policy()
    deliveries.ask(None)
    assert deliveries.policy is None
    deliveries.end()
    assert deliveries.policy == Policy()


def test_calls_of_call_http_have_its_name():
    """What `call_http` calls is known by the name that people know, with both generations of the SDK."""
    policy = Policy(names=frozenset({"call_http"}))
    assert policy.covers("activity", "BuiltIn::HttpActivity")
    assert policy.covers("activity", "BuiltIn__HttpActivity")
    assert not policy.covers("orchestration", "call_http")
