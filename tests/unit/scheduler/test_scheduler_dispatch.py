"""Handing out work: leases, limits, filters, and sharing between workers."""

import pytest

from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.scheduler import dispatch
from hub_bench import complete, scenario, schedule


@scenario
async def test_a_closed_stream_gives_its_work_back_at_once(bench):
    """Turn and activity that a worker held when its stream ended go to the next worker, with their events."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    lost = await bench.item()
    await bench.start("j")
    lost_turn = await bench.item()
    await bench.worker.close()
    bench.connect()
    again = [await bench.item(), await bench.item()]
    assert {item.WhichOneof("request") for item in again} == {"activityRequest", "orchestratorRequest"}
    turn = next(item for item in again if item.HasField("orchestratorRequest"))
    assert len(turn.orchestratorRequest.newEvents) == len(lost_turn.orchestratorRequest.newEvents)
    for token in (lost.completionToken, lost_turn.completionToken):
        assert token not in {item.completionToken for item in again}


@scenario
async def test_a_token_completes_once(bench):
    """A second completion with the same token, or one after the work was given back, is refused: NOT_FOUND."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    item = await bench.item()
    response = pb.ActivityResponse(completionToken=item.completionToken)
    await bench.hub.complete_activity_task(response)
    with pytest.raises(RpcError, match=item.completionToken) as caught:
        await bench.hub.complete_activity_task(response)
    assert caught.value.status is RpcStatus.NOT_FOUND
    assert await bench.turn(complete()) == ["orchestratorStarted", "taskCompleted"]


@scenario
async def test_a_token_completes_only_its_own_kind_of_work(bench):
    """The token of a turn completes no activity, and the turn stays leased."""
    bench.connect()
    await bench.start()
    item = await bench.item()
    with pytest.raises(RpcError):
        await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=item.completionToken))
    await bench.answer(item, complete())
    assert await bench.status() == "COMPLETED"


@scenario
async def test_abandoned_work_is_ready_again(bench):
    """A worker that abandons a turn gets it, or leaves it to others, with the same events and a new token."""
    bench.connect()
    await bench.start()
    item = await bench.item()
    await bench.hub.abandon_orchestrator_task(pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken))
    assert bench.hub.dispatcher.busy
    again = await bench.item()
    assert again.completionToken != item.completionToken
    assert again.orchestratorRequest.newEvents[1] == item.orchestratorRequest.newEvents[1]


@scenario
async def test_abandoned_work_rests_where_no_other_takes_it(bench):
    """The only worker for a turn does not get it back at once, or it would turn it down all the time."""
    bench.connect()
    await bench.start()
    item = await bench.item()
    await bench.hub.abandon_orchestrator_task(pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken))
    assert await bench.no_item()
    assert bench.hub.dispatcher.busy


@scenario
async def test_a_worker_gets_no_more_than_it_asked_for(bench):
    """maxConcurrent limits count leased work of each kind; completing one makes room for the next, oldest first."""
    bench.connect(maxConcurrentActivityWorkItems=2)
    await bench.start()
    await bench.turn(*(schedule(number) for number in range(4)))
    held = [await bench.item(), await bench.item()]
    assert await bench.no_item()
    await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=held[0].completionToken))
    held.append(await bench.item("activityRequest"))
    assert [item.activityRequest.taskId for item in held] == [0, 1, 2]


@scenario
async def test_a_worker_gets_only_what_its_filter_names(bench):
    """With filters, only the named functions in the named versions are dispatched; the rest waits for another."""
    filters = pb.WorkItemFilters(orchestrations=[{"name": "mine", "versions": ["2"]}])
    picky = bench.connect(workItemFilters=filters)
    assert await picky.idle()
    for instance_id, name, version in (("a", "theirs", None), ("b", "mine", "1"), ("c", "mine", "2")):
        request = pb.CreateInstanceRequest(instanceId=instance_id, name=name)
        if version:
            request.version.value = version
        await bench.hub.start_instance(request)
    assert (await picky.item()).orchestratorRequest.instanceId == "c"
    assert await picky.idle()
    bench.connect()
    assert {(await bench.item()).orchestratorRequest.instanceId for _ in range(2)} == {"a", "b"}


@scenario
async def test_workers_share_evenly(bench):
    """Two workers of a hub get the same share of the work."""
    workers = [bench.connect(), bench.connect()]
    assert [await worker.idle() for worker in workers] == [True, True]
    for number in range(100):
        await bench.start(f"i{number}")
    for worker in workers:
        for _ in range(50):
            await bench.answer(await worker.item(), complete())
    assert [await worker.idle() for worker in workers] == [True, True]


@scenario
async def test_a_silent_stream_gets_health_pings(bench):
    """A worker that waits for work is sent a ping now and then, so that it does not take the stream for dead."""
    dispatch.HEALTH_PING_INTERVAL_S, before = 0.01, dispatch.HEALTH_PING_INTERVAL_S
    try:
        bench.connect()
        pings = [await bench.item("healthPing") for _ in range(2)]
    finally:
        dispatch.HEALTH_PING_INTERVAL_S = before
    assert len(pings) == 2


@scenario
async def test_an_instance_ended_without_its_worker(bench):
    """SkipGracefulOrchestrationTerminations ends an active instance at once and names the ids that were not active."""
    bench.connect()
    await bench.start()
    held = await bench.item()
    request = pb.SkipGracefulOrchestrationTerminationsRequest(instanceBatch={"instanceIds": ["i", "nobody"]})
    answer = await bench.hub.skip_graceful_orchestration_terminations(request)
    assert list(answer.unterminatedInstanceIds) == ["nobody"]
    assert await bench.status() == "TERMINATED"
    await bench.answer(held, complete())
    assert await bench.status() == "TERMINATED"
