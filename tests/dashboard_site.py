"""A dashboard in this process, on a task hub whose worker is answered by hand, asked as a browser asks."""

import asyncio
import re
from urllib.parse import urlsplit

from aiohttp import ClientSession
from yarl import URL

from durable_harness.dashboard import Dashboard, DashboardOptions, DashboardSource
from durable_harness.network.web_servers import bind_one, serve_http
from durable_harness.protocol import pb
from hub_bench import Bench, child, complete, fail

BASE = "/subscriptions/local/schedulers/emulator/taskhubs/default"
LIMIT_BYTES = 100_000


class Answer:
    """What a dashboard answered."""

    def __init__(self, response, text):
        self.status, self.headers, self.text = response.status, response.headers, text

    @property
    def location(self):
        return self.headers["Location"]


class Browser:
    """Sends requests to a dashboard, acts with the token of its page as a person does who presses a button."""

    def __init__(self, bench, url, session):
        self.bench, self.hub, self.url, self._session = bench, bench.hub, url, session
        self.token = ""

    async def get(self, path="/orchestrations", headers=None, method="GET"):
        """Ask for a page of the hub, or for another one by a path that begins with a double slash."""
        where = path[1:] if path.startswith("//") else path if path.startswith("/subs") else BASE + path
        # As a browser does, and the client by itself does not: what is quoted stays so.
        url = URL(self.url + where, encoded="%" in where)
        async with self._session.request(method, url, headers=headers or {}, allow_redirects=False) as answer:
            text = await answer.text()
        found = re.search(r'name="token" value="([^"]+)"', text)
        self.token = found[1] if found else self.token
        return Answer(answer, text)

    async def post(self, path, headers=None, **fields):
        """Send a form as the page of an instance does."""
        if not self.token:
            await self.get("/new-orchestration")
        form = {"token": self.token, **fields}
        own = {"Origin": self.url, **(headers or {})}
        async with self._session.post(self.url + BASE + path, data=form, headers=own, allow_redirects=False) as answer:
            return Answer(answer, await answer.text())

    async def start(self, instance_id="i", name="o", **fields):
        """Start an instance at the scheduler itself."""
        await self.hub.start_instance(pb.CreateInstanceRequest(instanceId=instance_id, name=name, **fields))

    async def state(self, instance_id="i"):
        request = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
        return await self.hub.get_instance(request)

    @property
    def host(self):
        return urlsplit(self.url).netloc


async def many_children(browser, count, *, failed, living):
    """Start a parent with this many children: one failed, one lives and the rest have completed."""
    bench = browser.bench
    await browser.start("parent", "family")
    await bench.turn(*(child(number, f"kid-{number}", name="kid") for number in range(count)))
    for number in range(count):
        item = await bench.item()
        assert item.orchestratorRequest.instanceId == f"kid-{number}"
        endings = {failed: [fail("broken")], living: []}
        await bench.answer(item, *endings.get(number, [complete()]))
    await bench.turn()


def visit(coroutine=None, *, hubs=("default",), **options):
    """Run a test's coroutine with a browser on a dashboard with these options."""

    def decorate(story):
        def test():
            asyncio.run(_run(story, hubs, DashboardOptions(**options)))

        test.__name__, test.__doc__, test.__module__ = story.__name__, story.__doc__, story.__module__
        return test

    return decorate(coroutine) if coroutine else decorate


async def _run(story, hubs, options):
    benches = {name: Bench() for name in hubs}
    source = DashboardSource(
        lambda: {name: bench.hub for name, bench in benches.items()},
        lambda: benches["default"].hub.journal.problem,
        lambda _hub: ["known_by_its_worker"],
        benches["default"].clock.now_ns,
    )
    benches["default"].connect()
    sock = bind_one("127.0.0.1", 0)
    runner = await serve_http([sock], Dashboard(source, options).handle, LIMIT_BYTES)
    try:
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            await story(Browser(benches["default"], url, session))
    finally:
        await runner.cleanup()
        for bench in benches.values():
            await bench.close()
