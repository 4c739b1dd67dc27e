"""Finding and deleting instances and entities."""

import pytest

from durable_harness.protocol import RpcError, RpcStatus, pb
from hub_bench import at, child, complete, scenario


async def page(bench, **query):
    token = query.pop("token", None)
    request = pb.InstanceQuery(**query)
    if token:
        request.continuationToken.value = token
    answer = await bench.hub.query_instances(pb.QueryInstancesRequest(query=request))
    return [state.instanceId for state in answer.orchestrationState], answer.continuationToken.value


async def fill(bench, count):
    for number in range(count):
        await bench.start(f"i{number:03}")
        bench.clock.advance(1)


@scenario
async def test_pages_list_instances_once_in_order_of_creation(bench):
    """Following the token from page to page yields each instance once, the last page without a token."""
    await fill(bench, 25)
    seen, token = [], None
    while True:
        ids, token = await page(bench, maxInstanceCount=10, token=token)
        seen += ids
        if not token:
            break
    assert seen == [f"i{number:03}" for number in range(25)]


@scenario
async def test_instances_created_between_pages_disturb_nothing(bench):
    """Deleting and creating between two pages neither repeats nor skips another instance."""
    await fill(bench, 4)
    first, token = await page(bench, maxInstanceCount=2)
    bench.hub.state.remove(bench.hub.instances.get("i001"))
    await bench.start("later")
    second, _ = await page(bench, maxInstanceCount=10, token=token)
    assert first + second == ["i000", "i001", "i002", "i003", "later"]


@scenario
async def test_filters_by_status_prefix_and_time(bench):
    """Status, id prefix and creation time (both ends included) narrow a query."""
    bench.connect()
    await fill(bench, 5)
    await bench.turn(complete())
    assert (await page(bench, runtimeStatus=[pb.ORCHESTRATION_STATUS_COMPLETED]))[0] == ["i000"]
    assert (await page(bench, createdTimeFrom=at(1), createdTimeTo=at(3)))[0] == ["i001", "i002", "i003"]
    assert (await page(bench, instanceIdPrefix={"value": "i00"}, maxInstanceCount=2))[0] == ["i000", "i001"]


@scenario
async def test_a_foreign_continuation_token_is_refused(bench):
    """A token that no page came with is INVALID_ARGUMENT."""
    with pytest.raises(RpcError, match="not a continuation token") as caught:
        await page(bench, token="nonsense")
    assert caught.value.status is RpcStatus.INVALID_ARGUMENT


@scenario
async def test_only_ended_instances_are_purged(bench):
    """Purging by id and by filter deletes ended instances, counts them, and leaves active ones."""
    bench.connect()
    await fill(bench, 3)
    await bench.turn(complete())
    await bench.turn(complete())
    answer = await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i002"))
    assert answer.deletedInstanceCount == 0
    purge = pb.PurgeInstanceFilter(createdTimeFrom=at(1))
    answer = await bench.hub.purge_instances(pb.PurgeInstancesRequest(purgeInstanceFilter=purge))
    assert answer.deletedInstanceCount == 1
    assert (await page(bench))[0] == ["i000", "i002"]


@scenario
async def test_a_recursive_purge_takes_the_children(bench):
    """Purging an instance recursively deletes the children that it started."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "kid"))
    await bench.turn(complete())
    await bench.turn(complete())
    answer = await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i", recursive=True))
    assert answer.deletedInstanceCount == 2
    assert await bench.state("kid") is None


@scenario
async def test_an_ended_instance_keeps_its_history_as_one_blob(bench):
    """Ending drops the living part of an instance; its history can still be read."""
    bench.connect()
    await bench.start()
    await bench.turn(complete())
    await bench.hub.journal.written()
    assert bench.hub.instances.get("i").execution is None
    assert (await bench.history())[-1].HasField("executionCompleted")
