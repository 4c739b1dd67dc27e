"""The HTTP faces of the scheduler: the API that tells whether a hub is there, and the dashboard's page."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from aiohttp import web

from durable_harness.foreign_text import shown
from durable_harness.protocol import RpcError, pb
from durable_harness.scheduler.hub import TaskHub
from durable_harness.scheduler.service import DEFAULT_HUB, SchedulerService

SHOWN_INSTANCES = 100
HEALTH_PATH = "/health"
PAGES = "/subscriptions/local/schedulers/emulator/taskhubs"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Durable Task Scheduler</title><style>
:root{{color-scheme:light dark}}
body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}
th,td{{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #8884}}
td.n{{text-align:right;font-variant-numeric:tabular-nums}}code{{font-size:.9em}}small{{opacity:.7}}</style></head>
<body><h1>Durable Task Scheduler</h1>{body}</body></html>"""


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


class Dashboard:
    """One page per hub under the emulator's own address, and a page that lists the hubs."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = [unquote(part) for part in request.rel_url.raw_path.split("/") if part]
        if parts == [HEALTH_PATH[1:]]:
            return _health(self._service)
        await self._service.journal.written()
        if not parts:
            return _page(self._hubs())
        if len(parts) >= 2 and parts[-2:-1] == ["taskhubs"]:  # noqa: PLR2004 - …/taskhubs/{hub}
            parts.append("orchestrations")
        if len(parts) >= 3 and parts[-3] == "taskhubs" and parts[-2] in self._service.hubs:  # noqa: PLR2004
            return _page(self._instances(self._service.hubs[parts[-2]]))
        return web.Response(status=404, text="There is no such page.")

    def _hubs(self) -> str:
        rows = "".join(
            f'<tr><td><a href="{PAGES}/{quote(name, safe="")}/orchestrations">'
            f'{html.escape(name)}</a></td><td class="n">{_count(hub)}</td></tr>'
            for name, hub in self._service.hubs.items()
        )
        health = html.escape(self._service.journal.problem or "Healthy.")
        return f"<p>{health}</p><table><tr><th>task hub</th><th>orchestrations</th></tr>{rows}</table>"

    def _instances(self, hub: TaskHub) -> str:
        query = (
            "SELECT id, name, status, created_ns, updated_ns FROM instances WHERE hub = ?"
            " ORDER BY created_ns DESC, id DESC LIMIT ?"
        )
        rows = "".join(
            f"<tr><td><code>{_text(instance_id)}</code></td><td>{_text(name)}</td>"
            f"<td>{_status(status)}</td><td>{_time(created)}</td><td>{_time(updated)}</td></tr>"
            for instance_id, name, status, created, updated in hub.journal.store.rows(
                query, (hub.name, SHOWN_INSTANCES)
            )
        )
        heading = f"<h2>{html.escape(hub.name)}</h2><p>{_count(hub)} orchestrations, the latest {SHOWN_INSTANCES}:</p>"
        names = "<tr><th>instance id</th><th>name</th><th>status</th><th>created</th><th>updated</th></tr>"
        return f'<p><a href="/">All task hubs</a></p>{heading}<table>{names}{rows}</table>'


def _health(service: SchedulerService) -> web.Response:
    """A scheduler that can write nothing, because its disk is full, starts nothing either."""
    problem = service.journal.problem
    return web.Response(text=problem or "Healthy", status=503 if problem else 200)


def _page(body: str) -> web.Response:
    return web.Response(text=PAGE.format(body=body), content_type="text/html")


def _text(text: str) -> str:
    return html.escape(shown(text))


def _count(hub: TaskHub) -> int:
    row = hub.journal.store.row("SELECT COUNT(*) FROM instances WHERE hub = ?", (hub.name,))
    return int(row[0]) if row else 0


def _status(status: int) -> str:
    return str(pb.OrchestrationStatus.Name(status)).removeprefix("ORCHESTRATION_STATUS_").replace("_", " ").capitalize()


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
