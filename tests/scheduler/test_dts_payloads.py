"""Large payloads: the limit of the service, no limit at all, and messages that stay small enough to be received."""

import pytest
from dts_helpers import (
    COMPLETED,
    FAILED,
    RUNNING,
    TERMINATED,
    call_double,
    double,
    echo,
    ended,
    kinds,
    refused,
    scheduled,
    until,
    wait_for_go,
)
from durabletask import task
from durabletask.client import EntityQuery, OrchestrationQuery
from durabletask.entities import EntityInstanceId
from durabletask.grpc_options import GrpcChannelOptions, GrpcWorkerResiliencyOptions
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.payload import LargePayloadStorageOptions, PayloadStore
from grpc import StatusCode

from durable_harness.stack import scheduler_process

LIMIT = 1_048_576
TOO_LARGE = 1_100_000
LARGE_MESSAGES = GrpcChannelOptions(max_receive_message_length=-1, max_send_message_length=-1)


def text(size):
    """Return a text whose JSON has this size."""
    return "x" * (size - 2)


def write(_ctx, size):
    return text(size)


def call_write(ctx, size):
    return len((yield ctx.call_activity(write, input=size)))


def messages_of(details):
    """Return all messages of a failure, with those of its causes."""
    messages = []
    while details is not None:
        messages.append(details.message)
        details = details.inner_failure
    return " / ".join(messages)


def test_a_payload_of_the_very_limit_is_taken(hub):
    """Input, result and output of exactly 1 MiB go through."""

    def relay(ctx, value):
        return (yield ctx.call_activity(echo, input=value))

    hub.work(orchestrators=relay, activities=echo)
    assert hub.output_of(relay, input=text(LIMIT)) == text(LIMIT)


def entity():
    return EntityInstanceId("keeper", "k")


@pytest.mark.parametrize(
    "call",
    [
        lambda client, value: client.schedule_new_orchestration("o", input=value),
        lambda client, value: client.raise_orchestration_event("i", "go", data=value),
        lambda client, value: client.signal_entity(entity(), "set", input=value),
        lambda client, value: client.terminate_orchestration("i", output=value),
    ],
    ids=["input", "event", "signal", "output of a termination"],
)
def test_a_clients_payload_over_the_limit_is_refused(hub, call):
    """Too large a payload of a client is INVALID_ARGUMENT with its size and the limit; nothing has changed."""
    hub.start(wait_for_go, instance_id="i")
    detail = refused(StatusCode.INVALID_ARGUMENT, call, hub.client, text(TOO_LARGE))
    assert str(LIMIT) in detail
    assert str(TOO_LARGE) in detail
    assert [state.instance_id for state in hub.client.get_all_orchestration_states()] == ["i"]
    assert hub.client.get_all_entities(EntityQuery(include_transient=True)) == []


def test_the_limit_counts_bytes(hub):
    """A text of few characters and many bytes is over the limit."""
    refused(StatusCode.INVALID_ARGUMENT, hub.raw().start, input={"value": "€" * 400_000})


def test_too_large_a_result_fails_its_activity(hub):
    """An activity's too large result is a failure the orchestrator can catch, with size and limit."""

    def careful(ctx, size):
        try:
            yield ctx.call_activity(write, input=size)
        except task.TaskFailedError as error:
            return error.details.message

    hub.work(orchestrators=careful, activities=write)
    message = hub.output_of(careful, input=TOO_LARGE)
    assert str(LIMIT) in message
    assert str(TOO_LARGE) in message


def oversized(what):
    """Return an orchestrator that makes one too large payload of this kind and then continues."""

    def orchestrator(ctx, _input):
        value, keeper = text(TOO_LARGE), entity()
        if what == "output":
            return value
        if what == "custom status":
            ctx.set_custom_status(value)
        elif what == "continue_as_new":
            ctx.continue_as_new(value)
            return None
        elif what == "event":
            ctx.send_event("i", "go", data=value)
        elif what == "signal":
            ctx.signal_entity(keeper, "set", input=value)
        elif what == "activity":
            yield ctx.call_activity(echo, input=value)
        elif what == "child":
            yield ctx.call_sub_orchestrator(wait_for_go, input=value)
        elif what == "call":
            yield ctx.call_entity(keeper, "set", input=value)
        yield ctx.wait_for_external_event("never")
        return None

    return orchestrator


@pytest.mark.parametrize(
    "what", ["output", "custom status", "continue_as_new", "event", "signal", "activity", "child", "call"]
)
def test_too_large_a_payload_of_an_orchestrator_fails_it(hub, what):
    """Whatever an orchestrator makes too large fails it with the limit; it does not hang."""

    def keeper(ctx, value):
        ctx.set_state(len(value))

    orchestrator = oversized(what)
    hub.work(orchestrators=[orchestrator, wait_for_go], activities=echo, entities=keeper)
    instance_id = hub.start(orchestrator)
    state = hub.wait(instance_id, timeout=5)
    assert state.runtime_status is FAILED
    assert str(LIMIT) in messages_of(state.failure_details)


