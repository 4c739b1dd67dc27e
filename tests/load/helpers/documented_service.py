"""A service that does to the letter what the whole description of docs/how-to/services.md has, and nothing else."""

import itertools
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from threaded_service import ThreadedService

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "services.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
DESCRIPTION = next(text for text in EXAMPLES if "[event]" in text)
TOKEN = "Bearer of-the-documentation"


def _iso(moment):
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")


class DocumentedService(ThreadedService):
    """PUT /reports: one report in three names its status URL by a header, one by its body, one by its id."""

    def __init__(self):
        self.reports, self.events, self.cancelled, self.unauthorised = {}, {}, {}, 0
        self.orders, self.asked = [], []
        self._numbers = itertools.count(1)
        super().__init__()

    def add_routes(self, router):
        router.add_get("/", _greet)
        router.add_put("/reports", self._start)
        router.add_get("/reports/{id}", self._status)
        router.add_delete("/reports/{id}", self._cancel)
        router.add_post("/reports/{id}/events/{name}", self._event)

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
        places = [({"Operation-Location": where}, {}), ({}, {"links": {"status": where}}), ({}, {})][int(number) % 3]
        body = {"report": {"id": number}, **places[1]}
        return web.json_response(body, status=(200, 202)[int(number) % 2], headers=places[0])

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
