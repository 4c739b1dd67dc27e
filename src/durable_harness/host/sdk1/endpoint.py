"""The local RPC endpoint of azure-functions-durable 1.x: the durable HTTP API on a port of its own."""

from __future__ import annotations

import secrets
import socket

from aiohttp import web

from durable_harness.host.http.server import RPC_NAME
from durable_harness.host.sdk.generation import RpcHandler
from durable_harness.host.sdk.ports import bind_rpc
from durable_harness.network.callers import programs_only
from durable_harness.network.web_servers import NO_LIMIT, serve_http


class HttpEndpoint:
    """Implements `durable_harness.host.sdk.generation.ClientEndpoint`."""

    def __init__(self) -> None:
        # Only who was given the SDK's binding can call it: no page, and no other user of this machine.
        secret = secrets.token_urlsafe(32)
        self.secrets = [secret]
        self.path = f"/{secret}/{RPC_NAME}/"
        self._socket: socket.socket | None = None
        self._runner: web.ServerRunner | None = None

    def bind(self, *, ephemeral: bool) -> str:
        self._socket = bind_rpc(ephemeral=ephemeral)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}{self.path}"

    async def serve(self, handle_rpc: RpcHandler) -> None:
        assert self._socket is not None
        self._runner = await serve_http([self._socket], programs_only(handle_rpc), NO_LIMIT)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
