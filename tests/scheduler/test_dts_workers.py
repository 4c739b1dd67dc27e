"""Workers: sharing, limits, leases, abandoning, silence, and what happens when one is killed."""

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
from dts_helpers import (
    COMPLETED,
    DEADLINE_S,
    PENDING,
    call_double,
    double,
    ended,
    kinds,
    named,
    refused,
    scheduled,
    until,
)
from durabletask import task
from durabletask.azuremanaged.worker import DurableTaskSchedulerWorker
from durabletask.grpc_options import GrpcWorkerResiliencyOptions
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import ConcurrencyOptions

from durable_harness.scheduler import SchedulerOptions, SchedulerService, dispatch
from durable_harness.scheduler.grpc_service import GrpcService
from durable_harness.stack import scheduler_process

NOT_FOUND = grpc.StatusCode.NOT_FOUND
PROGRAM = Path(__file__).with_name("dts_worker_program.py")


def test_workers_share_activities(hub):
    """Of forty activities that take a moment, each of two workers gets a fair part."""
    seen = {0: 0, 1: 0}

    def fan(ctx, count):
        yield task.when_all([ctx.call_activity("count") for _ in range(count)])

    def counting(number):
        def count(_ctx, _input):
            seen[number] += 1
            time.sleep(0.01)

        return count

    few = ConcurrencyOptions(maximum_concurrent_activity_work_items=2)
    for number in seen:
        hub.work(orchestrators=fan, activities=counting(number), concurrency_options=few)
    until(lambda: hub.run(fan, input=4) and min(seen.values()) > 0)
    seen.update(dict.fromkeys(seen, 0))
    hub.run(fan, input=40)
    assert sum(seen.values()) == 40
    assert min(seen.values()) >= 10


def test_workers_share_orchestrations(hub):
    """Of fifty orchestrations, each of two workers runs some."""
    seen = {0: 0, 1: 0}

    def making(number):
        def plain(_ctx, _input):
            seen[number] += 1

        return plain

    for number in seen:
        hub.work(orchestrators=making(number))
    until(lambda: hub.run("plain") and min(seen.values()) > 0)
    ids = [hub.start("plain") for _ in range(50)]
    assert {hub.wait(instance_id).runtime_status for instance_id in ids} == {COMPLETED}
    assert min(seen.values()) > 5


def test_a_turn_is_given_to_one_worker_only(hub):
    """With four workers, no turn and no activity is done twice."""
    done = []

    def note(_ctx, number):
        done.append(number)
        return number

    def loop(ctx, count):
        for number in range(count):
            yield ctx.call_activity(note, input=[ctx.instance_id, number])

    for _ in range(4):
        hub.work(orchestrators=loop, activities=note)
    ids = [hub.start(loop, input=5) for _ in range(10)]
    for instance_id in ids:
        hub.wait(instance_id)
    assert sorted(done) == sorted([instance_id, number] for instance_id in ids for number in range(5))


def test_a_worker_gets_no_more_activities_than_it_asked_for(hub):
    """With room for one activity a worker is sent the next when the first is done."""
    raw = hub.raw()
    work = raw.work(maxConcurrentActivityWorkItems=1)
    raw.start()
    raw.answer(next(work), scheduled(1), scheduled(2), scheduled(3))
    first = next(work)
    others = raw.work(maxConcurrentActivityWorkItems=1)
    second = next(others)
    assert {first.activityRequest.taskId, second.activityRequest.taskId} == {1, 2}
    raw.finish(first)
    assert next(item for item in work if item.HasField("activityRequest")).activityRequest.taskId == 3


def test_a_worker_gets_no_more_turns_than_it_asked_for(hub):
    """With room for one turn a worker is sent the next when the first is done."""
    raw = hub.raw()
    work = raw.work(maxConcurrentOrchestrationWorkItems=1)
    for name in ("a", "b"):
        raw.start(instance_id=name)
    first = next(work)
    others = raw.work()
    other = next(others)
    assert {first.orchestratorRequest.instanceId, other.orchestratorRequest.instanceId} == {"a", "b"}
    others.cancel()
    again = raw.work(maxConcurrentOrchestrationWorkItems=1)
    assert next(again).orchestratorRequest.instanceId == "b"
    raw.start(instance_id="c")
    raw.answer(first, ended())
    assert next(work).orchestratorRequest.instanceId == "c"
    again.cancel()


