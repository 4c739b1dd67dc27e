"""The clients and workers of durabletask and durabletask-azuremanaged, unmodified, on our scheduler."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from durabletask import task
from durabletask.azuremanaged.client import AsyncDurableTaskSchedulerClient
from durabletask.client import EntityQuery, OrchestrationQuery, OrchestrationStatus
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from durabletask.worker import ConcurrencyOptions, VersioningOptions, VersionMatchStrategy

DEADLINE_S = 20


def double(_ctx, number):
    return 2 * number


def broken(_ctx, _input):
    raise ValueError("broken") from KeyError("inner")


def call_double(ctx, number):
    return (yield ctx.call_activity(double, input=number))


def wait_for_go(ctx, _input):
    return (yield ctx.wait_for_external_event("go"))


def call_broken(ctx, _input):
    return (yield ctx.call_activity(broken))


def until(look, deadline_s=DEADLINE_S):
    """Return the first true value of a look, or fail."""
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)
    return seen


def status_of(hub, instance_id):
    return hub.client.get_orchestration_state(instance_id).runtime_status


def activities(*functions):
    return [("activity", function) for function in functions]


def orchestrators(*functions):
    return [("orchestrator", function) for function in functions]


def test_an_orchestration_with_an_activity(hub):
    """An orchestration runs, and its state tells name, input, output and times."""
    hub.work(*orchestrators(call_double), *activities(double))
    state = hub.run(call_double, input=21, tags={"team": "blue"})
    assert (state.name, state.get_input(), state.get_output()) == ("call_double", 21, 42)
    assert state.created_at <= state.last_updated_at


def test_fan_out_and_any(hub):
    """when_all gathers a hundred activities; when_any goes on with the first."""

    def fan(ctx, count):
        results = yield task.when_all([ctx.call_activity(double, input=number) for number in range(count)])
        first = yield task.when_any([ctx.create_timer(timedelta(days=30)), ctx.call_activity(double, input=1)])
        return sum(results), first.get_result()

    hub.work(*orchestrators(fan), *activities(double))
    assert hub.run(fan, input=100).get_output() == [9900, 2]


def test_failures_keep_type_text_and_cause(hub):
    """A failed activity fails the orchestration; the details name the type, the text and the inner failure."""
    hub.work(*orchestrators(call_broken), *activities(broken))
    state = hub.run(call_broken)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "broken" in state.failure_details.message


def test_retries(hub):
    """A retry policy calls again after its interval until the activity succeeds."""
    calls = []

    def flaky(_ctx, _input):
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise ValueError("not yet")
        return len(calls)

    def patient(ctx, _input):
        policy = task.RetryPolicy(first_retry_interval=timedelta(seconds=0.05), max_number_of_attempts=5)
        return (yield ctx.call_activity(flaky, retry_policy=policy))

    hub.work(*orchestrators(patient), *activities(flaky))
    assert hub.run(patient).get_output() == 3


def test_timers_wait_and_scheduled_starts_too(hub):
    """A short timer fires after its time; a scheduled start stays pending before its time."""

    def sleepy(ctx, _input):
        began = ctx.current_utc_datetime
        yield ctx.create_timer(timedelta(seconds=0.2))
        return (ctx.current_utc_datetime - began).total_seconds()

    hub.work(*orchestrators(sleepy))
    assert hub.run(sleepy).get_output() >= 0.2
    later = hub.client.schedule_new_orchestration(sleepy, start_at=datetime.now(UTC) + timedelta(hours=1))
    assert hub.run(sleepy).runtime_status is OrchestrationStatus.COMPLETED
    assert status_of(hub, later) is OrchestrationStatus.PENDING


def test_events_before_and_while_waiting(hub):
    """An event raised before the first turn and one raised while waiting both arrive."""

    def two(ctx, _input):
        first = yield ctx.wait_for_external_event("a")
        second = yield ctx.wait_for_external_event("b")
        return [first, second]

    instance_id = hub.client.schedule_new_orchestration(two)
    hub.client.raise_orchestration_event(instance_id, "a", data=1)
    hub.work(*orchestrators(two))
    until(lambda: status_of(hub, instance_id) is OrchestrationStatus.RUNNING)
    hub.client.raise_orchestration_event(instance_id, "b", data={"n": 2})
    assert hub.wait(instance_id).get_output() == [1, {"n": 2}]


def test_continue_as_new_keeps_events_that_were_not_read(hub):
    """With save_events, events that came too early are there in the next execution."""

    def renewing(ctx, count):
        yield ctx.wait_for_external_event("go")
        if count == 3:
            return count
        ctx.continue_as_new(count + 1, save_events=True)
        return None

    hub.work(*orchestrators(renewing))
    instance_id = hub.client.schedule_new_orchestration(renewing, input=1)
    for _ in range(3):
        hub.client.raise_orchestration_event(instance_id, "go")
    assert hub.wait(instance_id).get_output() == 3


def test_children_know_their_parents_and_fail_them(hub):
    """A child reports to its parent under its own id; its failure is the parent's to handle."""

    def parent(ctx, _input):
        good = yield ctx.call_sub_orchestrator(call_double, input=4, instance_id=f"{ctx.instance_id}-kid")
        try:
            yield ctx.call_sub_orchestrator(call_broken)
        except task.TaskFailedError as error:
            return [good, "broken" in str(error)]

    hub.work(*orchestrators(parent, call_double, call_broken), *activities(double, broken))
    state = hub.run(parent)
    assert state.get_output() == [8, True]
    assert hub.client.get_orchestration_state(f"{state.instance_id}-kid").get_output() == 8


