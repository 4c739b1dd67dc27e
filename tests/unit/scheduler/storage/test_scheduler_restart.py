"""What a scheduler with a file remembers after its process died: everything that was answered."""

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from unittest import mock

import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.protocol import RpcError, pb
from durable_harness.scheduler import unfinished
from durable_harness.scheduler.instances.execution_events import event
from durable_harness.scheduler.storage.schema import APPLICATION_ID, FORMAT_VERSION
from durable_harness.scheduler.storage.store import Store
from hub_bench import at, child, complete, fail, file_scenario, kinds, schedule, timer

UNPRIVILEGED = 65534


@file_scenario
async def test_work_that_was_under_way_is_handed_out_again(bench):
    """A turn and an activity that a worker held come again after a restart; their old tokens are refused."""
    bench.connect()
    await bench.start(input="1")
    await bench.turn(schedule(0, "work", "[7]"))
    old = await bench.item("activityRequest")
    await bench.start("other")
    await bench.item("orchestratorRequest")
    bench.restart()
    bench.connect()
    with pytest.raises(RpcError):
        await bench.hub.complete_activity_task(pb.ActivityResponse(completionToken=old.completionToken))
    request = await bench.activity(result="5")
    assert (request.name, request.input.value, request.taskId) == ("work", "[7]", 0)
    turns = {}
    for _ in range(2):
        item = await bench.item("orchestratorRequest")
        turns[item.orchestratorRequest.instanceId] = kinds(item.orchestratorRequest.newEvents)
    assert turns == {
        "i": ["orchestratorStarted", "taskCompleted"],
        "other": ["orchestratorStarted", "executionStarted"],
    }


