"""A dashboard on a whole scheduler in this process, with its clock and its overview, asked as a browser asks."""

import asyncio
from types import SimpleNamespace

from aiohttp import ClientSession

from dashboard_site import LIMIT_BYTES, Browser
from durable_harness.dashboard import Dashboard, DashboardOptions, DashboardSource
from durable_harness.network.web_servers import bind_one, serve_http
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.overview import ServiceOverview


def visit_service(coroutine=None, *, has_overview=True, may_move_time=False, beside=None, **options):
    """Run a test's coroutine with a browser on the dashboard of a scheduler.

    Without an overview the scheduler reports no more than one elsewhere does. `beside` is what else is known of it.
    """

    def decorate(story):
        def test():
            may_move = may_move_time if has_overview else None
            asyncio.run(_run(story, may_move, beside or {}, DashboardOptions(**options)))

        test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
        return test

    return decorate(coroutine) if coroutine else decorate


async def _run(story, may_move_time, beside, options):
    service = SchedulerService(SchedulerOptions())
    overview = None if may_move_time is None else ServiceOverview(service, may_move_time=may_move_time)
    source = DashboardSource(lambda: service.hubs, now_ns=service.clock.now_ns, overview=overview, **beside)
    sock = bind_one("127.0.0.1", 0)
    runner = await serve_http([sock], Dashboard(source, options).handle, LIMIT_BYTES)
    try:
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            await story(Browser(SimpleNamespace(hub=service.hubs["default"], service=service), url, session))
    finally:
        await runner.cleanup()
        await service.finish()
        await service.close()
