"""Nothing that was accepted is lost or ended twice, whoever is killed while it runs."""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import grpc
import pytest
from durabletask.azuremanaged.client import AsyncDurableTaskSchedulerClient
from durabletask.client import OrchestrationQuery, OrchestrationStatus
from durabletask.grpc_options import GrpcChannelOptions

from durable_harness.network.free_ports import free_port

pytestmark = pytest.mark.thorough

APP = Path(__file__).parents[1] / "apps" / "mixed"
WORKER = Path(__file__).with_name("packaged_worker.py")
PACKAGED = "packaged"
EVERYTHING = OrchestrationQuery(fetch_inputs_and_outputs=True)
QUIET = logging.getLogger("packaged")
ENDED = {OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED}
SEED = int(os.environ.get("DURABLE_HARNESS_TEST_SEED", "20261124"))
WEBHOOKS = "/runtime/webhooks/durabletask"
EXPECTED = {
    "activities": lambda n: 4 * n,
    "timers": lambda n: 2 * n,
    "children": lambda n: 8 * n + 4,
    "events": lambda n: {"n": n},
    "entities": lambda n: n,
    PACKAGED: lambda n: 4 * n,
}
RUNS_OUT_S = 100
SETTLES_S = 40


class Victim:
    """A process that is started again each time it is killed."""

    def __init__(self, start):
        self._start_process = start
        self.kills = self.revivals = 0
        self._start()

    def _start(self):
        self._process = self._start_process()

    def kill(self):
        """Kill -9, whatever it is doing, and start again at once."""
        self.end()
        self.kills += 1
        self._start()

    def revive(self):
        """Start again where it ended by itself: a host whose scheduler was away for too long."""
        if self._process.poll() is not None:
            self.revivals += 1
            self._start()

    def end(self):
        self._process.kill()
        self._process.wait()


class WebhookCaller:
    """Starts operations over HTTP and asks for them as a client that retries until it has an answer."""

    def __init__(self, session, base_url):
        self._session = session
        self._base_url = base_url

    async def ask(self, method, path, **options):
        """Send one request; return its status and body, or None if it was not answered."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.request(method, f"{self._base_url}{WEBHOOKS}{path}", **options) as answer:
                return answer.status, await answer.read()
        return None

    async def until(self, statuses, method, path, **options):
        """Repeat a request until it is answered with one of the statuses; return the answer's body."""
        async with asyncio.timeout(RUNS_OUT_S):
            while True:
                answer = await self.ask(method, path, **options)
                if answer is not None and answer[0] in statuses:
                    return answer[1]
                await asyncio.sleep(0.05)

    async def start(self, kind, number, instance_id):
        """Start an operation once: where the answer was lost, look whether the start was before trying again.

        (An id that has ended may be started again, so a blind second try would run it twice.)
        """
        async with asyncio.timeout(RUNS_OUT_S):
            while True:
                answer = await self.ask("POST", f"/orchestrators/{kind}/{instance_id}", json=number)
                if answer is not None and answer[0] == 202:
                    break
                await asyncio.sleep(0.05)
                if await self.until({200, 202, 404}, "GET", f"/instances/{instance_id}"):
                    break
        if kind == "events":
            await self.until({202, 410}, "POST", f"/instances/{instance_id}/raiseEvent/go", json={"n": number})

    async def entity(self, key):
        return json.loads(await self.until({200}, "GET", f"/entities/counter/{key}"))

    async def statuses(self):
        """Return the status objects of all instances, page by page."""
        found, token = [], ""
        while True:
            headers = {"x-ms-continuation-token": token} if token else {}
            url = f"{self._base_url}{WEBHOOKS}/instances?top=500"
            async with self._session.get(url, headers=headers) as page:
                page.raise_for_status()  # a host whose scheduler is not back yet answers, and not with a page
                found += await page.json()
                token = page.headers["x-ms-continuation-token"]
            if not token:
                return found

    async def settled(self):
        """Return the status objects of all instances when each has ended, or as they are when time runs out."""
        deadline = time.monotonic() + SETTLES_S
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                statuses = await self.statuses()
                active = [s for s in statuses if s["runtimeStatus"] in {"Pending", "Running"}]
                if not active or time.monotonic() > deadline:
                    return statuses
            await asyncio.sleep(0.5)


class PackageCaller:
    """Starts operations and asks for them by the durabletask package's own client, and retries likewise."""

    def __init__(self, client):
        self._client = client

    async def until_answered(self, ask):
        async with asyncio.timeout(RUNS_OUT_S):
            while True:
                with contextlib.suppress(grpc.RpcError):
                    return await ask()
                await asyncio.sleep(0.05)

    async def start(self, number, instance_id):
        """Start an operation once, as a WebhookCaller does."""
        async with asyncio.timeout(RUNS_OUT_S):
            while True:
                with contextlib.suppress(grpc.RpcError):
                    await self._client.schedule_new_orchestration(PACKAGED, input=number, instance_id=instance_id)
                    break
                await asyncio.sleep(0.05)
                if await self.until_answered(lambda: self._client.get_orchestration_state(instance_id)):
                    break

    async def settled(self):
        """Return all instances as status objects when each has ended, or as they are when time runs out."""
        deadline = time.monotonic() + SETTLES_S
        while True:
            states = await self.until_answered(lambda: self._client.get_all_orchestration_states(EVERYTHING))
            if all(state.runtime_status in ENDED for state in states) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        return [
            {
                "instanceId": state.instance_id,
                "runtimeStatus": state.runtime_status.name.capitalize(),
                "output": state.serialized_output and json.loads(state.serialized_output),
            }
            for state in states
        ]


