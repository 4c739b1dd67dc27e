"""The gRPC face of the scheduler: `TaskHubSidecarService` of the Durable Task protocol, the hub named in metadata."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError

from durable_harness.protocol import RpcError, Status, pb
from durable_harness.protocol.continuing import KEEPS_EXECUTIONS_HEADER
from durable_harness.protocol.costs import MEASURE_METHOD
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.rpc.calls import LastingRpcCall, Method, RpcCall
from durable_harness.scheduler.rpc.choice import new_server
from durable_harness.scheduler.service import DEFAULT_HUB, SchedulerService

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
UNARY: dict[str, tuple[str, Any]] = {
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
    "CompleteActivityTask": ("complete_activity_task", pb.ActivityResponse),
    "CompleteOrchestratorTask": ("complete_orchestrator_task", pb.OrchestratorResponse),
    "CompleteEntityTask": ("complete_entity_task", pb.EntityBatchResult),
    "SignalEntity": ("signal_entity", pb.SignalEntityRequest),
    "GetEntity": ("get_entity", pb.GetEntityRequest),
    "QueryEntities": ("query_entities", pb.QueryEntitiesRequest),
    "CleanEntityStorage": ("clean_entity_storage", pb.CleanEntityStorageRequest),
    "AbandonTaskActivityWorkItem": ("abandon_activity_task", pb.AbandonActivityTaskRequest),
    "AbandonTaskOrchestratorWorkItem": ("abandon_orchestrator_task", pb.AbandonOrchestrationTaskRequest),
    "AbandonTaskEntityWorkItem": ("abandon_entity_task", pb.AbandonEntityTaskRequest),
    "SkipGracefulOrchestrationTerminations": (
        "skip_graceful_orchestration_terminations",
        pb.SkipGracefulOrchestrationTerminationsRequest,
    ),
}


LASTING = frozenset({"WaitForInstanceStart", "WaitForInstanceCompletion"})


class GrpcService:
    """Serves the protocol on an address."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service
        methods = {f"/{SERVICE}/{name}": method for name, method in self._methods()}
        methods[MEASURE_METHOD] = Method(self._measure)
        self._server = new_server(methods, SERVER_OPTIONS)

    def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError where it is taken."""
        return self._server.start(address)

    async def stop(self) -> None:
        await self._server.stop(grace_s=0.2)

    def _methods(self) -> Iterator[tuple[str, Method]]:
        for name, (method, request) in UNARY.items():
            yield name, Method(functools.partial(self._answer, method, request), name in LASTING)
        yield "GetWorkItems", Method(self._work, is_lasting=True)
        yield "StreamInstanceHistory", Method(self._history, is_lasting=True)
        yield "Hello", Method(functools.partial(self._greet, empty_pb2.Empty()))
        yield "CreateTaskHub", Method(functools.partial(self._greet, pb.CreateTaskHubResponse()))
        yield "DeleteTaskHub", Method(_delete_hub)

    async def _answer(self, method: str, request: Any, call: RpcCall) -> None:
        with _refusals(call):
            answer = await getattr(self._hub(call), method)(_read(request, call.body))
            call.finish(answer.SerializeToString())

    async def _work(self, call: LastingRpcCall) -> None:
        keeps_executions = any(name == KEEPS_EXECUTIONS_HEADER for name, _ in call.metadata)
        with _refusals(call):
            request = _read(pb.GetWorkItemsRequest, call.body)
            await _send_all(call, self._hub(call).get_work_items(request, keeps_executions=keeps_executions))

    async def _history(self, call: LastingRpcCall) -> None:
        with _refusals(call):
            request = _read(pb.StreamInstanceHistoryRequest, call.body)
            await _send_all(call, self._hub(call).stream_instance_history(request))

    async def _greet(self, answer: Any, call: RpcCall) -> None:
        with _refusals(call):
            self._hub(call)
            call.finish(answer.SerializeToString())

    async def _measure(self, call: RpcCall) -> None:
        with _refusals(call):
            measured = await self._hub(call).measure_instances(_read_ids(call.body))
            answer = {instance_id: measurement.as_json() for instance_id, measurement in measured.items()}
            call.finish(json.dumps(answer).encode())

    def _hub(self, call: RpcCall) -> TaskHub:
        for name, value in call.metadata:
            if name == "taskhub":
                return self._service.hub(str(value))
        return self._service.hub(DEFAULT_HUB)


async def _send_all(call: LastingRpcCall, answers: AsyncIterator[Any]) -> None:
    async with aclosing(answers):  # type: ignore[type-var]
        async for answer in answers:
            await call.send(answer.SerializeToString())
    call.finish()


async def _delete_hub(call: RpcCall) -> None:
    with _refusals(call):
        raise RpcError(Status.UNIMPLEMENTED, "This scheduler deletes no task hubs. Start it with others.")


@contextmanager
def _refusals(call: RpcCall) -> Iterator[None]:
    try:
        yield
    except RpcError as error:
        call.finish(code=grpc.StatusCode[error.status.value], details=str(error))


def _read_ids(body: bytes) -> list[str]:
    try:
        ids = json.loads(body)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise RpcError(Status.INVALID_ARGUMENT, "The request is not a JSON list of instance ids.")
    return ids


def _read(message: Any, body: bytes) -> Any:
    """Parse a request. Bytes that are no message are the client's fault."""
    try:
        return message.FromString(body)
    except DecodeError as error:
        raise RpcError(Status.INVALID_ARGUMENT, f"The request is not a {message.DESCRIPTOR.name}: {error}") from error
