"""What a scheduler is doing: the connected workers, and the work that waits for them or that they hold."""

from __future__ import annotations

from aiohttp import web

from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.visit import Visit
from durable_harness.protocol.overview import Reason
from durable_harness.protocol.work_kinds import Kind

WORKERS, QUEUE = "workers", "queue"
KINDS = {Kind.ORCHESTRATION: "Orchestrations", Kind.ACTIVITY: "Activities", Kind.ENTITY: "Entities"}
REASONS = {
    Reason.NO_WORKER: "No worker that is connected takes it.",
    Reason.NO_ROOM: "Each worker that takes it has as much in hand as it asked for.",
    Reason.RESTING: "The only worker for it has given it back; it gets it again in a moment.",
}


async def workers(visit: Visit) -> web.Response:
    """Show the workers."""
    overview = visit.source.overview
    found = overview.workers(visit.hub) if overview is not None else None
    return visit.page("workers.html", workers=found, kinds=KINDS)


async def queue(visit: Visit) -> web.Response:
    """Show the work that waits and the work that workers hold."""
    overview = visit.source.overview
    found = overview.queue(visit.hub) if overview is not None else None
    return visit.page("queue.html", queue=found, kinds=KINDS, reasons=REASONS)


ROUTES = (
    PageRoute("GET", (WORKERS,), workers, WORKERS),
    PageRoute("GET", (QUEUE,), queue, QUEUE),
)
