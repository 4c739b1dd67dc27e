"""A scheduler whose file cannot be written: what is refused, what is kept, how it ends, and how it continues."""

import asyncio
import contextlib

import pytest

from durable_harness.errors import DamagedFileError, HarnessError
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.scheduler.storage import journal
from durable_harness.scheduler.storage.data_file import PAGE_BYTES
from hub_bench import at, complete, file_scenario, kinds, schedule

TOO_LARGE = '"' + "x" * 50 * PAGE_BYTES + '"'
"""Larger than what a full disk has left in the pages of the file."""


@pytest.fixture(autouse=True)
def retry_at_once(monkeypatch):
    """Make the next try to write come soon."""
    monkeypatch.setattr(journal, "RETRY_INTERVAL_S", 0.001)


def fill_disk(bench):
    """Make SQLite find the disk full: the file may not grow by another page."""
    writer = bench.hub.journal.store._writer
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")


def free_disk(bench):
    bench.hub.journal.store._writer.execute("PRAGMA max_page_count = 1000000")


@contextlib.asynccontextmanager
async def refused(status=RpcStatus.RESOURCE_EXHAUSTED):
    with pytest.raises(RpcError) as caught:
        async with asyncio.timeout(5):
            yield
    assert caught.value.status is status


async def until_written(bench):
    """Wait until the journal has written what it could not."""
    written = asyncio.Event()
    bench.hub.journal.on_each_commit(written.set)
    async with asyncio.timeout(5):
        await written.wait()


@file_scenario
async def test_a_start_that_was_refused_never_runs(bench):
    """A start that is answered with an error is gone, in memory and in the file, when the disk has room again."""
    bench.connect()
    fill_disk(bench)
    async with refused():
        await bench.start("refused", input=TOO_LARGE)
    async with refused():
        await bench.start("small")
    free_disk(bench)
    await until_written(bench)
    await bench.start("accepted")
    item = await bench.item()
    assert item.orchestratorRequest.instanceId == "accepted"
    assert await bench.no_item()
    for _ in range(2):
        assert (await bench.state("refused"), await bench.state("small")) == (None, None)
        bench.restart()
        bench.connect()


@file_scenario
async def test_completed_work_is_kept_beside_a_refused_start(bench):
    """A turn in the same write as a refused start is not lost: it stands, and is written when there is room."""
    bench.connect()
    await bench.start("i")
    item = await bench.item()
    fill_disk(bench)
    start = asyncio.ensure_future(bench.start("refused", input=TOO_LARGE))
    async with refused():
        await bench.answer(item, schedule(0, "work", TOO_LARGE))
    async with refused():
        await start
    free_disk(bench)
    await until_written(bench)
    assert (await bench.item("activityRequest")).activityRequest.name == "work"
    bench.restart()
    bench.connect()
    assert (await bench.item("activityRequest")).activityRequest.name == "work"
    assert await bench.state("refused") is None


@file_scenario
async def test_a_refused_start_replaces_no_instance(bench):
    """A start or a restart under the id of an ended instance takes nothing away where it is refused."""
    bench.connect()
    await bench.start("i", input='"kept"')
    await bench.turn(complete('"done"'))
    before, history = await bench.state(), await bench.history()
    fill_disk(bench)
    policy = {"replaceableStatus": [pb.ORCHESTRATION_STATUS_COMPLETED]}
    async with refused():
        await bench.start("i", input=TOO_LARGE, orchestrationIdReusePolicy=policy)
    free_disk(bench)
    await until_written(bench)
    for _ in range(2):
        assert (await bench.state(), await bench.history()) == (before, history)
        bench.restart()


@file_scenario
async def test_a_refused_restart_leaves_the_instance_as_it_was(bench):
    """A restart that is answered with an error keeps what had ended, and runs nothing."""
    bench.connect()
    await bench.start("i", input=TOO_LARGE)
    await bench.turn(complete('"done"'))
    before = await bench.state()
    fill_disk(bench)
    restart = bench.hub.restart_instance(pb.RestartInstanceRequest(instanceId="i"))
    other = asyncio.ensure_future(bench.start("other", input=TOO_LARGE))
    async with refused():
        await restart
    async with refused():
        await other
    free_disk(bench)
    await until_written(bench)
    assert await bench.state() == before
    assert await bench.no_item()


