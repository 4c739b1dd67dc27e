"""A service that does to the letter what the whole description of docs/services.md says, and nothing else."""

import asyncio
import itertools
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

PAGE = (Path(__file__).parents[2] / "docs" / "services.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
DESCRIPTION = next(text for text in EXAMPLES if "[event]" in text)
TOKEN = "Bearer of-the-documentation"


def _iso(moment):
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


class DocumentedService:
    """PUT /reports: one report in three says where its status is by a header, one by its body, one by its id."""

    def __init__(self):
        self.reports, self.events, self.cancelled, self.unauthorised = {}, {}, {}, 0
        self.orders, self.asked = [], []
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    async def _open(self):
        app = web.Application()
        app.router.add_get("/", _greet)
        app.router.add_put("/reports", self._start)
        app.router.add_get("/reports/{id}", self._status)
        app.router.add_delete("/reports/{id}", self._cancel)
        app.router.add_post("/reports/{id}/events/{name}", self._event)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    def close(self):
        """Serve nothing any longer."""
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self, request):
        self.unauthorised += request.headers.get("Authorization") != TOKEN
        try:
            order = await request.json()
            seconds = order["seconds"]
        except (ValueError, TypeError, KeyError):
            return web.Response(status=400)
        number = str(next(self._numbers))
        self.orders.append(order)
        self.reports[number] = (order, time.time(), time.time() + seconds)
        where = f"/reports/{number}"
        told = [({"Operation-Location": where}, {}), ({}, {"links": {"status": where}}), ({}, {})][int(number) % 3]
        body = {"report": {"id": number}, **told[1]}
        return web.json_response(body, status=(200, 202)[int(number) % 2], headers=told[0])

    async def _status(self, request):
        self.unauthorised += request.headers.get("Authorization") != TOKEN
        number = request.match_info["id"]
        if number not in self.reports:
            return web.Response(status=404)
        order, began, ends = self.reports[number]
        times = {"created": _iso(began), "started": _iso(began + 0.01), "finished": _iso(ends)}
        if number in self.cancelled:
            return web.json_response({"state": "cancelled", "times": times}, status=500)
        if time.time() >= ends:
            return web.json_response({"state": "done", "times": times, "report": {"title": order["title"]}})
        if time.time() < began + 0.05:
            return web.json_response({"state": "queued"})
        return web.Response(status=204, headers={"Location": "/nowhere"})

    async def _cancel(self, request):
        number = request.match_info["id"]
        if time.time() >= self.reports[number][2]:
            return web.Response(status=409)
        self.cancelled[number] = request.query["reason"]
        return web.Response(status=204)

    async def _event(self, request):
        self.events[request.match_info["id"]] = (request.match_info["name"], await request.json())
        return web.Response(status=202)


async def _greet(_):
    return web.Response(text="reports")
