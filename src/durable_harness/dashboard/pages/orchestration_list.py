"""The list of orchestrations: search, filters, counts by status, any order, pages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from durable_harness.dashboard.listed import NO_VERSION, Listed, read_listed
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS
from durable_harness.dashboard.texts import STATUS_LABELS
from durable_harness.dashboard.visit import Visit
from durable_harness.protocol.listing import InstancePage, InstanceRow


async def show(visit: Visit) -> web.Response:
    """Show a page of the list; 400 with the rest of the list if the address has an invalid value."""
    listed = read_listed(visit.query, visit.source.now_ns())
    page = await visit.scheduler.list_instances(listed.request)
    return visit.page(
        "orchestrations.html",
        400 if listed.problems else 200,
        listed=listed,
        page=page,
        counts=[(status, page.counts.get(status, 0)) for status in STATUS_LABELS if _is_shown(status, page, listed)],
        total=total(page, listed),
        here=lambda query=(): visit.url(ORCHESTRATIONS, query=query),
        took=lambda row: took(row, listed.now_ns),
    )


async def choices(visit: Visit) -> web.Response:
    """Answer with what there is to filter by, for the fields of the form."""
    found = await visit.scheduler.instance_choices()
    versions = [(value or NO_VERSION, count) for value, count in found.versions]
    kinds: list[tuple[str, Any]] = [("name", found.names), ("version", versions), ("tag", found.tags)]
    return web.Response(text=visit.renderer.page("choices.html", {"choices": kinds}), content_type="text/html")


def total(page: InstancePage, listed: Listed) -> int:
    """Return how many instances match, on all pages."""
    statuses = listed.filter.statuses
    return sum(count for status, count in page.counts.items() if not statuses or status in statuses)


def took(row: InstanceRow, now_ns: int) -> int:
    """Return how long an instance took, or has taken so far."""
    return (row.completed_ns or now_ns) - row.created_ns


def _is_shown(status: int, page: InstancePage, listed: Listed) -> bool:
    return bool(page.counts.get(status)) or status in listed.filter.statuses


ROUTES = (
    PageRoute("GET", (ORCHESTRATIONS,), show, ORCHESTRATIONS),
    PageRoute("GET", ("choices",), choices),
)
