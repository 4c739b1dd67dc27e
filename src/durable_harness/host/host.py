"""The Functions host put together: an app, a scheduler to work for, two ports to answer on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from durable_harness.callers import programs_only
from durable_harness.errors import PortInUseError
from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.durable_http.instances import DurableApi
from durable_harness.host.http.server import RPC_NAME, HttpFrontend, WebOptions
from durable_harness.host.work.worker import DurableWorker
from durable_harness.network import NO_LIMIT, bind, bind_one, serve_http
from durable_harness.protocol import Scheduler
from durable_harness.settings import AppSettings
from durable_harness.settings.environment import HOSTNAME_VARIABLE

DEFAULT_PORT = 7071
DEFAULT_RPC_PORT = 17071
RPC_PORT_RANGE = range(30000, 31000)
RPC_PORT_TRIES = 9


@dataclass(frozen=True)
class HostOptions:
    """What the person who starts the host decides. Port 0 means: any free one."""

    address: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    web: WebOptions = field(default_factory=WebOptions)
    tls: ssl.SSLContext | None = None
    max_payload_bytes: int = 0
    """The scheduler's limit on payloads, so that what is beyond it is not even parsed; 0 if not known or without."""
    always_replay: bool = False
    """Replay every orchestration whole, twice in each turn, and fail it where it does not repeat itself."""

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


class FunctionsHost:
    """A running host. `start` returns when it answers; `stop` ends it and gives unfinished work back."""

    def __init__(self, app: FunctionApp, settings: AppSettings, scheduler: Scheduler, options: HostOptions) -> None:
        self.app = app
        self.settings = settings
        self.scheduler = scheduler
        self.options = options
        self.endpoints: DurableEndpoints
        self.port = 0
        # Nobody who was not given the SDK's binding can call it: no page, and no other user of this machine.
        self._rpc_path = f"/{secrets.token_urlsafe(32)}/{RPC_NAME}/"
        self._runners: list[web.ServerRunner] = []
        self._working: asyncio.Task[None] | None = None
        self._worker: DurableWorker
        self._invoker: Invoker

    @property
    def secrets(self) -> list[str]:
        """Return what must be in no log: the keys that are checked, and the way to the local RPC endpoint."""
        keys = self.options.web.keys
        checked = [keys.host, keys.master, keys.system, *keys.functions.values()] if keys.are_checked else []
        return [*checked, self._rpc_path.strip("/").partition("/")[0]]

    @property
    def base_url(self) -> str:
        """Return the URL at the address that is listened on."""
        anywhere = self.options.address in {"0.0.0.0", "::"}  # noqa: S104 - asked for by the person at the terminal
        return f"{self.options.scheme}://{'localhost' if anywhere else self.options.address}:{self.port}"

    @property
    def shown_url(self) -> str:
        """Return the URL that people are told."""
        return f"{self.options.scheme}://localhost:{self.port}"

    async def start(self, public: list[socket.socket] | None = None) -> None:
        """Serve, and begin to pull work. `public` is what `bind_public` returned, for an app that was imported since.

        Raises PortInUseError where the public port is taken.
        """
        public = public or bind_public(self.options)
        self.port = public[0].getsockname()[1]
        rpc = _bind_rpc(ephemeral=self.options.port == 0)
        self.endpoints = self._make_endpoints(rpc.getsockname()[1])
        frontend = self._make_frontend()
        self._runners = [
            await serve_http(public, frontend.handle_public, frontend.body_limit_bytes, self.options.tls),
            await serve_http([rpc], programs_only(frontend.handle_rpc), NO_LIMIT),
        ]
        self._start_working()

    async def stop(self) -> None:
        await self._stop_working()
        for runner in self._runners:
            await runner.cleanup()
        self._invoker.close()
        await _close_sdk_session()

    async def kill_worker(self) -> None:
        """Lose the durable worker and whatever it was doing, and start another: for tests of such deaths.

        A plain function that a thread runs already cannot be stopped; nobody waits for its result.
        """
        await self._stop_working()
        self._start_working()

    def fill_threads(self, seconds: float) -> Callable[[], None]:
        """Keep all threads of functions busy, for so long or until the returned function is called: for tests."""
        return self._invoker.fill(seconds)

    def _start_working(self) -> None:
        settings, always_replay = self.settings.host.durable_task, self.options.always_replay
        self._worker = DurableWorker(self.scheduler, self.app, self._invoker, settings, always_replay=always_replay)
        self._working = asyncio.create_task(self._worker.run())

    async def _stop_working(self) -> None:
        if self._working is not None:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working
            await self._worker.close()

    def _make_endpoints(self, rpc_port: int) -> DurableEndpoints:
        durable = self.settings.host.durable_task
        return DurableEndpoints(
            origin=self.shown_url,
            rpc_base_url=f"http://127.0.0.1:{rpc_port}{self._rpc_path}" if durable.local_rpc_enabled else None,
            task_hub=durable.hub_name,
            connection=durable.connection_string_name or "Storage",
            code=self.options.web.keys.system,
        )

    def _make_frontend(self) -> HttpFrontend:
        host = self.settings.host
        self._invoker = Invoker(str(self.app.directory), self.endpoints.client_binding, host.function_timeout_s)
        api = DurableApi(
            self.scheduler,
            self.app,
            host.durable_task,
            self.endpoints,
            max_payload_bytes=self.options.max_payload_bytes,
        )
        return HttpFrontend(
            self.app.http,
            host,
            self._invoker,
            api,
            scheduler=self.scheduler,
            options=self.options.web,
            rpc_path=self._rpc_path,
        )


def bind_public(options: HostOptions) -> list[socket.socket]:
    """Bind the public port, and set the variable by which apps know it; some read it as they are imported."""
    public = bind(options.address, options.port)
    os.environ[HOSTNAME_VARIABLE] = f"localhost:{public[0].getsockname()[1]}"
    return public


def _bind_rpc(*, ephemeral: bool) -> socket.socket:
    """Bind the local RPC endpoint: its well-known port, or one of a few tries in the range that the extension uses."""
    if ephemeral:
        return bind_one("127.0.0.1", 0)
    for port in (DEFAULT_RPC_PORT, *random.sample(RPC_PORT_RANGE, RPC_PORT_TRIES)):
        with contextlib.suppress(PortInUseError):
            return bind_one("127.0.0.1", port)
    raise PortInUseError(
        f"The local RPC endpoint found no free port: {DEFAULT_RPC_PORT} and {RPC_PORT_TRIES} others in"
        f" {RPC_PORT_RANGE.start}-{RPC_PORT_RANGE.stop - 1} are in use."
    )


async def _close_sdk_session() -> None:
    """The SDK's client keeps one HTTP session for the process; nobody else closes it."""
    from azure.durable_functions.models.utils import http_utils  # noqa: PLC0415 - only where it was used

    await http_utils._close_session()  # noqa: SLF001