def test_too_large_a_state_fails_the_operation(hub):
    """An operation that would make the state too large fails and leaves the state as it was."""

    def keeper(ctx, size):
        ctx.set_state(text(size) if size else "small")

    def call(ctx, size):
        yield ctx.call_entity(entity(), "set", input=size)

    hub.work(orchestrators=call, entities=keeper)
    hub.output_of(call, input=0)
    assert str(LIMIT) in messages_of(hub.run(call, input=TOO_LARGE).failure_details)
    assert hub.client.get_entity(entity()).get_typed_state() == "small"


def test_too_large_a_result_of_an_operation_fails_it(hub):
    """An operation with too large a result fails in its caller."""

    def keeper(_ctx, size):
        return text(size)

    def call(ctx, size):
        return len((yield ctx.call_entity(entity(), "get", input=size)))

    hub.work(orchestrators=call, entities=keeper)
    assert str(LIMIT) in messages_of(hub.run(call, input=TOO_LARGE).failure_details)


def test_work_continues_after_payloads_over_the_limit(hub):
    """The worker whose payloads were too large continues working."""
    hub.work(orchestrators=[call_write, call_double], activities=[write, double])
    states = [hub.run(call_write, input=TOO_LARGE) for _ in range(3)]
    assert {state.runtime_status for state in states} == {FAILED}
    assert hub.output_of(call_double, input=2) == 4


@pytest.fixture(scope="module")
def unlimited():
    """Yield a scheduler without a limit on payloads."""
    with scheduler_process(args=["--dynamic-task-hubs", "--max-payload-bytes", "0"]) as running:
        yield running


@pytest.fixture
def wide_hub(new_hub, unlimited):
    """Return a hub of the scheduler without a limit, whose clients and workers receive messages of any size."""
    hub = new_hub(on=unlimited)
    hub.client = hub.new_client(channel_options=LARGE_MESSAGES)
    return hub


def test_without_a_limit_five_megabytes_go_through(wide_hub):
    """With --max-payload-bytes 0, an input and an output of 5 MB go through where both sides receive them."""

    def relay(ctx, value):
        return (yield ctx.call_activity(echo, input=value))

    wide_hub.work(orchestrators=relay, activities=echo, channel_options=LARGE_MESSAGES)
    assert wide_hub.output_of(relay, input=text(5_000_000)) == text(5_000_000)


def test_many_large_results_in_one_turn(wide_hub):
    """Twelve results of 1.5 MB each, 18 MB in one turn, are gathered."""

    def fan(ctx, count):
        results = yield task.when_all([ctx.call_activity(write, input=1_500_000) for _ in range(count)])
        return sum(len(result) for result in results)

    wide_hub.work(orchestrators=fan, activities=write, channel_options=LARGE_MESSAGES)
    assert wide_hub.output_of(fan, input=12) == 12 * 1_499_998


def test_other_limits_can_be_set(new_hub):
    """--max-payload-bytes sets the limit."""
    with scheduler_process(args=["--dynamic-task-hubs", "--max-payload-bytes", "1000"]) as running:
        hub = new_hub(on=running)
        assert "1000" in refused(StatusCode.INVALID_ARGUMENT, hub.start, "o", input=text(1001))
        hub.start("o", input=text(1000))
        hub.close()


def narrow_worker(hub, **functions):
    """Run a worker that receives what a gRPC client receives by default, 4 MiB, and reconnects without delay."""
    quickly = GrpcWorkerResiliencyOptions(reconnect_backoff_base_seconds=0.05, reconnect_backoff_cap_seconds=0.1)
    return hub.work(**functions, resiliency_options=quickly)


def test_a_turn_no_worker_can_receive_fails(hub):
    """Results that add up to more than a worker receives fail the orchestration with a remedy; others continue."""

    def gather(ctx, count):
        yield task.when_all([ctx.call_activity(write, input=1_000_000) for _ in range(count)])

    narrow_worker(hub, orchestrators=[gather, call_double], activities=[write, double])
    state = hub.run(gather, input=6)
    assert state.runtime_status is FAILED
    assert "max_receive_message_length" in state.failure_details.message
    assert hub.output_of(call_double, input=1) == 2


def test_an_activity_no_worker_can_receive_fails(wide_hub):
    """An activity whose input is more than its workers receive fails its call; their other work continues."""

    def call_large(ctx, size):
        try:
            yield ctx.call_activity(echo, input=text(size))
        except task.TaskFailedError as error:
            return error.details.message

    narrow_worker(wide_hub, orchestrators=[call_large, call_double], activities=[echo, double])
    instance_id = wide_hub.start(call_large, input=5_000_000)
    assert wide_hub.wait(instance_id, timeout=8).runtime_status in {COMPLETED, FAILED}
    assert wide_hub.output_of(call_double, input=2) == 4