async def chaos(chance, victims, kills):
    """Kill each victim several times, in a random order at random moments."""
    deaths = [victim for victim in victims for _ in range(kills)]
    chance.shuffle(deaths)
    for victim in deaths:
        await asyncio.sleep(chance.uniform(0.05, 1.0))
        for other in victims:
            other.revive()
        victim.kill()


async def keep_alive(victims):
    while True:
        await asyncio.sleep(0.5)
        for victim in victims:
            victim.revive()


async def run_through(victims, base_url, operations, kills, packaged_on=None):
    """Start all operations while the victims are killed; return what became of them.

    `packaged_on` is the address of the scheduler for which a worker of the durabletask package works.
    """
    chance = random.Random(SEED)
    kinds = itertools.cycle(kind for kind in EXPECTED if packaged_on or kind != PACKAGED)
    plan = {f"{kind}-{number}": (kind, number) for number, kind in zip(range(operations), kinds, strict=False)}
    async with AsyncExitStack() as opened:
        timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=64)
        caller = WebhookCaller(
            await opened.enter_async_context(aiohttp.ClientSession(timeout=timeout, connector=connector)), base_url
        )
        callers = [caller]
        starts = [caller.start(*what, name) for name, what in plan.items() if what[0] != PACKAGED]
        if packaged_on:
            client = AsyncDurableTaskSchedulerClient(
                host_address=packaged_on,
                taskhub=PACKAGED,
                token_credential=None,
                secure_channel=False,
                logger=QUIET,
                channel_options=GrpcChannelOptions(raw_options=[("grpc.max_reconnect_backoff_ms", 500)]),
            )
            callers.append(PackageCaller(await opened.enter_async_context(client)))
            starts += [callers[-1].start(what[1], name) for name, what in plan.items() if what[0] == PACKAGED]
        killing = asyncio.ensure_future(chaos(chance, victims, kills))
        starting = asyncio.gather(*starts)
        await killing
        watching = asyncio.ensure_future(keep_alive(victims))
        await starting
        statuses = [status for each in callers for status in await each.settled()]
        signalled = await until_value(lambda: caller.entity("signals"), counts(plan)["entities"])
        called = [await caller.entity(str(key)) for key in range(7)]
        watching.cancel()
    return plan, statuses, sum(called), signalled


async def until_value(look, expected):
    """Return what is seen when it is what was expected, or at last."""
    deadline = time.monotonic() + 15
    while (seen := await look()) != expected and time.monotonic() < deadline:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(0.1)
    return seen


def counts(plan):
    return Counter(kind for kind, _ in plan.values())


def assert_nothing_lost(plan, statuses, called, signalled):
    """Every accepted operation ended once with its own output; entities counted every call and signal once."""
    listed = [status["instanceId"] for status in statuses]
    assert sorted(set(listed)) == sorted(listed)
    found = {s["instanceId"]: (s["runtimeStatus"], s["output"]) for s in statuses if ":" not in s["instanceId"]}
    expected = {name: ("Completed", EXPECTED[kind](number)) for name, (kind, number) in plan.items()}
    assert {name: found.get(name) for name, outcome in expected.items() if found.get(name) != outcome} == {}
    assert set(found) == set(plan)
    assert (called, signalled) == (counts(plan)["entities"], counts(plan)["entities"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("operations", "kills"), [(2000, 20)])
def test_killing_scheduler_host_and_worker_loses_nothing(tmp_path, warm_starter, record_property, operations, kills):
    """A scheduler with a file, a host and a worker on it are killed again and again: every operation ends once."""
    record_property("seed", SEED)
    grpc_port, http = free_port(), free_port()
    ports = ["--grpc-port", grpc_port, "--http-port", "0", "--dashboard-port", "any"]
    stored = ("--task-hubs", f"mixed,{PACKAGED}", "--data", tmp_path / "hub.db")
    address = f"http://127.0.0.1:{grpc_port}"
    scheduled = ("--scheduler", f"Endpoint={address};Authentication=None;TaskHub=mixed")
    victims = [
        Victim(partial(warm_starter.start, "scheduler", *ports, *stored, output=tmp_path / "scheduler.log")),
        Victim(
            partial(warm_starter.start, "serve", "--app", APP, "--port", http, *scheduled, output=tmp_path / "host.log")
        ),
        Victim(partial(subprocess.Popen, [sys.executable, WORKER, address, PACKAGED], stderr=subprocess.DEVNULL)),
    ]
    try:
        result = asyncio.run(run_through(victims, f"http://127.0.0.1:{http}", operations, kills, address))
    finally:
        for victim in reversed(victims):
            victim.end()
    assert [victim.kills for victim in victims] == [kills] * 3
    assert_nothing_lost(*result)


@pytest.mark.timeout(120)
def test_killing_a_host_with_its_scheduler_loses_nothing(tmp_path, warm_starter, record_property):
    """A host with an embedded scheduler in a file is killed again and again: every operation ends once, rightly."""
    record_property("seed", SEED)
    http = free_port()
    served = ("--app", APP, "--port", http, "--data", tmp_path / "hub.db")
    host = Victim(partial(warm_starter.start, "serve", *served, output=tmp_path / "host.log"))
    try:
        result = asyncio.run(run_through([host], f"http://127.0.0.1:{http}", 400, 8))
    finally:
        host.end()
    assert (host.kills, host.revivals) == (8, 0)  # it never ends by itself
    assert_nothing_lost(*result)