@file_scenario
async def test_refused_starts_that_replaced_one_another_all_vanish(bench):
    """Of two starts under one id in one write, the second instead of the first, neither comes back."""
    bench.connect()
    fill_disk(bench)
    policy = {"replaceableStatus": [pb.ORCHESTRATION_STATUS_PENDING, pb.ORCHESTRATION_STATUS_TERMINATED]}
    starts = [
        bench.start("i", input=TOO_LARGE),
        bench.start("i", input=TOO_LARGE, orchestrationIdReusePolicy=policy),
        bench.start("i", input=TOO_LARGE, orchestrationIdReusePolicy=policy),
    ]
    answers = await asyncio.gather(*starts, return_exceptions=True)
    assert [answer.status for answer in answers] == [RpcStatus.RESOURCE_EXHAUSTED] * 3
    free_disk(bench)
    await until_written(bench)
    assert await bench.state() is None
    assert await bench.no_item()


COMMANDS = {
    "raise_event": pb.RaiseEventRequest(instanceId="i", name="e"),
    "terminate_instance": pb.TerminateRequest(instanceId="i"),
    "suspend_instance": pb.SuspendRequest(instanceId="i"),
    "resume_instance": pb.ResumeRequest(instanceId="i"),
    "rewind_instance": pb.RewindInstanceRequest(instanceId="i"),
    "restart_instance": pb.RestartInstanceRequest(instanceId="i"),
    "purge_instances": pb.PurgeInstancesRequest(instanceId="i"),
    "signal_entity": pb.SignalEntityRequest(instanceId="@e@k", name="o", scheduledTime=at(60)),
    "clean_entity_storage": pb.CleanEntityStorageRequest(removeEmptyEntities=True),
    "skip_graceful_orchestration_terminations": pb.SkipGracefulOrchestrationTerminationsRequest(),
    "wait_for_instance_completion": pb.GetInstanceRequest(instanceId="i"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_other_command_is_refused_and_none_hangs(tmp_path, command):
    """While the disk is full each command is answered with an error at once, and changes nothing later."""

    @file_scenario
    async def scene(bench):
        bench.connect()
        await bench.start()
        await bench.turn()
        history = await bench.history()
        fill_disk(bench)
        async with refused():
            await bench.start("filler", input=TOO_LARGE)
        async with refused():
            await getattr(bench.hub, command)(COMMANDS[command])
        free_disk(bench)
        await until_written(bench)
        assert await bench.no_item()
        assert await bench.history() == history

    scene(tmp_path)


@file_scenario
async def test_waiting_clients_are_refused_when_the_disk_is_full(bench):
    """Whoever waits for the end of an instance hears of the full disk instead of waiting on."""
    bench.connect()
    await bench.start()
    waiting = asyncio.ensure_future(bench.hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId="i")))
    await asyncio.sleep(0.01)
    fill_disk(bench)
    async with refused():
        await bench.start("filler", input=TOO_LARGE)
    async with refused():
        await waiting
    free_disk(bench)


@file_scenario
async def test_what_is_in_the_file_can_be_read_while_the_disk_is_full(bench):
    """State, history and lists of what was written before are answered as ever; what is not written is in none."""
    bench.connect()
    await bench.start("done")
    await bench.turn(complete('"1"'))
    fill_disk(bench)
    async with refused():
        await bench.start("filler", input=TOO_LARGE)
    async with asyncio.timeout(5):
        assert await bench.status("done") == "COMPLETED"
        assert kinds(await bench.history("done"))[-1] == "executionCompleted"
        page = await bench.hub.query_instances(pb.QueryInstancesRequest())
        ended = await bench.hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId="done"))
        assert list((await bench.hub.measure_instances(["done"])).keys()) == ["done"]
    assert [state.instanceId for state in page.orchestrationState] == ["done"]
    assert ended.exists
    free_disk(bench)