def test_entity_operations_come_in_batches_a_worker_can_receive(hub):
    """Signals that add up to more than a worker receives at once are done nevertheless, in several batches."""

    def keeper(ctx, value):
        ctx.set_state(ctx.get_state(int, 0) + len(value))

    for _ in range(8):
        hub.client.signal_entity(entity(), "set", input=text(900_000))
    narrow_worker(hub, entities=keeper)
    until(lambda: hub.client.get_entity(entity()), deadline_s=5)
    assert until(lambda: hub.client.get_entity(entity()).get_typed_state() == 8 * 899_998, deadline_s=5)


def test_an_operation_no_worker_can_receive_fails(wide_hub):
    """An operation whose input is more than its workers receive fails for its caller; the entity continues."""

    def keeper(ctx, value):
        ctx.set_state(len(value))

    def call(ctx, size):
        try:
            yield ctx.call_entity(entity(), "set", input=text(size))
        except task.TaskFailedError as error:
            return messages_of(error.details)
        return "done"

    narrow_worker(wide_hub, orchestrators=call, entities=keeper)
    instance_id = wide_hub.start(call, input=5_000_000)
    state = wide_hub.wait(instance_id, timeout=8)
    assert "max_receive_message_length" in f"{state.serialized_output}{state.failure_details}"
    assert wide_hub.output_of(call, input=10) == "done"


def test_a_large_history_is_streamed_in_small_messages(hub):
    """A history of more than 4 MiB is read by a client with default options."""
    raw = hub.raw()
    work = raw.work()
    raw.start()
    item = next(work)
    raw.answer(item, *(scheduled(number, input={"value": text(900_000)}) for number in range(1, 7)))
    assert kinds(hub.history("i")).count("TaskScheduled") == 6


def test_large_outputs_are_listed_in_pages_a_client_can_receive(hub):
    """Instances whose payloads add up to more than 4 MiB are listed by a client with default options."""
    for number in range(8):
        hub.start("o", input=text(900_000), instance_id=str(number))
    query = OrchestrationQuery(fetch_inputs_and_outputs=True)
    states = hub.client.get_all_orchestration_states(query)
    assert [len(state.get_input()) for state in states] == [899_998] * 8


def test_large_states_are_listed_in_pages_a_client_can_receive(hub):
    """Entities whose states add up to more than 4 MiB are listed by a client with default options."""

    def keeper(ctx, size):
        ctx.set_state(text(size))

    hub.work(entities=keeper)
    for number in range(8):
        hub.client.signal_entity(EntityInstanceId("keeper", str(number)), "set", input=900_000)
    until(lambda: len(hub.client.get_all_entities(EntityQuery(include_state=False))) == 8)
    assert [len(each.get_typed_state()) for each in hub.client.get_all_entities()] == [899_998] * 8


def test_a_large_turn_that_is_given_back_is_not_lost(wide_hub):
    """A turn of 5 MB that workers give back again and again, as for its version, waits for the worker that takes it."""
    raw = wide_hub.raw()
    work = raw.work()
    raw.start(input={"value": text(5_000_000)})
    for _ in range(5):
        request = pb.AbandonOrchestrationTaskRequest(completionToken=next(work).completionToken)
        raw.AbandonTaskOrchestratorWorkItem(request)
        assert not raw.state("i").HasField("failureDetails")
    raw.answer(next(work), ended("done"))
    assert raw.state("i").output.value == "done"


class Shelf(PayloadStore):
    """A payload store in memory, as an application would have one elsewhere."""

    def __init__(self):
        self.items = {}

    @property
    def options(self):
        return LargePayloadStorageOptions(threshold_bytes=100_000)

    def upload(self, data, *, instance_id=None):
        token = f"shelf:{len(self.items)}"
        self.items[token] = data
        return token

    async def upload_async(self, data, *, instance_id=None):
        return self.upload(data)

    def download(self, token):
        return self.items[token]

    async def download_async(self, token):
        return self.download(token)

    def is_known_token(self, value):
        return value in self.items


def test_payloads_kept_elsewhere_pass_the_limit(hub):
    """With a payload store on both sides, 3 MB go through though the scheduler takes 1 MiB."""

    def relay(ctx, value):
        result = yield ctx.call_activity(echo, input=value)
        ctx.set_custom_status("relayed")
        return result

    shelf = Shelf()
    hub.work(orchestrators=relay, activities=echo, payload_store=shelf)
    client = hub.new_client(payload_store=shelf)
    instance_id = client.schedule_new_orchestration(relay, input=text(3_000_000))
    state = client.wait_for_orchestration_completion(instance_id, timeout=20)
    assert state.get_output() == text(3_000_000)
    assert shelf.items
    assert hub.state(instance_id).serialized_output in shelf.items


def test_a_running_instance_survives_refused_payloads(hub):
    """An instance that was sent too large an event takes the next one."""
    hub.work(orchestrators=wait_for_go)
    instance_id = hub.start(wait_for_go)
    until(lambda: hub.status(instance_id) is RUNNING)
    refused(StatusCode.INVALID_ARGUMENT, hub.client.raise_orchestration_event, instance_id, "go", data=text(TOO_LARGE))
    hub.client.terminate_orchestration(instance_id, output="small")
    assert hub.wait(instance_id).runtime_status is TERMINATED
