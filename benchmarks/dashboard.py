"""What the dashboard costs: pages of a list of 100,000 instances, and operations before and after one was looked at.

    python benchmarks/dashboard.py [--instances 100000] [--data FILE]

Times are those of the processor, so that other processes do not count: of pages in ms with their request over HTTP,
medians of 9; of operations in us, the least of 4 rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from durable_harness.dashboard import Dashboard, DashboardSource
from durable_harness.network.web_servers import bind_one, serve_http
from durable_harness.protocol import pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService
from durable_harness.scheduler.storage.store import INSERT_INSTANCE

BASE = "/subscriptions/local/schedulers/emulator/taskhubs/default/orchestrations"
PAGES = {
    "newest": "",
    "oldest": "?before=",
    "by name": "?sort=name",
    "by id": "?sort=id",
    "by version": "?sort=version",
    "by status": "?sort=status",
    "by update": "?sort=updated",
    "by duration": "?sort=duration",
    "failed": "?status=failed",
    "of a name and version": "?name=ship&version=2",
    "of a tag": "?tag=team=a",
    "of a part of the id": "?id=abcd",
    "the last hour": "?since=1h",
}
REPEATS = 9
ROUNDS, OPERATIONS = 4, 2000
STATUSES = [1, 1, 1, 1, 1, 3, 0, 5, 6, 7]


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of instances of five names, three versions and all statuses, a millisecond apart."""
    chance, first_ns = random.Random(1), time.time_ns() - count * 1_000_000
    for key in range(1, count + 1):
        status, created_ns = chance.choice(STATUSES), first_ns + key * 1_000_000
        ended_ns = created_ns + chance.randrange(10**9) if status in {1, 3, 5} else 0
        name, version = chance.choice(["order", "ship", "bill", "notify", "audit"]), chance.choice([None, "1", "2"])
        given, output = (
            json.dumps({"order": key, "data": "x" * 300}),
            json.dumps({"ok": "y" * 200}) if ended_ns else None,
        )
        tags = json.dumps({"team": chance.choice("abc")}) if key % 3 == 0 else None
        times = (created_ns, created_ns + 5_000_000, ended_ns, 0)
        identity = (key, "default", f"{chance.getrandbits(128):032x}", name, version, given)
        yield (*identity, *times, f"{key:032x}", status, output, None, None, None, tags, None, 0, 0, 0, 0, None, 0)


async def pages(service: SchedulerService, queries: dict[str, str]) -> None:
    """Print how long each page takes."""
    sock = bind_one("127.0.0.1", 0)
    dashboard = Dashboard(DashboardSource(lambda: service.hubs))
    await dashboard.warm()
    runner = await serve_http([sock], dashboard.handle)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}{BASE}"
    async with ClientSession() as session:
        for name, query in queries.items():
            took_ms = [await _took_ms(session, url + query) for _ in range(REPEATS)]
            print(f"{name:24} first {took_ms[0]:7.1f}   then {statistics.median(took_ms[1:]):6.1f}")
    await runner.cleanup()


async def _took_ms(session: ClientSession, url: str) -> float:
    began = time.process_time()
    async with session.get(url) as answer:
        await answer.read()
    assert answer.status == 200, url
    return 1000 * (time.process_time() - began)


async def operations(service: SchedulerService, numbers: Iterator[int]) -> float:
    """Run operations of one turn each, and return how many microseconds one takes."""
    hub = service.hubs["default"]
    items = hub.get_work_items(pb.GetWorkItemsRequest())
    began = time.process_time()
    for number in itertools.islice(numbers, OPERATIONS):
        await hub.start_instance(pb.CreateInstanceRequest(instanceId=f"operation-{number}", name="order"))
        item = await anext(items)
        ending = pb.CompleteOrchestrationAction(orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED)
        action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
        instance_id = item.orchestratorRequest.instanceId
        await hub.complete_orchestrator_task(
            pb.OrchestratorResponse(instanceId=instance_id, completionToken=item.completionToken, actions=[action])
        )
    await service.journal.written()
    took_us = 1e6 * (time.process_time() - began) / OPERATIONS
    await items.aclose()
    return took_us


async def _least(service: SchedulerService, numbers: Iterator[int]) -> float:
    return min([await operations(service, numbers) for _ in range(ROUNDS)])


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    service = SchedulerService(SchedulerOptions(data=options.data))
    service.journal.store.write({INSERT_INSTANCE: list(rows(options.instances))})
    service.journal.instance_keys = itertools.count(options.instances + 1)
    numbers = itertools.count()
    print(f"an operation of one turn: {await _least(service, numbers):.0f} us before the first look")
    await pages(service, {"newest": ""})
    print(f"an operation of one turn: {await _least(service, numbers):.0f} us once a list was looked at")
    await pages(service, PAGES)
    print(f"an operation of one turn: {await _least(service, numbers):.0f} us once it was sorted by every column")
    await service.finish()
    await service.close()


asyncio.run(main())