@file_scenario
async def test_unfinished_activities_are_named_after_a_sudden_end(bench):
    """After the sudden death of the process the log names the activities that are handed out again, and no others."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0, "done"), schedule(1, "kills"))
    await bench.activity()
    await bench.hub.journal.settled()
    with mock.patch.object(unfinished, "logger") as logger:
        bench.restart()
    message, *values = logger.warning.call_args.args
    entry = message % tuple(values)
    assert f"The process that last had the file {bench.path} ended suddenly." in entry
    assert "handed out again: 'kills' of instance 'i'." in entry


def test_a_file_that_was_closed_was_not_left_open(tmp_path):
    """A file whose process ended in order is not taken for one that was left suddenly."""
    for _ in range(2):
        store = Store(tmp_path / "hub.db")
        assert not store.was_left_open
        store.close()


@file_scenario
async def test_a_pending_termination_takes_effect_at_the_next_start(bench):
    """What was terminated before the process ended has ended after it: its work is not handed out again."""
    bench.connect()
    await bench.start("parent")
    await bench.turn(child(0, "i"))
    await bench.turn(schedule(0, "kills"))
    await bench.item("activityRequest")
    await bench.hub.terminate_instance(pb.TerminateRequest(instanceId="i"))
    await bench.hub.journal.settled()
    bench.restart()
    bench.connect()
    assert await bench.status("i") == "TERMINATED"
    item = await bench.item("orchestratorRequest")
    assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "subOrchestrationInstanceFailed"]
    assert await bench.no_item()


@file_scenario
async def test_a_history_with_ends_of_turns_continues(bench):
    """An instance that a version with OrchestratorCompleted had begun continues, with its history as it was."""
    bench.connect()
    await bench.start()
    await bench.turn(schedule(0))
    instance = bench.hub.instances.get("i")
    instance.execution.history.extend([event(0, orchestratorCompleted={})])
    bench.hub.state.settle(instance)
    await bench.hub.journal.settled()
    bench.restart()
    bench.connect()
    await bench.activity()
    item = await bench.item("orchestratorRequest")
    assert kinds(item.orchestratorRequest.pastEvents)[-2:] == ["taskScheduled", "orchestratorCompleted"]
    await bench.answer(item, complete())
    assert kinds(await bench.history())[3:] == [
        "orchestratorCompleted",
        "orchestratorStarted",
        "taskCompleted",
        "executionCompleted",
    ]


@file_scenario
async def test_events_that_were_not_read_are_kept_in_their_order(bench):
    """Events received before and during a turn are delivered once each after a restart, in order."""
    bench.connect()
    await bench.start()
    await bench.turn()
    for name in ("a", "b"):
        await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name=name))
    await bench.item("orchestratorRequest")
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="c"))
    bench.restart()
    bench.connect()
    item = await bench.item("orchestratorRequest")
    assert [e.eventRaised.name for e in item.orchestratorRequest.newEvents[1:]] == ["a", "b", "c"]
    await bench.answer(item, complete())
    bench.restart()
    assert await bench.status() == "COMPLETED"
    raised = [e.eventRaised.name for e in await bench.history() if e.HasField("eventRaised")]
    assert raised == ["a", "b", "c"]


@file_scenario
async def test_timers_and_scheduled_starts_fire_after_a_restart(bench):
    """What was due during the outage fires at once, what is due later fires then; fired timers do not fire again."""
    bench.connect()
    await bench.start()
    await bench.turn(timer(0, 5), timer(1, 20), timer(2, 1))
    bench.clock.advance(2)
    await bench.turn()
    await bench.start("later", scheduledStartTimestamp=at(15))
    bench.restart()
    bench.clock.advance(10)
    bench.connect()
    fired = await bench.item("orchestratorRequest")
    assert [e.timerFired.timerId for e in fired.orchestratorRequest.newEvents[1:]] == [0]
    await bench.answer(fired)
    bench.clock.advance(20)
    woken = {(await bench.item("orchestratorRequest")).orchestratorRequest.instanceId for _ in range(2)}
    assert woken == {"i", "later"}


@file_scenario
async def test_a_child_reports_to_its_parent_after_a_restart(bench):
    """The link between parent and child survives; the outcome arrives once."""
    bench.connect()
    await bench.start()
    await bench.turn(child(3, "kid"))
    bench.restart()
    bench.connect()
    await bench.turn(complete('"grown"'))
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.newEvents[1].subOrchestrationInstanceCompleted.taskScheduledId == 3
    assert await bench.status("kid") == "COMPLETED"


@file_scenario
async def test_a_renewed_execution_is_remembered_without_its_past(bench):
    """After continue-as-new, the new input and an empty history are what a restart finds."""
    bench.connect()
    await bench.start(input="1")
    await bench.turn(schedule(0))
    await bench.activity()
    await bench.turn(complete("2", pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW))
    await bench.item("orchestratorRequest")
    bench.restart()
    bench.connect()
    item = await bench.item("orchestratorRequest")
    assert item.orchestratorRequest.newEvents[1].executionStarted.input.value == "2"
    assert len(item.orchestratorRequest.pastEvents) == 0
    assert (await bench.state()).input.value == "2"


@file_scenario
async def test_what_is_known_of_ended_instances_stays(bench):
    """State, failure, tags, custom status and history of an ended instance are the same after a restart."""
    bench.connect()
    await bench.start(input='"x"', tags={"team": "blue"}, version={"value": "2"})
    await bench.answer(await bench.item(), fail("broken"), status='"stage"')
    before, history = await bench.state(), await bench.history()
    bench.restart()
    assert await bench.state() == before
    assert await bench.history() == history
    assert (before.failureDetails.errorMessage, before.tags["team"]) == ("broken", "blue")


@file_scenario
async def test_a_failed_instance_can_be_rewound_after_a_restart(bench):
    """Rewinding reads the history of an instance that has left memory."""
    bench.connect()
    await bench.start()
    await bench.turn(fail())
    bench.restart()
    bench.connect()
    await bench.hub.rewind_instance(pb.RewindInstanceRequest(instanceId="i"))
    item = await bench.item("orchestratorRequest")
    assert kinds(item.orchestratorRequest.newEvents) == ["orchestratorStarted", "executionRewound"]
    assert kinds(item.orchestratorRequest.pastEvents)[-1] == "executionCompleted"


@file_scenario
async def test_a_suspended_instance_stays_suspended(bench):
    """A suspension survives a restart, and so does what arrived during it."""
    bench.connect()
    await bench.start()
    await bench.turn()
    await bench.hub.suspend_instance(pb.SuspendRequest(instanceId="i"))
    await bench.turn()
    await bench.hub.raise_event(pb.RaiseEventRequest(instanceId="i", name="go"))
    bench.restart()
    bench.connect()
    assert await bench.status() == "SUSPENDED"
    assert await bench.no_item()
    await bench.hub.resume_instance(pb.ResumeRequest(instanceId="i"))
    assert await bench.turn() == ["orchestratorStarted", "eventRaised", "executionResumed"]


@file_scenario
async def test_entities_their_operations_and_delayed_signals_stay(bench):
    """State, waiting operations and delayed signals of an entity survive; what was done is not done again."""
    bench.connect()

    async def signal(operation, **fields):
        await bench.hub.signal_entity(
            pb.SignalEntityRequest(instanceId="@e@k", name=operation, requestId="r", **fields)
        )

    async def finish(item, state):
        results = [pb.OperationResult(success={})] * len(item.entityRequestV2.operationRequests)
        result = pb.EntityBatchResult(completionToken=item.completionToken, results=results)
        result.entityState.value = state
        await bench.hub.complete_entity_task(result)

    await signal("done")
    await finish(await bench.item(), "1")
    await signal("held")
    await bench.item()
    await signal("waiting")
    await signal("delayed", scheduledTime=at(60))
    bench.restart()
    bench.connect()
    item = await bench.item()
    names = [e.entityOperationSignaled.operation for e in item.entityRequestV2.operationRequests]
    assert (names, item.entityRequestV2.entityState.value) == (["held", "waiting"], "1")
    await finish(item, "2")
    assert await bench.no_item()
    bench.clock.advance(61)
    item = await bench.item()
    assert item.entityRequestV2.operationRequests[0].entityOperationSignaled.operation == "delayed"


@file_scenario
async def test_a_purged_instance_stays_purged(bench):
    """A purge is remembered, history included."""
    bench.connect()
    await bench.start()
    await bench.turn(complete())
    await bench.hub.purge_instances(pb.PurgeInstancesRequest(instanceId="i"))
    bench.restart()
    assert await bench.state() is None
    assert bench.hub.journal.store.row("SELECT COUNT(*) FROM turns") == (0,)


@file_scenario
async def test_finished_instances_leave_memory(bench):
    """Nothing of a long finished instance is kept in memory; it is read from the file when asked for."""
    bench.connect()
    for number in range(1100):
        await bench.start(f"i{number}")
        await bench.turn(complete(f"{number}"))
    await bench.hub.journal.written()
    assert list(bench.hub.instances.living()) == []
    assert bench.hub.instances.get("i0") is not bench.hub.instances.get("i0")
    assert (await bench.state("i0")).output.value == "0"


def make_database(path, application_id, version):
    database = sqlite3.connect(path)
    database.executescript(
        f"PRAGMA application_id = {application_id}; PRAGMA user_version = {version}; CREATE TABLE kept (x);"
    )
    database.close()


@pytest.mark.parametrize(
    ("application_id", "version", "message"),
    [(0, 0, "not a file of durable-harness"), (APPLICATION_ID, FORMAT_VERSION + 1, f"version {FORMAT_VERSION + 1}")],
    ids=["of another program", "of a newer version"],
)
def test_a_foreign_file_is_refused_and_left_alone(tmp_path, application_id, version, message):
    """A database that is not ours, or of a newer format, is an error that names it; not a byte of it changes."""
    path = tmp_path / "other.db"
    make_database(path, application_id, version)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=message) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    """Any other file is refused and kept."""
    path = tmp_path / "notes.txt"
    path.write_text("dear diary " * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        Store(path)
    assert path.read_text() == "dear diary " * 100


@pytest.fixture
def open_dir():
    """Yield a directory in which anybody may look; the tests' own are closed to other users."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def without_privileges():
    """Drop privileges for a while, where the tests run as root, who may write anything."""
    mine = os.geteuid()
    os.seteuid(UNPRIVILEGED if mine == 0 else mine)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.mark.parametrize("is_ours", [True, False], ids=["a database", "a new file"])
def test_a_file_that_cannot_be_written_is_refused(open_dir, is_ours):
    """A read-only file, or a new one in a read-only folder, is an error that names it; nothing is changed."""
    path = open_dir / "hub.db"
    if is_ours:
        Store(path).close()
        path.chmod(0o444)
    open_dir.chmod(0o555)
    before = path.read_bytes() if is_ours else None
    with without_privileges(), pytest.raises(ConfigurationError, match=r"hub\.db.*Permission denied"):
        Store(path)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("name", ["missing/hub.db", "."])
def test_a_place_that_cannot_be_a_file_is_refused(tmp_path, name):
    """A folder that is not there, or a folder instead of a file, is an error that says so."""
    with pytest.raises(ConfigurationError, match="directory"):
        Store(tmp_path / name)
