"""Acts on one instance as they are sent: done, or its page with what was written and why nothing was done."""

from __future__ import annotations

from aiohttp import web

from durable_harness.dashboard.known_instance import read_instance
from durable_harness.dashboard.page_routes import Handler, PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, instance_url
from durable_harness.dashboard.pages.acts import ACTS, HANDLERS, Act, check_lives
from durable_harness.dashboard.pages.instance import values_of
from durable_harness.dashboard.refusal_status import is_gone, status_of
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import RpcError


def _sent(act: Act) -> Handler:
    async def do(visit: Visit) -> web.StreamResponse:
        try:
            await check_lives(visit, act)
            return await HANDLERS[act.word](visit)
        except (PageError, RpcError) as error:
            if is_gone(error):
                raise
            return await _refused(visit, act, error)

    return do


async def _refused(visit: Visit, act: Act, error: PageError | RpcError) -> web.Response:
    """Show the instance, and the form as it was sent if the act is still possible. Raises PageError for no instance."""
    instance_id = visit.arguments["id"]
    instance = await read_instance(visit, instance_id)
    values = await values_of(visit, instance)
    values |= {
        "failed": str(error),
        "refused": act if act.is_possible(instance.state.orchestrationStatus) else None,
        "typed": dict(visit.form),
        "live_from": instance_url(visit.hub, instance_id),
    }
    return visit.page("instance.html", status_of(error), **values)


ROUTES = tuple(
    PageRoute("POST", (ORCHESTRATIONS, "{id}", word), _sent(act), ORCHESTRATIONS) for word, act in ACTS.items()
)
