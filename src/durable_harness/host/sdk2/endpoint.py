"""The gRPC endpoint of the SDK's client: what clients of a task hub may call, on a port of the loopback.

The client can be given no secret: its only metadata are the hub's name and its own version. So the endpoint has what
clients need and nothing of what workers do, and answers for the one hub of this host. Browsers cannot speak gRPC.
"""

from __future__ import annotations

from typing import Any

from durable_harness.host.purging import refusal_to_purge
from durable_harness.host.sdk.generation import RpcHandler
from durable_harness.host.sdk.ports import bind_rpc
from durable_harness.protocol import RpcError, RpcStatus, Scheduler, pb
from durable_harness.rpc.calls import RpcCall, Server
from durable_harness.rpc.choice import new_server
from durable_harness.rpc.methods import SERVER_OPTIONS, by_path, client_methods
from durable_harness.settings import DurableTaskSettings

GRACE_S = 0.2


class GrpcEndpoint:
    """Implements `durable_harness.host.sdk.generation.ClientEndpoint`. With a remote scheduler it is a proxy."""

    path = "/"

    def __init__(self, scheduler: Scheduler, settings: DurableTaskSettings) -> None:
        self.secrets: list[str] = []
        self._scheduler: Scheduler = _OfExtension(scheduler, settings.default_version)
        self._task_hub = settings.hub_name
        self._server: Server | None = None

    def bind(self, *, ephemeral: bool) -> str:
        self._server = new_server(by_path(client_methods(self._hub)), SERVER_OPTIONS)
        return f"http://127.0.0.1:{self._server.start(f'127.0.0.1:{_free_port(ephemeral=ephemeral)}')}"

    async def serve(self, _handle_rpc: RpcHandler) -> None:
        """Calls are answered as soon as the port is taken."""

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(GRACE_S)

    def _hub(self, call: RpcCall) -> Scheduler:
        named = next((str(value) for name, value in call.metadata if name == "taskhub"), self._task_hub)
        if named != self._task_hub:
            raise RpcError(
                RpcStatus.NOT_FOUND,
                f"Task hub not found: {named}. This host works for the task hub '{self._task_hub}': name no"
                " other one in the durableClient binding.",
            )
        return self._scheduler


class _OfExtension:
    """A task hub with what the Durable extension adds to it: the default version of host.json, and rules of its own."""

    def __init__(self, scheduler: Scheduler, default_version: str | None) -> None:
        self._scheduler = scheduler
        self._default_version = default_version

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # all other methods of a Scheduler
        return getattr(self._scheduler, name)

    async def start_instance(self, request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        if self._default_version and not request.version.value:
            request.version.value = self._default_version
        return await self._scheduler.start_instance(request)

    async def purge_instances(self, request: pb.PurgeInstancesRequest) -> pb.PurgeInstancesResponse:
        """Refuse to purge one instance that has not ended; the scheduler would purge nothing, without an error."""
        if request.instanceId:
            found = await self._scheduler.get_instance(pb.GetInstanceRequest(instanceId=request.instanceId))
            refusal = refusal_to_purge(found.orchestrationState) if found.exists else None
            if refusal is not None:
                raise RpcError(RpcStatus.FAILED_PRECONDITION, refusal)
        return await self._scheduler.purge_instances(request)


def _free_port(*, ephemeral: bool) -> int:
    """Return a port that is free by now; gRPC itself reports no reason if it cannot listen."""
    if ephemeral:
        return 0
    with bind_rpc(ephemeral=False) as found:
        return int(found.getsockname()[1])