def test_a_worker_gets_no_more_entities_than_it_asked_for(hub):
    """With room for one entity a worker is sent the next when the first is done."""
    raw = hub.raw()
    work = raw.work(maxConcurrentEntityWorkItems=1)
    for name in ("a", "b"):
        raw.SignalEntity(pb.SignalEntityRequest(instanceId=f"@e@{name}", name="op", requestId=name))
    first = next(work)
    assert first.entityRequestV2.instanceId == "@e@a"
    result = pb.EntityBatchResult(completionToken=first.completionToken, results=[{"success": {}}])
    raw.CompleteEntityTask(result)
    assert next(work).entityRequestV2.instanceId == "@e@b"


def test_limits_of_a_worker_are_kept_under_load(hub):
    """Of fifty activities, never more run at once on a worker than it asked for."""
    inside, most, lock = [], [], threading.Lock()

    def busy(_ctx, _input):
        with lock:
            inside.append(1)
            most.append(len(inside))
        time.sleep(0.005)
        with lock:
            inside.pop()

    def fan(ctx, _input):
        yield task.when_all([ctx.call_activity(busy) for _ in range(50)])

    options = ConcurrencyOptions(maximum_concurrent_activity_work_items=3, maximum_thread_pool_workers=20)
    hub.work(orchestrators=fan, activities=busy, concurrency_options=options)
    hub.run(fan)
    assert max(most) == 3


def test_an_abandoned_turn_comes_again(hub):
    """A turn that a worker gives back comes again with the same events and another token."""
    raw = hub.raw()
    work = raw.work()
    raw.start(input={"value": "5"})
    first = next(work)
    raw.AbandonTaskOrchestratorWorkItem(pb.AbandonOrchestrationTaskRequest(completionToken=first.completionToken))
    again = next(work)
    assert again.completionToken != first.completionToken
    started = [item.orchestratorRequest.newEvents[1] for item in (first, again)]
    assert started[0] == started[1]
    raw.answer(again, ended("6"))
    assert raw.state("i").output.value == "6"


def test_an_abandoned_activity_comes_again(hub):
    """An activity that a worker gives back comes again."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    raw.answer(next(work), scheduled(1, input={"value": "5"}))
    first = next(work)
    raw.AbandonTaskActivityWorkItem(pb.AbandonActivityTaskRequest(completionToken=first.completionToken))
    again = next(work)
    assert again.activityRequest == first.activityRequest
    assert again.completionToken != first.completionToken


def test_an_abandoned_entity_comes_again(hub):
    """Operations of an entity that a worker gives back come again, in their order, before later ones."""
    raw = hub.raw()
    work = raw.work()
    raw.SignalEntity(pb.SignalEntityRequest(instanceId="@e@k", name="one", requestId="1"))
    first = next(work)
    raw.SignalEntity(pb.SignalEntityRequest(instanceId="@e@k", name="two", requestId="2"))
    raw.AbandonTaskEntityWorkItem(pb.AbandonEntityTaskRequest(completionToken=first.completionToken))
    operations = [request.entityOperationSignaled.operation for request in next(work).entityRequestV2.operationRequests]
    assert operations == ["one", "two"]


def test_an_abandoned_token_is_spent(hub):
    """After giving work back, its token completes nothing: NOT_FOUND."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    first = next(work)
    raw.AbandonTaskOrchestratorWorkItem(pb.AbandonOrchestrationTaskRequest(completionToken=first.completionToken))
    refused(NOT_FOUND, raw.answer, first, ended("wrong"))
    raw.answer(next(work), ended("right"))
    assert raw.state("i").output.value == "right"