def test_suspend_resume_and_terminate(hub):
    """A suspended instance keeps its events until it is resumed; a terminated one ends with the given output."""
    hub.work(*orchestrators(wait_for_go))
    instance_id = hub.client.schedule_new_orchestration(wait_for_go)
    hub.client.suspend_orchestration(instance_id)
    until(lambda: status_of(hub, instance_id) is OrchestrationStatus.SUSPENDED)
    hub.client.raise_orchestration_event(instance_id, "go", data="late")
    hub.client.resume_orchestration(instance_id)
    assert hub.wait(instance_id).get_output() == "late"
    other = hub.client.schedule_new_orchestration(wait_for_go)
    hub.client.terminate_orchestration(other, output="enough")
    state = hub.wait(other)
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, "enough")


@pytest.mark.parametrize("recursive", [True, False])
def test_termination_of_children(hub, recursive):
    """A recursive termination and purge take the children along, plain ones do not."""

    def parent(ctx, _input):
        yield ctx.call_sub_orchestrator(wait_for_go, instance_id=f"{ctx.instance_id}-kid")

    hub.work(*orchestrators(parent, wait_for_go))
    instance_id = hub.client.schedule_new_orchestration(parent)
    kid = f"{instance_id}-kid"
    until(lambda: hub.client.get_orchestration_state(kid))
    hub.client.terminate_orchestration(instance_id, recursive=recursive)
    hub.wait(instance_id)
    if recursive:
        assert hub.wait(kid).runtime_status is OrchestrationStatus.TERMINATED
        assert hub.client.purge_orchestration(instance_id, recursive=True).deleted_instance_count == 2
    else:
        assert status_of(hub, kid) in {OrchestrationStatus.PENDING, OrchestrationStatus.RUNNING}
        assert hub.client.purge_orchestration(instance_id, recursive=False).deleted_instance_count == 1


def test_restart_with_the_same_and_a_new_id(hub):
    """A finished orchestration runs again with its input, in its own place or in a new one."""
    hub.work(*orchestrators(call_double), *activities(double))
    first = hub.run(call_double, input=3)
    again = hub.client.restart_orchestration(first.instance_id)
    hub.wait(again)
    other = hub.client.restart_orchestration(first.instance_id, restart_with_new_instance_id=True)
    assert again == first.instance_id
    assert other != first.instance_id
    assert [hub.wait(instance_id).get_output() for instance_id in (again, other)] == [6, 6]