async def turn_on_a_full_disk(bench):
    """Hand out a turn of an instance `i`, then fill the disk; return the turn and the state of the instance."""
    bench.connect()
    await bench.start("i")
    item = await bench.item()
    before = await bench.state()
    fill_disk(bench)
    return item, before


@file_scenario
async def test_unwritten_progress_of_an_instance_is_not_shown(bench):
    """Who polls an accepted instance is answered with what is committed, not with an error and not with more."""
    item, before = await turn_on_a_full_disk(bench)
    reading = asyncio.ensure_future(bench.state())
    async with refused():
        await bench.answer(item, complete(TOO_LARGE))
    async with asyncio.timeout(5):
        assert await reading == before
        assert await bench.state() == before
        assert await bench.history() == []
    free_disk(bench)
    await until_written(bench)
    assert await bench.status() == "COMPLETED"


@file_scenario
async def test_a_read_that_comes_as_the_disk_becomes_full_is_answered(bench):
    """Whoever reads behind a change in the very write that fails is answered from the file too."""
    item, before = await turn_on_a_full_disk(bench)
    change = asyncio.ensure_future(bench.answer(item, complete(TOO_LARGE)))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        answers = await asyncio.gather(
            bench.state(),
            bench.history(),
            bench.hub.query_instances(pb.QueryInstancesRequest()),
            bench.hub.get_entity(pb.GetEntityRequest(instanceId="@counter@k")),
            bench.hub.query_entities(pb.QueryEntitiesRequest()),
        )
    assert (answers[0], answers[1]) == (before, [])
    async with refused():
        await change
    free_disk(bench)


async def count(bench, state):
    """Run an operation of the entity @counter@k that leaves this state."""
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId="@counter@k", name="add", requestId="r"))
    await finish_batch(bench, await bench.item("entityRequestV2"), state)


async def finish_batch(bench, item, state):
    result = pb.EntityBatchResult(completionToken=item.completionToken, results=[pb.OperationResult(success={})])
    result.entityState.value = state
    await bench.hub.complete_entity_task(result)


async def entities(bench):
    """Return a single read and a list of @counter@k: its state and how much waits for it."""
    one = await bench.hub.get_entity(pb.GetEntityRequest(instanceId="@counter@k", includeState=True))
    page = await bench.hub.query_entities(pb.QueryEntitiesRequest(query={"includeState": True}))
    return [(e.instanceId, e.serializedState.value, e.backlogQueueSize) for e in (one.entity, *page.entities)]


@file_scenario
async def test_entities_can_be_read_while_the_disk_is_full(bench):
    """A single entity and a list of them are answered although something of another kind waits for room."""
    bench.connect()
    await count(bench, "1")
    fill_disk(bench)
    async with refused():
        await bench.start("filler", input=TOO_LARGE)
    assert await entities(bench) == [("@counter@k", "1", 0)] * 2
    free_disk(bench)


@file_scenario
async def test_an_unwritten_state_of_an_entity_is_not_shown(bench):
    """What an operation made of an entity is shown when it is committed; until then the operation waits."""
    bench.connect()
    await count(bench, "1")
    await bench.hub.signal_entity(pb.SignalEntityRequest(instanceId="@counter@k", name="add", requestId="r"))
    item = await bench.item("entityRequestV2")
    fill_disk(bench)
    async with refused():
        await finish_batch(bench, item, TOO_LARGE)
    assert await entities(bench) == [("@counter@k", "1", 1)] * 2
    free_disk(bench)
    await until_written(bench)
    assert await entities(bench) == [("@counter@k", TOO_LARGE, 0)] * 2


@file_scenario
async def test_the_end_does_not_wait_for_room(bench):
    """A scheduler that is ended while the disk is full ends at once; all that it had accepted is in the file."""
    bench.connect()
    await bench.start("accepted")
    item = await bench.item()
    fill_disk(bench)
    async with refused():
        await bench.answer(item, schedule(0, "work", TOO_LARGE))
    async with asyncio.timeout(5):
        await bench.hub.journal.finish()
        await bench.worker.close()
        await bench.hub.journal.close()
    bench.hub = bench._open()
    bench.connect()
    assert await bench.turn(complete()) == ["orchestratorStarted", "executionStarted"]


