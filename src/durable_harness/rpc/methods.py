"""The methods of `TaskHubSidecarService`, carried from gRPC to a task hub."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TypeVar

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message

from durable_harness.protocol import RpcError, RpcStatus, Scheduler, pb
from durable_harness.rpc.calls import LastingRpcCall, Method, RpcCall

M = TypeVar("M", bound=Message)
SERVICE = "TaskHubSidecarService"
MOST_PENDING_CALLS = 100_000  # beyond gRPC's own 1,000 it cancels calls that come in one burst
SERVER_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.server.max_pending_requests", MOST_PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MOST_PENDING_CALLS),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
]
OF_CLIENTS: dict[str, tuple[str, type[Message]]] = {
    "StartInstance": ("start_instance", pb.CreateInstanceRequest),
    "GetInstance": ("get_instance", pb.GetInstanceRequest),
    "RewindInstance": ("rewind_instance", pb.RewindInstanceRequest),
    "RestartInstance": ("restart_instance", pb.RestartInstanceRequest),
    "WaitForInstanceStart": ("wait_for_instance_start", pb.GetInstanceRequest),
    "WaitForInstanceCompletion": ("wait_for_instance_completion", pb.GetInstanceRequest),
    "RaiseEvent": ("raise_event", pb.RaiseEventRequest),
    "TerminateInstance": ("terminate_instance", pb.TerminateRequest),
    "SuspendInstance": ("suspend_instance", pb.SuspendRequest),
    "ResumeInstance": ("resume_instance", pb.ResumeRequest),
    "QueryInstances": ("query_instances", pb.QueryInstancesRequest),
    "ListInstanceIds": ("list_instance_ids", pb.ListInstanceIdsRequest),
    "PurgeInstances": ("purge_instances", pb.PurgeInstancesRequest),
    "SignalEntity": ("signal_entity", pb.SignalEntityRequest),
    "GetEntity": ("get_entity", pb.GetEntityRequest),
    "QueryEntities": ("query_entities", pb.QueryEntitiesRequest),
    "CleanEntityStorage": ("clean_entity_storage", pb.CleanEntityStorageRequest),
    "SkipGracefulOrchestrationTerminations": (
        "skip_graceful_orchestration_terminations",
        pb.SkipGracefulOrchestrationTerminationsRequest,
    ),
}
"""What clients call, with the method of a task hub and the message that it takes."""
LASTING = frozenset({"WaitForInstanceStart", "WaitForInstanceCompletion"})

FindHub = Callable[[RpcCall], Scheduler]
"""Returns the hub that a call is for. Raises RpcError if there is none."""


def client_methods(find_hub: FindHub) -> Iterator[tuple[str, Method]]:
    """Return what a client of a task hub calls, by the names of the protocol."""
    yield from unary_methods(OF_CLIENTS, find_hub)
    yield "StreamInstanceHistory", Method(functools.partial(_history, find_hub), is_lasting=True)
    yield "Hello", greeting(empty_pb2.Empty(), find_hub)


def unary_methods(table: Mapping[str, tuple[str, type[Message]]], find_hub: FindHub) -> Iterator[tuple[str, Method]]:
    """Return the methods of a table, each of one request and one answer."""
    for name, (method, request) in table.items():
        yield name, Method(functools.partial(_answer, find_hub, method, request), name in LASTING)


def greeting(answer: Message, find_hub: FindHub) -> Method:
    """Return a method that only confirms that the hub exists."""
    return Method(functools.partial(_greet, answer, find_hub))


def by_path(methods: Iterator[tuple[str, Method]]) -> dict[str, Method]:
    """Return methods as a server finds them, by the paths of the service."""
    return {f"/{SERVICE}/{name}": method for name, method in methods}


def read(message: type[M], body: bytes) -> M:
    """Parse a request. Bytes that are not a message are the client's fault."""
    try:
        return message.FromString(body)
    except DecodeError as error:
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT, f"The request is not a {message.DESCRIPTOR.name}: {error}"
        ) from error


async def send_all(call: LastingRpcCall, answers: AsyncIterator[Message]) -> None:
    """Send a stream of messages and end the call."""
    async with aclosing(answers):  # type: ignore[type-var]
        async for answer in answers:
            await call.send(answer.SerializeToString())
    call.finish()


@contextmanager
def refusals(call: RpcCall) -> Iterator[None]:
    """Answer a call with the status of an RpcError."""
    try:
        yield
    except RpcError as error:
        call.finish(code=grpc.StatusCode[error.status.value], details=str(error))


async def _answer(find_hub: FindHub, method: str, request: type[Message], call: RpcCall) -> None:
    with refusals(call):
        answer = await getattr(find_hub(call), method)(read(request, call.body))
        call.finish(answer.SerializeToString())


async def _history(find_hub: FindHub, call: LastingRpcCall) -> None:
    with refusals(call):
        request = read(pb.StreamInstanceHistoryRequest, call.body)
        await send_all(call, find_hub(call).stream_instance_history(request))


async def _greet(answer: Message, find_hub: FindHub, call: RpcCall) -> None:
    with refusals(call):
        find_hub(call)
        call.finish(answer.SerializeToString())