def test_an_activity_is_completed_once(hub):
    """The second completion of an activity is NOT_FOUND and changes nothing."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    raw.answer(next(work), scheduled(1))
    item = next(work)
    raw.finish(item, "1")
    refused(NOT_FOUND, raw.finish, item, "2")
    results = [event.taskCompleted.result.value for event in next(work).orchestratorRequest.newEvents[1:]]
    assert results == ["1"]


def test_a_token_is_good_for_its_kind_only(hub):
    """The token of a turn completes no activity and no entity."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    item = next(work)
    token = item.completionToken
    refused(NOT_FOUND, raw.CompleteActivityTask, pb.ActivityResponse(completionToken=token))
    refused(NOT_FOUND, raw.CompleteEntityTask, pb.EntityBatchResult(completionToken=token))
    refused(NOT_FOUND, raw.AbandonTaskActivityWorkItem, pb.AbandonActivityTaskRequest(completionToken=token))
    raw.answer(item, ended())
    assert raw.state("i").orchestrationStatus == pb.ORCHESTRATION_STATUS_COMPLETED


def test_a_token_is_good_for_its_hub_only(new_hub):
    """A token of one hub completes nothing in another."""
    one, other = new_hub().raw(), new_hub().raw()
    one.start()
    work = one.work()
    item = next(work)
    refused(NOT_FOUND, other.answer, item, ended())
    one.answer(item, ended())


def test_a_closed_stream_gives_its_work_back_at_once(hub):
    """Work of a stream that ends goes to the next worker without delay, however much there is."""
    raw = hub.raw()
    gone = raw.work()
    for number in range(20):
        raw.start(instance_id=str(number))
    taken = {next(gone).orchestratorRequest.instanceId for _ in range(20)}
    gone.cancel()
    heir = raw.work()
    began = time.monotonic()
    assert {next(heir).orchestratorRequest.instanceId for _ in range(20)} == taken
    assert time.monotonic() - began < 5


def test_events_that_come_during_a_turn_make_the_next(hub):
    """An event raised while a worker has the turn is not lost and not in that turn."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    item = next(work)
    raw.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"))
    raw.answer(item)
    assert [event.WhichOneof("eventType") for event in next(work).orchestratorRequest.newEvents] == [
        "orchestratorStarted",
        "eventRaised",
    ]


def test_every_turn_begins_with_its_time(hub):
    """New events begin with orchestratorStarted, later in each turn; past events are those of the turns before."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    times = []
    for number in range(3):
        item = next(work)
        request = item.orchestratorRequest
        assert request.newEvents[0].HasField("orchestratorStarted")
        assert len(request.pastEvents) == 2 * number
        times.append(request.newEvents[0].timestamp.ToNanoseconds())
        raw.answer(item)
        raw.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"))
    assert times == sorted(set(times))


def test_a_hung_worker_loses_its_activity(reaper, new_hub, release):
    """An activity that a worker does not end within the lease is done by another; its late end is not heard."""
    with scheduler_process(args=["--dynamic-task-hubs", "--lease-timeout", "0.5"]) as running:
        hub = new_hub(on=running)

        def hang(_ctx, _input):
            release.wait()
            return "late"

        def call_job(ctx, _input):
            return (yield ctx.call_activity("job"))

        one = ConcurrencyOptions(maximum_concurrent_activity_work_items=1)
        hub.work(orchestrators=call_job, activities=named("job", hang), concurrency_options=one)
        instance_id = hub.start(call_job)
        until(lambda: "TaskScheduled" in kinds(hub.history(instance_id)))
        hub.work(activities=named("job", lambda _ctx, _input: "in time"), filters="of its functions")
        assert hub.wait(instance_id).get_output() == "in time"
        release.set()
        assert kinds(hub.history(instance_id)).count("TaskCompleted") == 1
        hub.close()


def test_what_a_stopped_worker_had_is_done_by_the_next(hub, release):
    """An activity on a worker that is stopped is given to the next worker at once."""
    stuck = threading.Event()

    def hang(_ctx, _input):
        stuck.set()
        release.wait()

    def call_job(ctx, _input):
        return (yield ctx.call_activity("job"))

    first = hub.work(orchestrators=call_job, activities=named("job", hang))
    instance_id = hub.start(call_job)
    until(stuck.is_set)
    hub.stop(first)
    hub.work(orchestrators=call_job, activities=named("job", lambda _ctx, _input: "done"))
    assert hub.wait(instance_id).get_output() == "done"


