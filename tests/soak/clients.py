"""The clients: an open workload of operations of mixed kinds, each followed to its end, checked and purged."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
from troubles import ODD_ID

WEBHOOKS = "/runtime/webhooks/durabletask"
TERMINAL = {"Completed", "Failed", "Terminated"}
RETRY_S = 0.2
POLL_S = 0.25
LONGEST_POLL_S = 2.0
EXPECTED = {
    "activities": lambda n: ("Completed", 4 * n),
    "timers": lambda n: ("Completed", 2 * n),
    "children": lambda n: ("Completed", 8 * n + 4),
    "events": lambda n: ("Completed", {"n": n}),
    "entities": lambda n: ("Completed", n),
    "fails": lambda _n: ("Failed", None),
    "again": lambda n: ("Completed", 8 * n),
    "many": lambda n: ("Completed", 20 * n),
    "suspended": lambda n: ("Completed", {"n": n}),
    "terminated": lambda _n: ("Terminated", "enough"),
}
"""What each kind ends as, and its output; None for an output that is a text of the SDK's."""
ORCHESTRATORS = {"suspended": "events", "terminated": "events"}
SHOWN_PROBLEMS = 20


@dataclass
class Ledger:
    """What became of the operations on one system. Only those in flight are kept by name."""

    counts: Counter = field(default_factory=Counter)
    in_flight: dict = field(default_factory=dict)
    refused: set = field(default_factory=set)
    unknown: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def note(self, problem):
        """Keep a problem; of many the first are shown and all are counted."""
        self.counts["problems"] += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(problem)


class Client:
    """Starts and follows operations on one system, and asks again until it has an answer."""

    def __init__(self, system, session):
        self.system, self.ledger = system, Ledger()
        self._session = session
        self._numbers = itertools.count()
        self._kinds = itertools.cycle(EXPECTED)

    async def operation(self):
        """Run the next operation from its start to its purge."""
        kind, number = next(self._kinds), next(self._numbers)
        instance_id = await self._start(kind, number)
        self.ledger.in_flight[instance_id] = kind
        await self._act(kind, number, instance_id)
        status = await self._seen(TERMINAL, instance_id)
        seen, (expected, output) = (status["runtimeStatus"], status["output"]), EXPECTED[kind](number)
        if seen[0] != expected or (output is not None and seen[1] != output):
            self.ledger.note(f"{instance_id} ended as {seen}, not as {(expected, output)}")
        await self._until({200, 404}, "DELETE", f"/instances/{instance_id}")
        del self.ledger.in_flight[instance_id]
        self.ledger.counts["ended"] += 1
        self.ledger.counts[f"ended {kind}"] += 1

    async def _start(self, kind, number):
        """Start an operation, under another id each time that the answer leaves open whether it was started."""
        orchestrator = ORCHESTRATORS.get(kind, kind)
        for attempt in itertools.count():
            instance_id = f"{kind}-{number}-{attempt}"
            answer = await self._ask("POST", f"/orchestrators/{orchestrator}/{instance_id}", json=number)
            if answer is not None and answer[0] == 202:
                break
            if answer is not None and self.system.answers_are_final:
                self.ledger.refused.add(instance_id)
            else:
                self.ledger.unknown[instance_id] = kind
            self.ledger.counts["starts without success"] += 1
            await asyncio.sleep(RETRY_S)
        self.ledger.counts["accepted"] += 1
        return instance_id

    async def _act(self, kind, number, instance_id):
        if kind == "suspended":
            await self._suspend(instance_id)
        if kind in {"events", "suspended"}:
            await self._until({202, 410}, "POST", f"/instances/{instance_id}/raiseEvent/go", json={"n": number})
        if kind == "suspended":
            await self._until({202, 410}, "POST", f"/instances/{instance_id}/resume?reason=soak")
        if kind == "terminated":
            await self._until({202, 410}, "POST", f"/instances/{instance_id}/terminate?reason=enough")

    async def _suspend(self, instance_id):
        """Suspend an operation until it is: a suspension whose answer was lost makes the next one an error."""
        while True:
            await self._ask("POST", f"/instances/{instance_id}/suspend?reason=soak")
            await asyncio.sleep(POLL_S)
            answer = await self._ask("GET", f"/instances/{instance_id}")
            if answer is not None and answer[0] in {200, 202} and json.loads(answer[1])["runtimeStatus"] == "Suspended":
                return

    async def _seen(self, states, instance_id):
        """Poll an operation until it is in one of the states; return its status."""
        pause_s = POLL_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)
            answer = await self._ask("GET", f"/instances/{instance_id}")
            if answer is not None and answer[0] == 404:
                self.ledger.note(f"{instance_id} was accepted and is not there")
                return {"runtimeStatus": "lost", "output": None}
            if answer is not None and answer[0] in {200, 202}:
                status = json.loads(answer[1])
                if status["runtimeStatus"] in states:
                    return status

    async def _until(self, statuses, method, path, **options):
        """Repeat a request until it is answered with one of the statuses."""
        while True:
            answer = await self._ask(method, path, **options)
            if answer is not None and answer[0] in statuses:
                return answer[1]
            await asyncio.sleep(RETRY_S)

    async def _ask(self, method, path, **options):
        """Send one request; return its status and body, or None if it was not answered."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            url = f"{self.system.base_url}{WEBHOOKS}{path}"
            async with self._session.request(method, url, **options) as answer:
                return answer.status, await answer.read()
        return None

    # -- when all has ended --------------------------------------------------------------------------------------------

    async def check_what_is_left(self):
        """Look at every instance that is still there: none may be active, none may be one whose start was refused."""
        late = Counter()
        for status in await self._listed():
            name, state = status["instanceId"], status["runtimeStatus"]
            if name in self.ledger.refused:
                self.ledger.note(f"{name} runs although its start was answered with an error")
            elif name in self.ledger.unknown:
                late[self.ledger.unknown[name]] += 1
            elif name == ODD_ID:
                self.ledger.note("a request that must be refused started an orchestration")
            elif ":" not in name:
                self.ledger.note(f"{name} was purged and is still there, {state}")
            elif state not in TERMINAL:
                self.ledger.note(f"{name} has not ended: {state}")
        await self._check_entities(self.ledger.counts["ended entities"] + late["entities"])

    async def _listed(self):
        found, token = [], ""
        while True:
            headers = {"x-ms-continuation-token": token} if token else {}
            url = f"{self.system.base_url}{WEBHOOKS}/instances?top=1000"
            async with self._session.get(url, headers=headers) as page:
                page.raise_for_status()
                found += await page.json()
                token = page.headers["x-ms-continuation-token"]
            if not token:
                return found

    async def _check_entities(self, expected):
        calls = [json.loads(await self._until({200}, "GET", f"/entities/counter/{key}")) for key in range(7)]
        signals = json.loads(await self._until({200}, "GET", "/entities/counter/signals"))
        if (sum(calls), signals) != (expected, expected):
            self.ledger.note(f"entities counted {sum(calls)} calls and {signals} signals of {expected}")


async def arrive(clients, rate_per_s, duration_s):
    """Start operations on the clients in turn at a constant rate; return their tasks. An open workload: none waits."""
    loop, tasks = asyncio.get_running_loop(), set()
    begin, turns = loop.time(), itertools.cycle(clients)
    for number in range(int(rate_per_s * duration_s)):
        await asyncio.sleep(max(0.0, begin + number / rate_per_s - loop.time()))
        task = asyncio.ensure_future(next(turns).operation())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return tasks