def test_rewind_through_a_child(hub):
    """A rewound parent takes its failed child back with it; what had succeeded is not done again."""
    calls = []

    def fragile(_ctx, _input):
        calls.append("fragile")
        if calls.count("fragile") == 1:
            raise ValueError("first time")
        return "mended"

    def solid(_ctx, _input):
        calls.append("solid")
        return "solid"

    def kid(ctx, _input):
        yield ctx.call_activity(solid)
        return (yield ctx.call_activity(fragile))

    def parent(ctx, _input):
        return (yield ctx.call_sub_orchestrator(kid))

    hub.work(*orchestrators(parent, kid), *activities(fragile, solid))
    failed = hub.run(parent)
    assert failed.runtime_status is OrchestrationStatus.FAILED
    hub.client.rewind_orchestration(failed.instance_id, reason="mended")
    until(lambda: status_of(hub, failed.instance_id) is OrchestrationStatus.COMPLETED)
    assert hub.client.get_orchestration_state(failed.instance_id).get_output() == "mended"
    assert calls.count("solid") == 1


def test_ids_are_reused_only_where_the_policy_allows(hub):
    """A taken id is ALREADY_EXISTS; a policy that lists the state lets it be replaced."""
    hub.work(*orchestrators(call_double), *activities(double))
    instance_id = hub.run(call_double, input=1).instance_id
    with pytest.raises(grpc.RpcError) as caught:
        hub.client.schedule_new_orchestration(call_double, input=2, instance_id=instance_id)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED])
    state = hub.run(call_double, input=2, instance_id=instance_id, reuse_id_policy=policy)
    assert state.get_output() == 4


def test_versions_reach_the_orchestrator_and_choose_the_worker(hub):
    """The version of a start is seen by the orchestrator; a strict worker takes only its own."""

    def versioned(ctx, _input):
        return ctx.version

    worker = hub.work(*orchestrators(versioned), start=False)
    worker.use_versioning(VersioningOptions(version="2.0", match_strategy=VersionMatchStrategy.STRICT))
    worker.start()
    assert hub.run(versioned, version="2.0").get_output() == "2.0"


def test_queries_in_pages(hub):
    """All states and all ended ids are listed once each, by status and prefix, page by page."""
    hub.work(*orchestrators(call_double, wait_for_go), *activities(double))
    for number in range(7):
        hub.run(call_double, input=number, instance_id=f"p-{number}")
    hub.client.schedule_new_orchestration(wait_for_go, instance_id="q-1")
    query = OrchestrationQuery(max_instance_count=3, instance_id_prefix="p-", fetch_inputs_and_outputs=True)
    states = hub.client.get_all_orchestration_states(query)
    assert [(state.instance_id, state.get_output()) for state in states] == [(f"p-{n}", 2 * n) for n in range(7)]
    ids, token = [], None
    while True:
        page = hub.client.list_instance_ids(page_size=2, continuation_token=token)
        ids += page.items
        token = page.continuation_token
        if not token:
            break
    assert ids == [f"p-{n}" for n in range(7)]
    purged = hub.client.purge_orchestrations_by(runtime_status=[OrchestrationStatus.COMPLETED])
    assert purged.deleted_instance_count == 7


def test_a_long_history_is_streamed(hub):
    """A history of more than a thousand events comes whole and in order."""

    def long(ctx, count):
        yield task.when_all([ctx.call_activity(double, input=number) for number in range(count)])

    hub.work(*orchestrators(long), *activities(double))
    state = hub.run(long, input=600)
    events = hub.client.get_orchestration_history(state.instance_id)
    names = [type(event).__name__ for event in events]
    assert names.count("TaskScheduledEvent") == names.count("TaskCompletedEvent") == 600
    assert (names[1], names[-1]) == ("ExecutionStartedEvent", "ExecutionCompletedEvent")


def counter(ctx, amount):
    total = ctx.get_state(int, 0) + (amount or 0)
    ctx.set_state(total)
    return total


def test_entities_signalled_called_and_listed(hub):
    """Signals and calls change an entity's state in order; queries find it; cleaning leaves it."""

    def caller(ctx, key):
        yield ctx.call_entity(EntityInstanceId("counter", key), "add", input=5)
        return (yield ctx.call_entity(EntityInstanceId("counter", key), "add", input=1))

    hub.work(*orchestrators(caller), ("entity", counter))
    hub.client.signal_entity(EntityInstanceId("counter", "k"), "add", input=10)
    until(lambda: hub.client.get_entity(EntityInstanceId("counter", "k")))
    assert hub.run(caller, input="k").get_output() == 16
    assert [str(entity.id) for entity in hub.client.get_all_entities(EntityQuery())] == ["@counter@k"]
    assert hub.client.clean_entity_storage().empty_entities_removed == 0


