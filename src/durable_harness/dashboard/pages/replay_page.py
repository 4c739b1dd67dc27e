"""A replay of an instance's history against the app as it is now, if the app is available."""

from __future__ import annotations

from aiohttp import web

from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS
from durable_harness.dashboard.pages.instance import history_document
from durable_harness.dashboard.pages.result_page import to_result
from durable_harness.dashboard.visit import PageError, Visit

WORD = "replay"


async def replay(visit: Visit) -> web.Response:
    """Replay it and show the result."""
    if visit.source.replay is None:
        raise PageError(409, "The app is not at hand. Histories are replayed where `durable-harness serve` runs it.")
    instance_id = visit.arguments["id"]
    document = await history_document(visit, instance_id)
    report = await visit.source.replay(document)
    name = document["orchestrator"]
    return to_result(visit, "replay.html", id=instance_id, name=name, report=report)


ROUTES = (PageRoute("POST", (ORCHESTRATIONS, "{id}", WORD), replay, ORCHESTRATIONS),)
