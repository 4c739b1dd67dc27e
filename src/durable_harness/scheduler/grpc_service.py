"""The gRPC face of the scheduler: `TaskHubSidecarService` of the Durable Task protocol, the hub named in metadata."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError

from durable_harness.protocol import RpcError, Status, pb
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.service import DEFAULT_HUB, SchedulerService

logger = logging.getLogger("durable_harness.scheduler")

SERVICE = "TaskHubSidecarService"
SERVER_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 * 1024),
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


class GrpcService:
    """Serves the protocol on sockets that are bound already or on an address."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, self._handlers())])

    async def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError where it is taken."""
        port = self._server.add_insecure_port(address)
        await self._server.start()
        return int(port)

    async def stop(self) -> None:
        await self._server.stop(grace=0.2)

    def _handlers(self) -> dict[str, Any]:
        handlers = {name: _unary(self._call(method, request)) for name, (method, request) in UNARY.items()}
        handlers["Hello"] = _unary(self._hello)
        handlers["CreateTaskHub"] = _unary(self._create_hub)
        handlers["DeleteTaskHub"] = _unary(self._delete_hub)
        handlers["GetWorkItems"] = _stream(self._work_items)
        handlers["StreamInstanceHistory"] = _stream(self._history)
        return handlers

    def _hub(self, context: Any) -> TaskHub:
        for name, value in context.invocation_metadata() or ():
            if name == "taskhub":
                return self._service.hub(value)
        return self._service.hub(DEFAULT_HUB)

    def _call(self, method: str, message: Any) -> Callable[[bytes, Any], Awaitable[Any]]:
        async def call(body: bytes, context: Any) -> Any:
            try:
                return await getattr(self._hub(context), method)(_read(message, body))
            except Exception as error:  # noqa: BLE001 - every error is an answer
                return await _abort(context, method, error)

        return call

    async def _hello(self, _body: bytes, context: Any) -> Any:
        try:
            self._hub(context)
        except RpcError as error:
            return await _abort(context, "Hello", error)
        return empty_pb2.Empty()

    async def _create_hub(self, body: bytes, context: Any) -> Any:
        await self._hello(body, context)
        return pb.CreateTaskHubResponse()

    async def _delete_hub(self, _body: bytes, context: Any) -> Any:
        error = RpcError(Status.UNIMPLEMENTED, "This scheduler deletes no task hubs. Start it with others.")
        return await _abort(context, "DeleteTaskHub", error)

    async def _work_items(self, body: bytes, context: Any) -> AsyncIterator[Any]:
        stream = self._guarded(context, lambda hub: hub.get_work_items(_read(pb.GetWorkItemsRequest, body)))
        async for item in stream:
            yield item

    async def _history(self, body: bytes, context: Any) -> AsyncIterator[Any]:
        message = pb.StreamInstanceHistoryRequest
        async for chunk in self._guarded(context, lambda hub: hub.stream_instance_history(_read(message, body))):
            yield chunk

    async def _guarded(self, context: Any, stream: Callable[[TaskHub], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        try:
            messages: Any = stream(self._hub(context))
            try:
                async for message in messages:
                    yield message
            finally:
                await messages.aclose()
        except RpcError as error:
            await _abort(context, "stream", error)


async def _abort(context: Any, method: str, error: Exception) -> Any:
    if isinstance(error, RpcError):
        await context.abort(getattr(grpc.StatusCode, error.status.value), str(error))
    logger.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def _read(message: Any, body: bytes) -> Any:
    """Parse a request. (Left to gRPC, bytes that are no message would be answered as an unknown error.)"""
    try:
        return message.FromString(body)
    except DecodeError as error:
        raise RpcError(Status.INVALID_ARGUMENT, f"The request is not a {message.DESCRIPTOR.name}: {error}") from error


def _unary(call: Callable[[bytes, Any], Awaitable[Any]]) -> Any:
    return grpc.unary_unary_rpc_method_handler(call, response_serializer=_serialize)


def _stream(call: Callable[[bytes, Any], AsyncIterator[Any]]) -> Any:
    return grpc.unary_stream_rpc_method_handler(call, response_serializer=_serialize)


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