def test_a_lock_keeps_others_out(hub):
    """Orchestrations that lock an entity read and write it without losing an update."""

    def careful(ctx, _input):
        entity = EntityInstanceId("counter", "shared")
        with (yield ctx.lock_entities([entity])):
            seen = yield ctx.call_entity(entity, "add", input=0)
            yield ctx.create_timer(timedelta(seconds=0.02))
            yield ctx.call_entity(entity, "add", input=1)
        return seen

    hub.work(*orchestrators(careful), ("entity", counter))
    ids = [hub.client.schedule_new_orchestration(careful) for _ in range(5)]
    assert sorted(hub.wait(instance_id).get_output() for instance_id in ids) == [0, 1, 2, 3, 4]


def test_a_delayed_signal_comes_later(hub):
    """A signal with a time is delivered then; one sent after it without a time comes before."""
    hub.work(("entity", counter))
    entity = EntityInstanceId("counter", "later")
    hub.client.signal_entity(entity, "add", input=100, signal_time=datetime.now(UTC) + timedelta(seconds=0.5))
    hub.client.signal_entity(entity, "add", input=1)
    until(lambda: hub.client.get_entity(entity))
    assert hub.client.get_entity(entity).get_state(int) == 1
    until(lambda: hub.client.get_entity(entity).get_state(int) == 101)


def test_hubs_do_not_see_each_other(new_hub):
    """The same instance id means two instances in two hubs, and a worker works for its own only."""
    one, two = new_hub(), new_hub()
    one.work(*orchestrators(call_double), *activities(double))
    one.run(call_double, input=1, instance_id="same")
    assert two.client.get_orchestration_state("same") is None
    two.client.schedule_new_orchestration(call_double, input=1, instance_id="same")
    assert status_of(two, "same") is OrchestrationStatus.PENDING


def test_workers_of_one_hub_share_the_work(hub):
    """Two workers of a hub both get work."""
    seen = {0: 0, 1: 0}

    def make(number):
        def count(_ctx, _input):
            seen[number] += 1

        count.__name__ = "count"
        return count

    def fan(ctx, _input):
        yield task.when_all([ctx.call_activity("count") for _ in range(40)])

    for number in range(2):
        hub.work(*orchestrators(fan), *activities(make(number)))
    until(lambda: hub.run(fan) and min(seen.values()) > 0)


def test_a_worker_gets_no_more_than_it_asked_for(hub):
    """With room for one activity, a worker is never given two at once."""
    inside, most = [], []

    def busy(_ctx, _input):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()

    def fan(ctx, _input):
        yield task.when_all([ctx.call_activity(busy) for _ in range(6)])

    hub.work(
        *orchestrators(fan),
        *activities(busy),
        concurrency_options=ConcurrencyOptions(maximum_concurrent_activity_work_items=1),
    )
    hub.run(fan)
    assert max(most) == 1


def test_a_worker_that_goes_away_loses_its_work(hub):
    """An activity that was running on a worker that stopped is done by the next worker."""
    stuck, release = threading.Event(), threading.Event()

    def hanging(_ctx, _input):
        stuck.set()
        release.wait(DEADLINE_S)

    def fine(_ctx, _input):
        return "done"

    hanging.__name__ = fine.__name__ = "job"

    def call_job(ctx, _input):
        return (yield ctx.call_activity("job"))

    first = hub.work(*orchestrators(call_job), *activities(hanging))
    instance_id = hub.client.schedule_new_orchestration(call_job)
    assert stuck.wait(DEADLINE_S)
    threading.Thread(target=first.stop, daemon=True).start()
    hub.work(*orchestrators(call_job), *activities(fine))
    state = hub.wait(instance_id)
    release.set()
    assert state.get_output() == "done"


