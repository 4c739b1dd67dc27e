"""Hostile input: whatever is sent, each call ends with a proper status and the scheduler serves on."""

import os
import random

import grpc
import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor

from durable_harness.scheduler.grpc_service import UNARY
from durable_harness.stack import scheduler_process

pytestmark = pytest.mark.thorough

SEED = int(os.environ.get("DURABLE_HARNESS_TEST_SEED", "20261124"))
CALLS = 10_000
SILENT_STREAMS = 1000
CALL_TIMEOUT_S = 10
IN_FLIGHT = 50
NEVER = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED}
MAY_WAIT = {"WaitForInstanceStart", "WaitForInstanceCompletion"}
STRANGE_TEXT = [
    "",
    "i",
    "@",
    "@e@k",
    "",
    "@e@",
    "x" * 5000,
    "\x00",
    "../..",
    "ü🐎",
    "i\n",
    "%s",
    "'; DROP TABLE instances",
]
STRANGE_NUMBERS = [0, 1, -1, 2**31 - 1, -(2**31), 7]
LARGE_NUMBERS = [*STRANGE_NUMBERS, 2**63 - 1, -(2**63), 253402300799]


def random_message(chance, message_class, depth=0):
    """Fill a message with a random choice of its fields, extreme values among them."""
    message = message_class()
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4 or depth > 4:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        values = [random_value(chance, field, depth) for _ in range(chance.randint(1, 2))]
        if field.is_repeated:
            getattr(message, field.name).extend(values)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(values[0])
        else:
            setattr(message, field.name, values[0])
    return message


CHOICES = {
    FieldDescriptor.TYPE_STRING: STRANGE_TEXT,
    FieldDescriptor.TYPE_BOOL: [True, False],
    FieldDescriptor.TYPE_INT64: LARGE_NUMBERS,
    FieldDescriptor.TYPE_DOUBLE: [0.0, -1.5, 1e300],
}


def random_value(chance, field, depth):
    if field.message_type is not None:
        return random_message(chance, field.message_type._concrete_class, depth + 1)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    return chance.choice(CHOICES.get(field.type, STRANGE_NUMBERS))


def random_body(chance, message_class):
    """A message, or bytes that are none."""
    body = random_message(chance, message_class).SerializeToString()
    if chance.random() < 0.1:
        return chance.randbytes(chance.randint(1, 200))
    return body[: chance.randint(0, len(body))] if chance.random() < 0.05 else body


def random_metadata(chance):
    hub = chance.choice(["default", "default", "default", "nobody", ""])
    return [("taskhub", hub), *([("x-large", "m" * 7000)] if chance.random() < 0.02 else [])]


def run_an_orchestration(channel):
    """Start an instance, do its one turn, and return its status: the scheduler serves as ever."""
    call = {name: channel.unary_unary(f"/TaskHubSidecarService/{name}") for name in UNARY}
    started = pb.CreateInstanceRequest(instanceId="after-all", name="after-all")
    call["StartInstance"](started.SerializeToString(), timeout=CALL_TIMEOUT_S)
    stream = channel.unary_stream("/TaskHubSidecarService/GetWorkItems", response_deserializer=pb.WorkItem.FromString)
    filters = pb.GetWorkItemsRequest(workItemFilters={"orchestrations": [{"name": "after-all"}]})
    items = stream(filters.SerializeToString(), timeout=CALL_TIMEOUT_S)
    item = next(item for item in items if item.HasField("orchestratorRequest"))
    ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED}
    answer = pb.OrchestratorResponse(
        instanceId="after-all",
        completionToken=item.completionToken,
        actions=[pb.OrchestratorAction(id=-1, completeOrchestration=ending)],
    )
    call["CompleteOrchestratorTask"](answer.SerializeToString(), timeout=CALL_TIMEOUT_S)
    items.cancel()
    query = pb.GetInstanceRequest(instanceId="after-all").SerializeToString()
    found = pb.GetInstanceResponse.FromString(call["GetInstance"](query, timeout=CALL_TIMEOUT_S))
    return found.orchestrationState.orchestrationStatus


@pytest.fixture
def channel():
    """Yield a channel to a scheduler of this test's own."""
    with scheduler_process() as running, grpc.insecure_channel(running.grpc_address) as opened:
        yield opened


def test_ten_thousand_strange_calls_are_all_answered(channel, record_property):
    """Random and malformed messages to every method: no internal error, no hang, and then a normal orchestration."""
    record_property("seed", SEED)
    chance = random.Random(SEED)
    calls = {name: channel.unary_unary(f"/TaskHubSidecarService/{name}") for name in UNARY}
    names, answered, wrong = sorted(calls), 0, []
    while answered < CALLS:
        sent = []
        for _ in range(IN_FLIGHT):
            name = chance.choice(names)
            body = random_body(chance, UNARY[name][1])
            timeout = 0.05 if name in MAY_WAIT else CALL_TIMEOUT_S
            sent.append((name, body, calls[name].future(body, metadata=random_metadata(chance), timeout=timeout)))
        for name, body, call in sent:
            code = call.code()
            waited = name in MAY_WAIT and code is grpc.StatusCode.DEADLINE_EXCEEDED
            if code in NEVER and not waited:
                wrong.append((name, code.name, call.details(), body))
        answered += len(sent)
    assert wrong == []
    assert run_an_orchestration(channel) == pb.ORCHESTRATION_STATUS_COMPLETED


def test_a_thousand_silent_streams_block_no_other_client(channel):
    """A client that opens a thousand silent streams does not keep others from their work."""
    stream = channel.unary_stream("/TaskHubSidecarService/GetWorkItems")
    nothing = pb.GetWorkItemsRequest(workItemFilters=pb.WorkItemFilters()).SerializeToString()
    silent = [stream(nothing) for _ in range(SILENT_STREAMS)]
    assert run_an_orchestration(channel) == pb.ORCHESTRATION_STATUS_COMPLETED
    for call in silent:
        call.cancel()
