"""A scheduler elsewhere: the gRPC client of a DTS emulator or of a scheduler in Azure."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import AbstractContextManager, aclosing
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from durable_harness import __version__
from durable_harness.errors import UnreachableError
from durable_harness.extras import importing
from durable_harness.host.work.remote_measuring import HistoryMeasuring
from durable_harness.host.work.remote_timings import timings_from_history
from durable_harness.protocol import Measurement, RpcError, RpcStatus, new_id, pb
from durable_harness.protocol.alarms import ALARM_METHOD, SLEEP_METHOD, wall_alarm
from durable_harness.protocol.continuing import KEEPS_EXECUTIONS_HEADER
from durable_harness.protocol.costs import MEASURE_METHOD
from durable_harness.protocol.timings import TIMINGS_METHOD, Document
from durable_harness.settings import SchedulerAddress
from durable_harness.settings.task_hubs import DYNAMIC_HUBS_VARIABLE, HUBS_VARIABLE

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from durabletask.azuremanaged.internal.access_token_manager import AsyncAccessTokenManager

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CONNECT_TIMEOUT_S = 5.0
EMBEDDED = ", or leave --scheduler out to use the embedded one"
UNKNOWN_METHOD = frozenset(
    {
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,  # what a gateway may answer for a path that it does not know
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
    }
)
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # gRPC's own default waits up to two minutes between two tries, and fails every call until the next one.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
UNARY = {
    "start_instance": "StartInstance",
    "get_instance": "GetInstance",
    "wait_for_instance_start": "WaitForInstanceStart",
    "wait_for_instance_completion": "WaitForInstanceCompletion",
    "raise_event": "RaiseEvent",
    "terminate_instance": "TerminateInstance",
    "suspend_instance": "SuspendInstance",
    "resume_instance": "ResumeInstance",
    "rewind_instance": "RewindInstance",
    "restart_instance": "RestartInstance",
    "query_instances": "QueryInstances",
    "list_instance_ids": "ListInstanceIds",
    "purge_instances": "PurgeInstances",
    "signal_entity": "SignalEntity",
    "get_entity": "GetEntity",
    "query_entities": "QueryEntities",
    "clean_entity_storage": "CleanEntityStorage",
    "skip_graceful_orchestration_terminations": "SkipGracefulOrchestrationTerminations",
    "complete_orchestrator_task": "CompleteOrchestratorTask",
    "complete_activity_task": "CompleteActivityTask",
    "complete_entity_task": "CompleteEntityTask",
    "abandon_orchestrator_task": "AbandonTaskOrchestratorWorkItem",
    "abandon_activity_task": "AbandonTaskActivityWorkItem",
    "abandon_entity_task": "AbandonTaskEntityWorkItem",
}


class _Stream(Protocol[T_co]):
    """A call of grpc.aio that is answered with many messages."""

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    def cancel(self) -> bool: ...


class GrpcScheduler:
    """One task hub of a remote scheduler, with the interface `durable_harness.protocol.Scheduler`."""

    def __init__(self, address: SchedulerAddress, task_hub: str) -> None:
        self._address = address
        self.task_hub = task_hub
        self._metadata = [
            ("taskhub", task_hub),
            ("x-user-agent", f"durable-harness/{__version__}"),
            ("workerid", f"{socket.gethostname()}:{os.getpid()}:{new_id()}"),
        ]
        self._tokens = _token_manager(address)
        if address.secure:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.aio.secure_channel(address.target, credentials, CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(address.target, CHANNEL_OPTIONS)
        self._stub = TaskHubSidecarServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._measure = self._channel.unary_unary(MEASURE_METHOD)
        self._counts = True
        self._timings = self._channel.unary_unary(TIMINGS_METHOD)
        self._notes_times = True
        self._set_alarm = self._channel.unary_stream(ALARM_METHOD)
        self._sleep = self._channel.unary_stream(SLEEP_METHOD)
        self._has_alarms = True

    async def connect(self, *, instead: str = EMBEDDED) -> None:
        """Greet the scheduler, also one just starting; raise UnreachableError if nothing answers or knows the hub.

        `instead` is what else a person may do, in words.
        """
        try:
            await self._stub.Hello(
                empty_pb2.Empty(), metadata=await self._headers(), timeout=CONNECT_TIMEOUT_S, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise UnreachableError(
                f"The scheduler at {self._address.endpoint} (task hub '{self.task_hub}') does not answer:"
                f" {code.name}: {error.details()}\n  {_way_out(code, self.task_hub, error.details() or '', instead)}"
            ) from error

    async def close(self) -> None:
        await self._channel.close()

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # the methods of UNARY
        method = UNARY.get(name)
        if method is None:
            raise AttributeError(name)
        rpc = getattr(self._stub, method)

        async def call(request: Message) -> Message:
            try:
                answer: Message = await rpc(request, metadata=await self._headers())
            except grpc.aio.AioRpcError as error:
                raise _rpc_error(error) from error
            return answer

        setattr(self, name, call)
        return call

    async def get_work_items(
        self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False
    ) -> AsyncIterator[pb.WorkItem]:
        metadata = await self._headers()
        if keeps_executions:
            metadata = [*metadata, (KEEPS_EXECUTIONS_HEADER, "true")]
        async for item in self._stream(self._stub.GetWorkItems(request, metadata=metadata)):
            yield item

    async def stream_instance_history(self, request: pb.StreamInstanceHistoryRequest) -> AsyncIterator[pb.HistoryChunk]:
        async for chunk in self._stream(self._stub.StreamInstanceHistory(request, metadata=await self._headers())):
            yield chunk

    async def measure_instances(self, ids: Collection[str]) -> Mapping[str, Measurement]:
        """Return times and costs: those that the scheduler counted if it is ours, else from states and histories."""
        if self._counts:
            try:
                answer = await self._measure(json.dumps(list(ids)).encode(), metadata=await self._headers())
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    raise _rpc_error(error) from error
                self._counts = False  # another vendor's scheduler does not know the method
            else:
                return {name: Measurement.from_json(found) for name, found in json.loads(answer).items()}
        return await HistoryMeasuring(self).measure(ids)

    async def instance_timings(self, instance_id: str) -> Document:
        """Return the times of an instance: those that the scheduler noted if it is ours, else those of its history."""
        if self._notes_times:
            try:
                return dict(json.loads(await self._timings(instance_id.encode(), metadata=await self._headers())))
            except grpc.aio.AioRpcError as error:
                if error.code() not in UNKNOWN_METHOD:
                    raise _rpc_error(error) from error
                # Not found is the method at a gateway, or the instance at a scheduler of ours: the history decides.
                self._notes_times = error.code() is grpc.StatusCode.NOT_FOUND
        return await timings_from_history(self, instance_id)

    async def sleep(self, token: str, seconds: float) -> None:
        """Wait on the scheduler's clock if it is ours, else on this machine's."""
        call = self._sleep(json.dumps({"token": token, "seconds": seconds}).encode(), metadata=await self._headers())
        try:
            async for _ in call:
                return
        except grpc.aio.AioRpcError as error:
            if error.code() not in UNKNOWN_METHOD:
                raise _rpc_error(error) from error
        finally:
            call.cancel()
        await asyncio.sleep(seconds)

    async def alarm(self, name: str, due_ns: int) -> AsyncGenerator[int, None]:
        """Set an alarm on the scheduler's clock if it is ours, else on this machine's."""
        if self._has_alarms:
            asked = json.dumps({"name": name, "dueNs": due_ns}).encode()
            call = self._set_alarm(asked, metadata=await self._headers())
            try:
                async for answer in call:
                    yield json.loads(answer)["nowNs"]
            except grpc.aio.AioRpcError as error:
                if error.code() not in UNKNOWN_METHOD:
                    raise _rpc_error(error) from error
                self._has_alarms = False  # another vendor's scheduler does not know the method
            finally:
                call.cancel()
        async with aclosing(wall_alarm(due_ns)) as moments:
            async for now_ns in moments:
                yield now_ns

    async def _headers(self) -> list[tuple[str, str]]:
        """Return the metadata of a call. (grpc.aio would apply one interceptor to one kind of call only.)"""
        if self._tokens is None:
            return self._metadata
        token = await self._tokens.get_access_token()
        return [*self._metadata, ("authorization", f"Bearer {token.token}")] if token else self._metadata

    async def _stream(self, call: _Stream[T]) -> AsyncIterator[T]:
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise _rpc_error(error) from error
        finally:
            call.cancel()


def _rpc_error(error: grpc.aio.AioRpcError) -> RpcError:
    name = error.code().name
    status = RpcStatus(name) if name in RpcStatus.__members__ else RpcStatus.INTERNAL
    return RpcError(status, error.details() or name)


def _token_manager(address: SchedulerAddress) -> AsyncAccessTokenManager | None:
    """Return the manager of the tokens of calls, None for a scheduler that needs none."""
    credential = make_credential(address)
    if credential is None:
        return None
    with _needing_azure(address):
        from durabletask.azuremanaged.internal.access_token_manager import AsyncAccessTokenManager  # noqa: PLC0415 - an extra

    return AsyncAccessTokenManager(credential)


def _needing_azure(address: SchedulerAddress) -> AbstractContextManager[None]:
    return importing("azure", f"Authentication={address.authentication} in the connection string")


def make_credential(address: SchedulerAddress) -> AsyncTokenCredential | None:
    """Return the credential that a connection string's Authentication asks for, None for none."""
    if address.authentication == "None":
        return None
    with _needing_azure(address):
        from azure.identity import aio  # noqa: PLC0415 - half a second that local runs do not need

    options: dict[str, str] = {}
    if address.client_id:
        options["client_id"] = address.client_id
    if address.authentication == "DefaultAzure":
        return aio.DefaultAzureCredential(
            **({"managed_identity_client_id": address.client_id} if address.client_id else {})
        )
    if address.authentication == "WorkloadIdentity":
        workload = {
            "tenant_id": address.tenant_id,
            "token_file_path": address.token_file_path,
            "additionally_allowed_tenants": list(address.additionally_allowed_tenants) or None,
        }
        return aio.WorkloadIdentityCredential(**options, **{k: v for k, v in workload.items() if v})
    if address.authentication == "ManagedIdentity":
        return aio.ManagedIdentityCredential(**options)
    kinds = {
        "Environment": aio.EnvironmentCredential,
        "AzureCLI": aio.AzureCliCredential,
        "AzurePowerShell": aio.AzurePowerShellCredential,
        "VisualStudioCode": aio.VisualStudioCodeCredential,
    }
    if address.authentication not in kinds:
        raise UnreachableError(
            f"Authentication={address.authentication} needs a person at a browser; this host cannot use it. Use"
            " AzureCLI or DefaultAzure."
        )
    return kinds[address.authentication]()


def _way_out(code: grpc.StatusCode, task_hub: str, detail: str, instead: str = EMBEDDED) -> str:
    """Return what to do about a scheduler that does not answer; the message of ours has a part of it."""
    if code is not grpc.StatusCode.NOT_FOUND:
        return f"Start the emulator, or correct the connection string{instead}."
    other_hub = "name a hub that it has: TaskHub=NAME in the connection string."
    if HUBS_VARIABLE in detail:
        return f"Or {other_hub}"
    return (
        f"Start the emulator with {HUBS_VARIABLE}=default,{task_hub} or {DYNAMIC_HUBS_VARIABLE}=true, durable-harness"
        f" scheduler with --task-hubs default,{task_hub} or --dynamic-task-hubs. Or {other_hub}"
    )