def test_waiting_too_long_is_a_timeout_and_harms_nobody(hub):
    """Many waiters that run out of time get a TimeoutError; the scheduler serves on."""
    hub.work(*orchestrators(wait_for_go, call_double), *activities(double))
    instance_id = hub.client.schedule_new_orchestration(wait_for_go)
    failures = []

    def wait():
        with pytest.raises(TimeoutError):
            hub.client.wait_for_orchestration_completion(instance_id, timeout=1)
        failures.append(1)

    waiters = [threading.Thread(target=wait) for _ in range(20)]
    for waiter in waiters:
        waiter.start()
    assert hub.run(call_double, input=4).get_output() == 8
    for waiter in waiters:
        waiter.join()
    assert len(failures) == 20


def test_a_payload_over_the_limit_is_refused_or_fails(hub):
    """A client's payload over 1 MB is INVALID_ARGUMENT; a worker's fails the orchestration, and nothing gets stuck."""

    def large(_ctx, size):
        return "x" * size

    def call_large(ctx, size):
        return (yield ctx.call_activity(large, input=size))

    hub.work(*orchestrators(call_large), *activities(large))
    with pytest.raises(grpc.RpcError) as caught:
        hub.client.schedule_new_orchestration(call_large, input="x" * 2_000_000)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "1048576" in caught.value.details()
    assert "1048576" in hub.run(call_large, input=2_000_000).failure_details.message


def test_an_unknown_hub_is_named(scheduler, tmp_path):
    """A hub that is not there, where hubs are not made on use, is NOT_FOUND with its name."""
    channel = grpc.insecure_channel(scheduler.grpc_address)
    hello = channel.unary_unary("/TaskHubSidecarService/Hello")
    with pytest.raises(grpc.RpcError) as caught:
        hello(b"", metadata=[("taskhub", "")])
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details().startswith("Task hub not found:")
    channel.close()


def test_the_async_client(hub):
    """The asyncio client of the managed package starts, raises events and waits."""
    hub.work(*orchestrators(wait_for_go))

    async def scene():
        async with AsyncDurableTaskSchedulerClient(**hub.address) as client:
            instance_id = await client.schedule_new_orchestration(wait_for_go)
            await client.raise_orchestration_event(instance_id, "go", data=5)
            return await client.wait_for_orchestration_completion(instance_id, timeout=DEADLINE_S)

    assert asyncio.run(scene()).get_output() == 5


def test_a_history_that_no_worker_can_receive_fails_its_instance(hub):
    """Results that add up to more than a worker receives fail the orchestration with a remedy; others go on."""

    def large(_ctx, _input):
        return "x" * 1_000_000

    def gather(ctx, count):
        yield task.when_all([ctx.call_activity(large) for _ in range(count)])

    hub.work(*orchestrators(gather, call_double), *activities(large, double))
    instance_id = hub.client.schedule_new_orchestration(gather, input=6)
    state = hub.client.wait_for_orchestration_completion(instance_id, timeout=60)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "max_receive_message_length" in state.failure_details.message
    assert hub.run(call_double, input=1).get_output() == 2


def test_the_trace_of_a_start_reaches_its_work(hub):
    """The trace context of a start is handed to its worker, and the worker's span comes back in the next turn."""
    with grpc.insecure_channel(hub.scheduler.grpc_address) as channel:
        stub = TaskHubSidecarServiceStub(channel)
        metadata = [("taskhub", hub.name)]
        trace = {"traceParent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        stub.StartInstance(
            pb.CreateInstanceRequest(instanceId="i", name="o", parentTraceContext=trace), metadata=metadata
        )
        items = stub.GetWorkItems(pb.GetWorkItemsRequest(), metadata=metadata)
        first = next(items)
        started = first.orchestratorRequest.newEvents[1].executionStarted
        assert started.parentTraceContext.traceParent == trace["traceParent"]
        answer = pb.OrchestratorResponse(instanceId="i", completionToken=first.completionToken)
        answer.orchestrationTraceContext.spanID.value = "b7ad6b7169203331"
        stub.CompleteOrchestratorTask(answer, metadata=metadata)
        stub.RaiseEvent(pb.RaiseEventRequest(instanceId="i", name="go"), metadata=metadata)
        assert next(items).orchestratorRequest.orchestrationTraceContext.spanID.value == "b7ad6b7169203331"
        items.cancel()
