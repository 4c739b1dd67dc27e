"""The Functions host put together: an app, a scheduler to work for, two ports to answer on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from durable_harness.host.agents import StubbedChat
from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.extensions import run_load_hooks
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.durable_http.awaits import Awaiting
from durable_harness.host.durable_http.instance_api import DurableApi
from durable_harness.host.durable_http.timings_endpoint import HostNotes, joined_timings
from durable_harness.host.fakes.fake_registry import Fakes
from durable_harness.host.fakes.faked_runner import FakedRunner
from durable_harness.host.fakes.responding import RespondingRunner
from durable_harness.host.fakes.responses import Responses
from durable_harness.host.http.admin import AdminApi, Trace
from durable_harness.host.http.server import HttpFrontend, WebOptions, body_limit_bytes
from durable_harness.host.sdk.generation import Generation, Runner
from durable_harness.host.stages import StagesNoted
from durable_harness.host.tracing import Tracing
from durable_harness.host.triggers import Triggers
from durable_harness.host.triggers.monitor import Monitor
from durable_harness.host.triggers.starts import StartsNoted
from durable_harness.host.twice.comparing_runner import ComparingRunner
from durable_harness.host.twice.twice_records import TwiceRecords
from durable_harness.host.work.filters import filters_of
from durable_harness.host.work.worker import DurableWorker, work_limits
from durable_harness.network.web_servers import bind, serve_http
from durable_harness.protocol import Scheduler
from durable_harness.protocol.alarms import AlarmClock
from durable_harness.protocol.timings import Document
from durable_harness.settings import AppSettings
from durable_harness.settings.environment import HOSTNAME_VARIABLE

DEFAULT_PORT = 7071


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
    timers_file: Path | None = None
    """Where the last runs of timer functions are kept; None forgets them when the host stops."""
    """Replay every orchestration whole, twice in each turn, and fail it where it does not repeat itself."""

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


class FunctionsHost:
    """A running host. `start` returns when it answers; `stop` ends it and gives unfinished work back."""

    def __init__(  # noqa: PLR0913 - what a host is made of
        self,
        app: FunctionApp,
        sdk: Generation,
        settings: AppSettings,
        scheduler: Scheduler,
        options: HostOptions,
        *,
        alarms: AlarmClock,
        twice: TwiceRecords | None = None,
    ) -> None:
        """Make a host. `twice` takes how second deliveries fare; None if the scheduler makes none on purpose."""
        self.app = app
        self.settings = settings
        self.scheduler = scheduler
        self.options = options
        self.endpoints: DurableEndpoints
        self.port = 0
        self._sdk = sdk
        self._tracing = Tracing(settings.environ, settings.app_dir)
        self._for_clients = StartsNoted(self._tracing.for_clients(scheduler))
        self._rpc = sdk.endpoint(self._for_clients, settings.host.durable_task)
        self._public: web.ServerRunner | None = None
        self._working: asyncio.Task[None] | None = None
        self.triggers = Triggers(app, alarms, Monitor(options.timers_file))
        self.fakes = Fakes()
        self.twice = twice
        self.chat = StubbedChat(self.fakes, alarms)
        self.responses = Responses(scheduler)
        self._alarms = alarms
        self._stages = StagesNoted()
        self._awaiting = Awaiting(app, sdk)
        self._worker: DurableWorker
        self._admin: AdminApi
        self._invoker: Invoker

    @property
    def secrets(self) -> list[str]:
        """Return what must be in no log: the keys that are checked, and the way to the local RPC endpoint."""
        keys = self.options.web.keys
        checked = [keys.host, keys.master, keys.system, *keys.functions.values()] if keys.are_checked else []
        return [*checked, *self._rpc.secrets]

    @property
    def base_url(self) -> str:
        """Return the URL at the address that is listened on."""
        anywhere = self.options.address in {"0.0.0.0", "::"}  # noqa: S104 - asked for by the person at the terminal
        return f"{self.options.scheme}://{'localhost' if anywhere else self.options.address}:{self.port}"

    @property
    def shown_url(self) -> str:
        """Return the URL that is shown to people."""
        return f"{self.options.scheme}://localhost:{self.port}"

    async def start(self, public: list[socket.socket] | None = None) -> None:
        """Serve, and begin to pull work. `public` is what `bind_public` returned, for an app that was imported since.

        Raises PortInUseError if the public port is taken.
        """
        public = public or bind_public(self.options)
        self.port = public[0].getsockname()[1]
        has_rpc = self.settings.host.durable_task.local_rpc_enabled
        self.endpoints = self._make_endpoints(self._rpc.bind(ephemeral=self.options.port == 0) if has_rpc else None)
        frontend = self._make_frontend()
        self._public = await serve_http(public, frontend.handle_public, frontend.body_limit_bytes, self.options.tls)
        if has_rpc:
            await self._rpc.serve(frontend.handle_rpc)
        self._start_working()
        await self.triggers.start()

    async def stop(self) -> None:
        await self.triggers.close()
        await self._stop_working()
        if self._public is not None:
            await self._public.cleanup()
        await self._rpc.stop()
        await self.triggers.close()  # of what was still accepted meanwhile
        self._invoker.close()
        await self._tracing.close()
        await self._sdk.close()

    async def kill_worker(self) -> None:
        """Lose the durable worker and whatever it was doing, and start another: for tests of such deaths.

        A plain function that a thread runs already cannot be stopped; its result is dropped.
        """
        await self._stop_working()
        self._start_working()

    def show_traces(self, trace: Trace, dashboard_url: Callable[[str], str] | None) -> None:
        """Set what makes the pages of instances, which the host cannot make by itself.

        `dashboard_url` returns the address at which a dashboard shows an instance; it is None without a dashboard.
        """
        self._admin.trace, self._admin.dashboard_url = trace, dashboard_url

    def fill_threads(self, seconds: float) -> Callable[[], None]:
        """Keep all threads of functions busy, for `seconds` or until the returned function is called: for tests."""
        return self._invoker.fill(seconds)

    async def timings(self, _hub: str, scheduler: Scheduler, instance_id: str) -> Document:
        """Return the times of an instance, with those of this host's functions. Raises RpcError."""
        return await joined_timings(scheduler, self._notes(), instance_id)

    def _start_working(self) -> None:
        settings, always_replay = self.settings.host.durable_task, self.options.always_replay
        runner = self._sdk.runner(self.app, self._invoker, settings, always_replay=always_replay)
        runner = FakedRunner(runner, self.fakes, self._alarms)
        runner = RespondingRunner(self._compared(runner), self.responses, self._awaiting, self.scheduler)
        runner = self._tracing.for_work(runner)
        filters = filters_of(self.app) if settings.work_item_filtering else None
        self._worker = DurableWorker(self.scheduler, runner, settings, filters, self._stages)
        self._working = asyncio.create_task(self._worker.run())

    def _compared(self, runner: Runner) -> Runner:
        return runner if self.twice is None else ComparingRunner(runner, self.twice)

    async def _stop_working(self) -> None:
        if self._working is not None:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working
            await self._worker.close()

    def _make_endpoints(self, rpc_base_url: str | None) -> DurableEndpoints:
        durable = self.settings.host.durable_task
        return DurableEndpoints(
            origin=self.shown_url,
            rpc_base_url=rpc_base_url,
            task_hub=durable.hub_name,
            connection=durable.connection_string_name or "Storage",
            code=self.options.web.keys.system,
        )

    def _make_frontend(self) -> HttpFrontend:
        host = self.settings.host
        bindings = self.triggers.bindings(functools.partial(self._sdk.client_value, self.endpoints))
        self._invoker = Invoker(str(self.app.directory), bindings, host.function_timeout_s)
        self.triggers.use(self._invoker, self.twice)
        for function in self.app.functions:
            run_load_hooks(function, self._invoker.directory_of(function))
        api = DurableApi(
            self._for_clients,
            self.app,
            host.durable_task,
            self.endpoints,
            max_payload_bytes=self.options.max_payload_bytes,
        )
        self._admin = AdminApi(
            *(self.app, self.triggers, self._for_clients, self._notes(), body_limit_bytes()),
            responses=self.responses,
            route_prefix=host.route_prefix,
            twice=self.twice,
        )
        return HttpFrontend(
            self.app,
            host,
            self._invoker,
            api,
            admin=self._admin,
            options=self.options.web,
            rpc_path=self._rpc.path,
            request_spans=self._tracing.requests,
        )

    def _notes(self) -> HostNotes:
        limits = {"threads": self._invoker.thread_count, **work_limits(self.settings.host.durable_task)}
        return HostNotes(self._stages, self._invoker.holds, limits, self._awaiting)


def bind_public(options: HostOptions) -> list[socket.socket]:
    """Bind the public port, and set the variable by which apps know it; some read it as they are imported."""
    public = bind(options.address, options.port)
    # For the whole process, as Core Tools does: apps make their own URLs from it.
    os.environ[HOSTNAME_VARIABLE] = f"localhost:{public[0].getsockname()[1]}"
    return public
