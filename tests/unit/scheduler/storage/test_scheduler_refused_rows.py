"""Rows that the store does not take: the call or the instance that they are of hears it, nothing else is held up."""

import asyncio
import sqlite3

import pytest

from durable_harness.protocol import TERMINAL_STATUSES, RpcError, RpcStatus, pb
from durable_harness.scheduler.storage.store import INSERT_INSTANCE, PUT_OPERATION, Store
from hub_bench import complete, file_scenario, scenario, schedule

ROW_BYTES = 5000
LARGE = '"' + "x" * 2 * ROW_BYTES + '"'


def limit_rows(bench):
    """Make the store of a bench refuse rows larger than a few kilobytes."""
    bench.hub.journal.store._writer.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_BYTES)


async def is_refused(call):
    with pytest.raises(RpcError) as error:
        await call
    assert error.value.status is RpcStatus.INVALID_ARGUMENT
    assert "too big" in str(error.value)


@file_scenario
async def test_a_start_that_cannot_be_stored_fails_that_call_only(bench):
    """Of starts that are written together one is refused; the others are stored, run, and outlive the process."""
    bench.connect()
    limit_rows(bench)
    starts = [bench.start(f"good-{number}") for number in range(5)]
    _, *good = await asyncio.gather(is_refused(bench.start("bad", input=LARGE)), *starts)
    assert [answer.instanceId for answer in good] == [f"good-{number}" for number in range(5)]
    assert not (await bench.hub.get_instance(pb.GetInstanceRequest(instanceId="bad"))).exists
    for _ in good:
        await bench.turn(complete('"done"'))
    assert await bench.no_item()
    bench.restart()
    assert await bench.status("good-4") == "COMPLETED"
    assert not (await bench.hub.get_instance(pb.GetInstanceRequest(instanceId="bad"))).exists


@file_scenario
async def test_a_start_that_cannot_be_stored_replaces_nothing(bench):
    """The ended instance under the same id is still there, in memory and in the file."""
    bench.connect()
    await bench.start()
    await bench.turn(complete('"before"'))
    limit_rows(bench)
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED])
    await is_refused(bench.start(input=LARGE, orchestrationIdReusePolicy=policy))
    await bench.hub.journal.settled()
    assert (await bench.state()).output.value == '"before"'
    bench.restart()
    assert (await bench.state()).output.value == '"before"'


@scenario
async def test_an_instance_whose_history_cannot_be_stored_fails(bench):
    """A turn that the store does not take ends its instance with the reason; another one in the batch continues."""
    bench.connect()
    await bench.start("bad")
    await bench.start("good")
    await bench.turn(schedule(0))
    await bench.turn(schedule(0))
    limit_rows(bench)
    first, second = await bench.item("activityRequest"), await bench.item("activityRequest")
    for item, result in ((first, LARGE), (second, '"fine"')):
        answer = pb.ActivityResponse(completionToken=item.completionToken, result={"value": result})
        await bench.hub.complete_activity_task(answer)
    await bench.hub.journal.written()
    ended = pb.GetInstanceRequest(instanceId="bad")
    state = (await bench.hub.wait_for_instance_completion(ended)).orchestrationState
    assert state.failureDetails.errorType == "NotStored"
    while await bench.status("good") == "RUNNING":
        item = await bench.item("orchestratorRequest")
        await bench.answer(item, complete('"done"'))
    page = await bench.hub.query_instances(pb.QueryInstancesRequest())
    assert {row.instanceId: row.orchestrationStatus for row in page.orchestrationState} == {
        "bad": pb.ORCHESTRATION_STATUS_FAILED,
        "good": pb.ORCHESTRATION_STATUS_COMPLETED,
    }


@scenario
async def test_an_output_that_cannot_be_stored_is_a_failure(bench):
    """An instance that has ended with too large an output is stored as failed."""
    bench.connect()
    await bench.start()
    limit_rows(bench)
    await bench.turn(complete(LARGE))
    await bench.hub.journal.written()
    await bench.hub.journal.written()
    assert await bench.status() == "FAILED"
    page = await bench.hub.query_instances(pb.QueryInstancesRequest())
    assert [row.orchestrationStatus for row in page.orchestrationState] == [pb.ORCHESTRATION_STATUS_FAILED]


@scenario
async def test_an_instance_that_cannot_be_stored_delays_no_other(bench):
    """What breaks in the making of one instance's rows ends that instance, and the batch is written without it."""
    bench.connect()
    await bench.start("bad")
    bench.hub.instances.get("bad").tags = {"a": object()}
    bench.hub.instances.mark_changed(bench.hub.instances.get("bad"))
    bench.hub.instances.get("bad").is_stored = False
    await bench.start("good")
    await asyncio.sleep(0)
    await bench.hub.journal.written()
    for _ in range(20):
        await asyncio.sleep(0)
    assert await bench.status("good") == "PENDING"
    bad = bench.hub.instances.get("bad")
    assert bad is None or bad.status in TERMINAL_STATUSES


@scenario
async def test_one_failing_consequence_of_a_commit_stops_no_other(bench):
    """An error in one consequence of a commit does not delay the others."""

    def broken():
        raise RuntimeError("broken")

    bench.connect()
    bench.hub.state.on_commit(broken)
    await bench.start()
    await bench.turn(complete())
    assert await bench.status() == "COMPLETED"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_a_row_that_is_left_out(number):
    """A row with a number that SQLite has no place for does not keep the others of its batch out."""
    store = Store()
    refused = store.write({PUT_OPERATION: [(1, "h", "e", number, b""), (2, "h", "e", 5, b"")]})
    assert [row.row[0] for row in refused] == [1]
    assert refused[0].instance_key is None
    assert list(store.rows("SELECT number FROM operations")) == [(2,)]
    store.close()


def test_half_of_a_character_is_a_row_that_is_left_out():
    """The key of the instance is known by its row."""
    store = Store()
    columns = INSERT_INSTANCE.count("?") - 3
    refused = store.write({INSERT_INSTANCE: [(7, "h", "\ud800", *[0] * columns)]})
    assert [row.instance_key for row in refused] == [7]
    store.close()
