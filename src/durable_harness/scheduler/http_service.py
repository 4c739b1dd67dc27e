"""The HTTP API of the scheduler, which answers whether it is well and whether a hub is there."""

from __future__ import annotations

from aiohttp import web

from durable_harness.protocol import RpcError
from durable_harness.scheduler.service import SchedulerService
from durable_harness.settings.task_hubs import DEFAULT_HUB

HEALTH_PATH = "/health"


class HttpApi:
    """`GET /`, `GET /health` and `GET /v1/taskhubs/ping`, as the emulator answers them."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405)
        if request.path == "/":
            return web.Response(text="Durable Task Scheduler (durable-harness)")
        if request.path.rstrip("/") == HEALTH_PATH:
            return _health(self._service)
        if request.path.rstrip("/") == "/v1/taskhubs/ping":
            return self._ping(request.headers.get("x-taskhub") or DEFAULT_HUB)
        return web.Response(status=404)

    def _ping(self, name: str) -> web.Response:
        try:
            self._service.hub(name)
        except RpcError as error:
            return web.Response(status=404, text=str(error))
        return web.Response(text="")


def _health(service: SchedulerService) -> web.Response:
    """A scheduler that can write nothing, because its disk is full, starts nothing either."""
    problem = service.journal.problem
    return web.Response(text=problem or "Healthy", status=503 if problem else 200)
