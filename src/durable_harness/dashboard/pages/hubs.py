"""The task hubs of the scheduler, with what is in them."""

from __future__ import annotations

from aiohttp import web

from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.texts import STATUS_LABELS
from durable_harness.dashboard.visit import Visit
from durable_harness.protocol import Scheduler
from durable_harness.protocol.listing import InstanceFilter, InstanceListRequest

PATH = "hubs"
LIVE_EVERY_S = 5
"""Each look counts all instances of all hubs."""


async def show(visit: Visit) -> web.Response:
    """Show the hubs."""
    found = [(name, await _counts(scheduler)) for name, scheduler in visit.source.hubs().items()]
    return visit.page("hub_list.html", found=found, live_every=LIVE_EVERY_S)


async def _counts(scheduler: Scheduler) -> list[tuple[int, int]]:
    """Return how many instances there are by status, sub-orchestrations too."""
    page = await scheduler.list_instances(InstanceListRequest(InstanceFilter(with_children=True), size=1))
    return [(status, page.counts[status]) for status in STATUS_LABELS if page.counts.get(status)]


ROUTES = (PageRoute("GET", (PATH,), show, PATH),)