def test_a_worker_can_be_started_again(hub):
    """A worker that was stopped and started again works on."""
    worker = hub.work(orchestrators=call_double, activities=double)
    assert hub.output_of(call_double, input=1) == 2
    worker.stop()
    instance_id = hub.start(call_double, input=2)
    worker.start()
    assert hub.wait(instance_id).get_output() == 4


def test_work_waits_for_the_first_worker(hub):
    """What is started before there is a worker is done when one comes."""
    ids = [hub.start(call_double, input=number) for number in range(10)]
    assert {hub.status(instance_id) for instance_id in ids} == {PENDING}
    hub.work(orchestrators=call_double, activities=double)
    assert [hub.wait(instance_id).get_output() for instance_id in ids] == [2 * number for number in range(10)]


@contextlib.contextmanager
def worker_process(hub, diary, hang_in):
    """Run a worker in a process of its own."""
    command = [sys.executable, str(PROGRAM), hub.scheduler.grpc_address, hub.name, str(diary), hang_in]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("hang_in", "begun"), [("activity", "second"), ("orchestrator", "orchestrator")])
def test_what_a_killed_worker_had_is_done_by_the_next(hub, tmp_path, hang_in, begun):
    """A worker killed by SIGKILL in an activity or in a turn is replaced; what was done is not done again."""
    diary = tmp_path / "diary"

    def lines():
        return diary.read_text().split() if diary.exists() else []

    with worker_process(hub, diary, hang_in) as victim:
        instance_id = hub.start("job")
        until(lambda: begun in lines())
        victim.kill()
        victim.wait(DEADLINE_S)
    with worker_process(hub, diary, "nowhere"):
        assert hub.wait(instance_id).get_output() == 3
    assert lines().count("first") == 1
    assert lines().count("second") == (2 if hang_in == "activity" else 1)


@pytest.fixture
def impatient_pings(monkeypatch):
    """Yield the address of a scheduler in this process that pings silent workers ten times a second."""
    monkeypatch.setattr(dispatch, "HEALTH_PING_INTERVAL_S", 0.1)
    started, stop = threading.Event(), None
    facts = {}

    async def serve():
        nonlocal stop
        stop = asyncio.Event()
        facts["loop"] = asyncio.get_running_loop()
        service = SchedulerService(SchedulerOptions())
        server = GrpcService(service)
        facts["address"] = f"127.0.0.1:{server.start('127.0.0.1:0')}"
        started.set()
        await stop.wait()
        await server.stop()
        await service.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(DEADLINE_S)
    yield facts["address"]
    facts["loop"].call_soon_threadsafe(stop.set)
    thread.join(DEADLINE_S)


class LogLines(logging.Handler):
    """Collects what a worker logs."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def count(self, words):
        return sum(words in line for line in self.lines)


def test_a_worker_without_work_is_not_taken_for_dead(impatient_pings):
    """Health pings keep a worker content that would reconnect after half a second of silence."""
    logged, logger = LogLines(), logging.getLogger("test-of-pings")
    logger.addHandler(logged)
    logger.setLevel(logging.INFO)
    worker = DurableTaskSchedulerWorker(
        host_address=impatient_pings,
        taskhub="default",
        token_credential=None,
        secure_channel=False,
        logger=logger,
        resiliency_options=GrpcWorkerResiliencyOptions(silent_disconnect_timeout_seconds=0.5),
    )
    worker.start()
    try:
        until(lambda: logged.count("Successfully connected"))
        time.sleep(1.2)  # nothing must happen in this time
        assert logged.count("Timed out waiting") == 0
        assert logged.count("Successfully connected") == 1
    finally:
        worker.stop()
        logger.removeHandler(logged)


def test_idle_streams_delay_no_other(hub):
    """With thirty streams of workers open, clients are answered and each other hub works."""
    raw = hub.raw()
    streams = [raw.work() for _ in range(30)]
    hub.work(orchestrators=call_double, activities=double)
    raw.start(instance_id="seen by one of the thirty", name="other")
    assert hub.state("seen by one of the thirty") is not None
    for stream in streams:
        stream.cancel()
    assert hub.output_of(call_double, input=1) == 2
