"""Entities in the scheduler: batches, calls, delayed signals, locks."""

from durable_harness.protocol import pb
from hub_bench import at, complete, scenario

COUNTER = "@counter@k"


async def signal(bench, operation="add", entity_id=COUNTER, **fields):
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId=entity_id, name=operation, requestId="r", **fields))


async def finish(bench, item, state=None, results=None):
    count = len(item.entityRequestV2.operationRequests) if results is None else results
    result = pb.EntityBatchResult(
        completionToken=item.completionToken, results=[pb.OperationResult(success={})] * count
    )
    if state is not None:
        result.entityState.value = state
    await bench.hub.complete_entity_task(result)


async def state(bench, entity_id=COUNTER):
    answer = await bench.hub.get_entity(pb.GetEntityRequest(instanceId=entity_id, includeState=True))
    return answer.entity.serializedState.value if answer.exists else None


def operations(item):
    return [
        (e.entityOperationSignaled if e.HasField("entityOperationSignaled") else e.entityOperationCalled).operation
        for e in item.entityRequestV2.operationRequests
    ]


def message(**kind):
    return pb.OrchestratorAction(id=0, sendEntityMessage=pb.SendEntityMessageAction(**kind))


def call(parent, operation="get"):
    called = {"requestId": f"{parent}-{operation}", "operation": operation, "targetInstanceId": {"value": COUNTER}}
    return message(entityOperationCalled=called | {"parentInstanceId": {"value": parent}})


def lock(parent, *entities):
    wish = {"criticalSectionId": f"cs-{parent}", "lockSet": entities, "parentInstanceId": {"value": parent}}
    return message(entityLockRequested=wish)


def unlock(parent, entity):
    target = {"value": entity}
    return message(entityUnlockSent={"criticalSectionId": f"cs-{parent}", "targetInstanceId": target})


@scenario
async def test_operations_wait_together_while_a_batch_runs(bench):
    """One batch of an entity runs at a time; what arrives meanwhile makes the next batch, in order."""
    bench.connect()
    await signal(bench, "a")
    first = await bench.item()
    await signal(bench, "b")
    await signal(bench, "c")
    assert await bench.no_item()
    await finish(bench, first, "1")
    assert (operations(first), operations(await bench.item())) == (["a"], ["b", "c"])


@scenario
async def test_state_is_kept_between_batches_and_gone_when_unset(bench):
    """The next batch gets the state of the last; a batch that ends without state deletes the entity."""
    bench.connect()
    await signal(bench)
    await finish(bench, await bench.item(), "5")
    assert await state(bench) == "5"
    await signal(bench)
    item = await bench.item()
    assert item.entityRequestV2.entityState.value == "5"
    await finish(bench, item)
    assert await state(bench) is None


@scenario
async def test_operations_that_a_worker_left_out_come_again(bench):
    """Where a batch answers fewer operations than it had, the rest is dispatched again."""
    for operation in ("a", "b", "c"):
        await signal(bench, operation)
    bench.connect()
    first = await bench.item()
    assert operations(first) == ["a", "b", "c"]
    await finish(bench, first, "1", results=1)
    assert operations(await bench.item()) == ["b", "c"]


@scenario
async def test_a_call_is_answered_to_its_orchestration(bench):
    """The outcome of a call reaches the caller under its request id."""
    bench.connect()
    await bench.start()
    await bench.turn(call("i"))
    item = await bench.item()
    results = [pb.OperationResult(success={"result": {"value": "7"}})]
    await bench.hub.complete_entity_task(pb.EntityBatchResult(completionToken=item.completionToken, results=results))
    outcome = (await bench.item()).orchestratorRequest.newEvents[1].entityOperationCompleted
    assert (outcome.requestId, outcome.output.value) == ("i-get", "7")


@scenario
async def test_a_delayed_signal_waits_for_its_time(bench):
    """A signal with a scheduled time is delivered then, not before."""
    bench.connect()
    await signal(bench, scheduledTime=at(60))
    bench.clock.advance(59)
    assert await bench.no_item()
    bench.clock.advance(2)
    assert operations(await bench.item()) == ["add"]


@scenario
async def test_a_locked_entity_serves_only_its_holder(bench):
    """While an orchestration holds the lock, others' operations wait; they run after the unlock."""
    bench.connect()
    await bench.start()
    assert await bench.turn(lock("i", COUNTER)) == ["orchestratorStarted", "executionStarted"]
    await signal(bench, "theirs")
    granted = await bench.item()
    assert granted.orchestratorRequest.newEvents[1].entityLockGranted.criticalSectionId == "cs-i"
    await bench.answer(granted, call("i", "mine"))
    item = await bench.item()
    assert operations(item) == ["mine"]
    await finish(bench, item, "1")
    await bench.turn(unlock("i", COUNTER))
    assert operations(await bench.item()) == ["theirs"]


@scenario
async def test_locks_are_granted_in_the_order_of_the_requests(bench):
    """A request for several entities is not overtaken forever by later ones for one of them."""
    bench.connect()
    for name, entities in (("a", ["@e@1"]), ("b", ["@e@1", "@e@2"]), ("c", ["@e@2"])):
        await bench.start(name)
        await bench.turn(lock(name, *entities))
        if name == "a":
            await bench.turn()
    assert await bench.no_item()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="a", name="go"))
    await bench.turn(complete())
    assert (await bench.item()).orchestratorRequest.instanceId == "b"


@scenario
async def test_continuing_as_new_lets_go_of_locks(bench):
    """The next execution holds no lock of the last one: operations of others are served."""
    bench.connect()
    await bench.start()
    await bench.turn(lock("i", COUNTER))
    await signal(bench, "theirs")
    await bench.turn(complete(status=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    assert operations(await bench.item("entityRequestV2")) == ["theirs"]


@scenario
async def test_entities_are_listed_in_pages_by_id(bench):
    """A query lists entities with state in the order of their ids, page by page, by prefix."""
    bench.connect()
    for key in ("b", "a", "c"):
        await signal(bench, entity_id=f"@counter@{key}")
        await finish(bench, await bench.item(), "1")
    query = pb.EntityQuery(instanceIdStartsWith={"value": "@counter@"}, pageSize={"value": 2})
    first = await bench.hub.query_entities(pb.QueryEntitiesRequest(query=query))
    query.continuationToken.value = first.continuationToken.value
    second = await bench.hub.query_entities(pb.QueryEntitiesRequest(query=query))
    listed = [entity.instanceId for answer in (first, second) for entity in answer.entities]
    assert listed == ["@counter@a", "@counter@b", "@counter@c"]
    assert not second.continuationToken.value
