"""The result of an act on many instances or of a replay, at an address of its own."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from durable_harness.dashboard.act_results import MOST, Shown
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS
from durable_harness.dashboard.visit import PageError, Visit

PATH = "results"


def to_result(visit: Visit, template: str, **values: Any) -> web.Response:
    """Send the browser to the page of an act's result."""
    return visit.redirect(visit.url(PATH, visit.results.keep(Shown(visit.hub, template, values))))


async def show(visit: Visit) -> web.Response:
    """Show a result."""
    result = visit.results.find(visit.hub, visit.arguments["key"])
    if result is None:
        raise PageError(404, f"This result is no longer kept: a dashboard keeps the latest {MOST}, until it ends.")
    return visit.page(result.template, **result.contents, live_every=0)


ROUTES = (PageRoute("GET", (PATH, "{key}"), show, ORCHESTRATIONS),)
