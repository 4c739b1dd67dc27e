"""The dashboard of a scheduler elsewhere: an emulator, one in Azure, one of ours in another process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.dashboard import DashboardOptions, DashboardSource
from durable_harness.host.work.remote import GrpcScheduler
from durable_harness.host.work.remote_listing import StatesListing
from durable_harness.logs.lines import configure_logging
from durable_harness.protocol import RpcError, RpcStatus, pb
from durable_harness.protocol.listing import InstanceChoices, InstanceListRequest, InstancePage
from durable_harness.settings import SchedulerAddress
from durable_harness.settings.log_levels import LogLevels
from durable_harness.stack.dashboards import USUAL_PORT, DashboardPort, bind_dashboard, served_dashboard
from durable_harness.stack.lifetime import Lifetime, run_until_stopped, write_ready_file
from durable_harness.wording.foreign_text import shown

PORT_OPTION = "--port"
ANSWER_TIMEOUT_S = 20.0
"""How long a page waits for one answer of the scheduler."""
READING = ("get_", "query_", "list_", "measure_", "instance_")
"""How the names of calls begin that change nothing."""


@dataclass(frozen=True)
class RemoteDashboardOptions:
    """The options of `durable-harness dashboard`."""

    scheduler: SchedulerAddress
    hubs: tuple[str, ...]
    address: str = "127.0.0.1"
    port: DashboardPort = USUAL_PORT
    dashboard: DashboardOptions = field(default_factory=DashboardOptions)
    ready_file: Path | None = None
    parent_pid: int | None = None


class ShownScheduler:
    """A scheduler elsewhere, with what pages need: lists, and calls that fail when no answer comes in time."""

    def __init__(self, scheduler: Any, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._scheduler = scheduler
        self._timeout_s = timeout_s
        self._listing = StatesListing(self)

    async def list_instances(self, request: InstanceListRequest) -> InstancePage:
        """Return one page of a list, from the states that the scheduler has."""
        return await self._listing.list_instances(request)

    async def instance_choices(self) -> InstanceChoices:
        """Return the names, versions and tags that lists can be filtered by."""
        return await self._listing.instance_choices()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._scheduler, name)

        async def call(*arguments: Any) -> Any:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await method(*arguments)
            except TimeoutError as error:
                raise self._late() from error
            finally:
                if not name.startswith(READING):
                    self._listing.forget()

        return call

    async def stream_instance_history(self, request: pb.StreamInstanceHistoryRequest) -> AsyncIterator[pb.HistoryChunk]:
        """Yield the chunks of a history. A long one takes its time, but no part of it longer than one answer."""
        chunks = self._scheduler.stream_instance_history(request)
        async with contextlib.aclosing(chunks):
            while True:
                try:
                    async with asyncio.timeout(self._timeout_s):
                        chunk = await anext(chunks, None)
                except TimeoutError as error:
                    raise self._late() from error
                if chunk is None:
                    return
                yield chunk

    def _late(self) -> RpcError:
        return RpcError(RpcStatus.DEADLINE_EXCEEDED, f"The scheduler has not answered for {self._timeout_s:g} s.")


def run_dashboard(options: RemoteDashboardOptions) -> None:
    """Serve until SIGINT or SIGTERM. Raises a HarnessError where it cannot start."""
    configure_logging(LogLevels(logging.WARNING), stream=sys.stderr)
    run_until_stopped(lambda lifetime: _serving(options, lifetime), options.parent_pid)


@contextlib.asynccontextmanager
async def _serving(options: RemoteDashboardOptions, _lifetime: Lifetime) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as opened:
        hubs: dict[str, Any] = {}
        for name in options.hubs:
            remote = GrpcScheduler(options.scheduler, name)
            opened.push_async_callback(remote.close)
            await remote.connect(instead="")
            hubs[name] = ShownScheduler(remote)
        bound = bind_dashboard(options.address, options.port, PORT_OPTION)
        source = DashboardSource(lambda: hubs, described=options.scheduler.endpoint)
        await opened.enter_async_context(served_dashboard(bound, source, options.dashboard))
        assert bound is not None
        endpoint = shown(options.scheduler.endpoint)
        print(f"durable-harness: dashboard of {endpoint}, task hubs {shown(', '.join(hubs))}")
        print(f"Dashboard: {bound.url}", flush=True)
        write_ready_file(options.ready_file, {"dashboardUrl": bound.url})
        yield
