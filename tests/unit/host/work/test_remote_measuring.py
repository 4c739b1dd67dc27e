"""Costs from states and histories, as a remote scheduler has them, beside those that our scheduler counts live."""

import asyncio

import pytest

from durable_harness.host.work.remote_measuring import MAX_CALLS, HistoryMeasuring
from durable_harness.protocol import RpcError, RpcStatus, from_ns, pb
from hub_bench import START_NS, child, complete, fail, scenario, schedule, timer

CONTINUED = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW


class WithoutHistories:
    """A scheduler that knows every instance, refuses histories, and notes how many calls it has at once."""

    def __init__(self, refusal):
        self.refusal = refusal
        self.calls = self.most_at_once = 0

    async def get_instance(self, request):
        self.calls += 1
        self.most_at_once = max(self.most_at_once, self.calls)
        await asyncio.sleep(0)
        self.calls -= 1
        moment = from_ns(START_NS)
        state = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "instanceId": request.instanceId}
        state |= {"createdTimestamp": moment, "completedTimestamp": moment}
        return pb.GetInstanceResponse(exists=True, orchestrationState=state)

    async def stream_instance_history(self, _request):
        raise RpcError(self.refusal, "no histories here")
        yield


async def both(bench, instance_id="i"):
    """Return what is read from histories, and what was counted live."""
    read = await HistoryMeasuring(bench.hub).measure([instance_id])
    counted = await bench.hub.measure_instances([instance_id])
    return read[instance_id], counted[instance_id]


@scenario
async def test_histories_give_what_was_counted(bench):
    """A tree with activities, timers, events, failures and grandchildren has the same times and costs either way."""
    bench.connect()
    await bench.start(input='"é"')
    await bench.turn(schedule(0, text="1"), timer(1, 5), child(2, "c"))
    await bench.activity(result="23")
    await bench.turn(child(0, "g"))
    await bench.turn()
    await bench.turn(schedule(0))
    await bench.activity(failure="out of order")
    await bench.turn(fail())
    await bench.turn(complete('"child"'))
    await bench.turn()
    bench.clock.advance(6)
    await bench.turn()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go", input={"value": "{}"}))
    await bench.turn(complete('"end"'))
    read, counted = await both(bench)
    assert read == counted
    assert sum(read.costs.actions) == 3 + 2 * 2 + 1 + 1 + 2
    assert read.ended_ns - read.begun_ns == 6_000_000_000


@scenario
async def test_what_came_after_the_end_is_not_counted(bench):
    """An instance that failed and got an answer later has the costs that it had when it failed."""
    bench.connect()
    await bench.start()
    called = {"requestId": "r", "operation": "get", "targetInstanceId": {"value": "@e@k"}}
    call = pb.SendEntityMessageAction(entityOperationCalled=called | {"parentInstanceId": {"value": "i"}})
    await bench.turn(pb.OrchestratorAction(id=0, sendEntityMessage=call), fail())
    item = await bench.item("entityRequestV2")
    outcome = pb.OperationResult(success={"result": {"value": "1"}})
    await bench.hub.complete_entity_task(pb.EntityBatchResult(completionToken=item.completionToken, results=[outcome]))
    assert (await bench.history())[-1].HasField("entityOperationCompleted")
    read, counted = await both(bench)
    assert read == counted
    assert read.costs.as_json()["actions"] == {"orchestration": 1, "entity": 1}


@scenario
async def test_a_later_execution_reveals_nothing_of_earlier_ones(bench):
    """After continue-as-new only the last execution is there: neither begin nor costs are known, the rest is."""
    bench.connect()
    await bench.start(input="1")
    item = await bench.item()
    bench.clock.advance(2)
    await bench.answer(item, complete("2", CONTINUED))
    await bench.turn(complete())
    read, counted = await both(bench)
    assert (read.begun_ns, read.costs) == (None, None)
    assert (
        (read.created_ns, read.ended_ns) == (counted.created_ns, counted.ended_ns) == (START_NS, START_NS + 2 * 10**9)
    )


@scenario
async def test_of_custom_statuses_only_the_last_is_stored(bench):
    """With a custom status the bytes are not known; actions and replays are."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c"))
    await bench.answer(await bench.item(), complete(), status='"half"')
    await bench.turn(complete())
    read, counted = await both(bench)
    assert read.costs.payload_bytes is None
    assert read.costs.as_json() == counted.costs.as_json() | {"payloadBytes": None}


@scenario
async def test_a_tree_that_is_not_whole_has_no_costs(bench):
    """A child that runs, was replaced or is gone leaves the costs of its parent unknown."""
    bench.connect()
    await bench.start()
    await bench.turn(child(0, "c"), complete())
    assert (await both(bench))[0].costs is None
    await bench.turn(complete())
    assert (await both(bench))[0].costs is not None
    replaceable = {"replaceableStatus": [pb.ORCHESTRATION_STATUS_COMPLETED]}
    await bench.start("c", orchestrationIdReusePolicy=replaceable)
    await bench.turn(complete())
    assert (await both(bench))[0].costs is None
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="c"))
    assert (await both(bench))[0].costs is None


@scenario
async def test_what_has_not_happened_is_not_known_there_either(bench):
    """A pending instance has a creation, a running one a beginning, an unknown one nothing at all."""
    await bench.start()
    assert (await both(bench))[0] == (await both(bench))[1]
    bench.connect()
    await bench.turn(schedule(0))
    read, counted = await both(bench)
    assert read == counted
    assert (read.begun_ns, read.ended_ns, read.costs) == (START_NS, None, None)
    assert await HistoryMeasuring(bench.hub).measure(["nobody"]) == {}


@pytest.mark.parametrize("status", ["UNIMPLEMENTED", "NOT_FOUND"])
def test_a_scheduler_without_histories_still_gives_times(status):
    """Where histories cannot be read, creation and end are known; beginning and costs are not."""
    found = asyncio.run(HistoryMeasuring(WithoutHistories(RpcStatus[status])).measure(["i"]))["i"]
    assert (found.created_ns, found.begun_ns, found.ended_ns, found.costs) == (START_NS, None, START_NS, None)


def test_a_history_that_fails_is_an_error():
    """A scheduler that is gone while it is asked does not make a measurement without costs."""
    with pytest.raises(RpcError, match="no histories here"):
        asyncio.run(HistoryMeasuring(WithoutHistories(RpcStatus.UNAVAILABLE)).measure(["i"]))


def test_calls_are_bounded():
    """However many instances are asked for, the number of calls under way at a time is limited."""
    scheduler = WithoutHistories(RpcStatus.UNIMPLEMENTED)
    found = asyncio.run(HistoryMeasuring(scheduler).measure([f"i{n}" for n in range(200)]))
    assert (len(found), scheduler.most_at_once) == (200, MAX_CALLS)
