"""What listens on the dashboard's port: it answers health checks by itself, and builds the site when it is needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from durable_harness.dashboard.source import DashboardOptions, DashboardSource
from durable_harness.network.callers import foreign
from durable_harness.wording.foreign_text import shown

if TYPE_CHECKING:
    from durable_harness.dashboard.site import Site

HEALTH_PATH = "/health"


class Dashboard:
    """The handler of all requests to a dashboard."""

    def __init__(self, source: DashboardSource, options: DashboardOptions | None = None) -> None:
        self._source = source
        self._options = options or DashboardOptions()
        self._site: Site | None = None
        self._building = asyncio.Lock()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = foreign(request, allowed_hosts=self._options.allowed_hosts)
        if refusal:
            return web.Response(status=403, text=shown(refusal))
        if request.path.rstrip("/") == HEALTH_PATH:
            return self._health(request)
        return await (await self._built()).handle(request)

    async def warm(self) -> None:
        """Prepare modules and templates, which would make the first page slow."""
        await asyncio.to_thread((await self._built()).warm)

    async def trace(self, hub: str, instance_id: str) -> str | None:
        """Return an instance's page as one file, None if there is no such instance. Raises RpcError."""
        return await (await self._built()).trace(hub, instance_id)

    def _health(self, request: web.BaseRequest) -> web.Response:
        """A scheduler that can write nothing, because its disk is full, starts nothing either."""
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405)
        problem = self._source.problem()
        return web.Response(text=problem or "Healthy", status=503 if problem else 200)

    async def _built(self) -> Site:
        """Return the site. It is imported in a thread: the loop may be that of a host with work to do."""
        async with self._building:
            if self._site is None:
                self._site = await asyncio.to_thread(self._build)
            return self._site

    def _build(self) -> Site:
        from durable_harness.dashboard.site import Site  # noqa: PLC0415 - a service without visitors pays nothing

        return Site(self._source, self._options)