@file_scenario
async def test_requests_that_were_taken_are_answered_before_the_end(bench):
    """`finish` lets what was taken be written and answered, and refuses what comes after."""
    start = asyncio.ensure_future(bench.start("taken"))
    await asyncio.sleep(0)
    await bench.hub.journal.finish()
    assert (await start).instanceId == "taken"
    async with refused(RpcStatus.UNAVAILABLE):
        await bench.start("late")


def break_writes(bench, error):
    def write(*_batches):
        raise error

    bench.hub.journal.store.write = write


@file_scenario
async def test_a_write_that_can_never_succeed_ends_the_scheduler(bench):
    """An error that no waiting mends is reported once as the end, and is not tried again forever."""
    failures = []
    bench.hub.journal.on_failure(failures.append)
    break_writes(bench, OverflowError("too large"))
    async with refused(RpcStatus.INTERNAL):
        await bench.start()
    async with refused(RpcStatus.INTERNAL):
        await bench.start("another")
    assert [type(failure) for failure in failures] == [HarnessError]
    assert "OverflowError: too large" in str(failures[0])


@pytest.mark.parametrize("fate", ["removed", "replaced"])
def test_a_file_that_is_not_there_any_more_ends_the_scheduler(tmp_path, fate):
    """A file that was removed or replaced takes no more writes: what was answered could not be found again."""

    @file_scenario
    async def scene(bench):
        failures = []
        bench.hub.journal.on_failure(failures.append)
        await bench.start("accepted")
        bench.path.rename(tmp_path / "aside.db")
        if fate == "replaced":
            bench.path.write_bytes(b"")
        async with refused(RpcStatus.INTERNAL):
            await bench.start("lost")
        assert [failure.exit_code for failure in failures] == [8]
        assert f"--data {bench.path}: the file was removed or replaced" in str(failures[0])

    scene(tmp_path)


@file_scenario
async def test_health_reports_that_nothing_can_be_written(bench):
    """What asks for the health of a scheduler hears of the full disk, and of its end."""
    assert bench.hub.journal.problem is None
    fill_disk(bench)
    async with refused():
        await bench.start("filler", input=TOO_LARGE)
    assert "disk is full" in bench.hub.journal.problem
    free_disk(bench)
    await until_written(bench)
    assert bench.hub.journal.problem is None


def damage(path, text):
    """Overwrite the pages of a file on which a text stands, under the feet of whoever has it open."""
    content = path.read_bytes()
    with path.open("r+b") as file:
        for page in range(0, len(content), PAGE_BYTES):
            if text.encode() in content[page : page + PAGE_BYTES]:
                file.seek(page)
                file.write(b"\xff" * PAGE_BYTES)


@pytest.mark.parametrize("way", ["history", "list", "start"])
def test_damage_that_is_found_later_ends_the_scheduler(tmp_path, way):
    """A damaged page is an error to the client that read or wrote it, and ends the scheduler; it is reported once."""

    @file_scenario
    async def scene(bench):
        bench.connect()
        for number in range(40):
            await bench.start(f"i{number}", input='"needle ' + "x" * 2000 + '"')
            await bench.turn(complete())
        await bench.worker.close()
        await bench.hub.journal.close()
        bench.hub = bench._open()
        failures = []
        bench.hub.journal.on_failure(failures.append)
        damage(bench.path, "needle")
        async with refused(RpcStatus.INTERNAL):
            if way == "history":
                await bench.history("i7")
            elif way == "list":
                await bench.hub.query_instances(pb.QueryInstancesRequest())
            else:
                for number in range(50):
                    await bench.start(f"j{number}", input=TOO_LARGE)
        async with refused(RpcStatus.INTERNAL):
            await bench.start("more")
        async with refused(RpcStatus.INTERNAL):
            await bench.hub.query_instances(pb.QueryInstancesRequest())
        (failure,) = failures
        assert isinstance(failure, DamagedFileError)
        assert str(bench.path) in str(failure)

    scene(tmp_path)
