"""What `--durability full` costs, and how long the check of a data file takes at the start.

    python benchmarks/durability.py

Both durabilities write to files in the same folder, in turn; each figure is the median of its rounds.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from durable_harness.protocol import pb
from durable_harness.scheduler import TaskHub
from durable_harness.scheduler.storage.journal import Journal
from durable_harness.scheduler.storage.store import INSERT_INSTANCE, INSERT_TURN, Durability, Store

ROUNDS = 5
OPERATIONS = {1: 300, 50: 3000}
STORED = 100_000
ROWS_AT_ONCE = 1000


async def operations_per_s(path: Path, durability: Durability, in_flight: int) -> float:
    """Run orchestrations of one turn on a hub in this process, `in_flight` at once; return how many end in a second."""
    hub = TaskHub("bench", journal=Journal(Store(path, durability)))
    numbers = iter(range(OPERATIONS[in_flight]))
    answers: set[asyncio.Future[Any]] = set()

    async def work() -> None:
        ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "result": {"value": "1"}}
        action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
        async for item in hub.get_work_items(pb.GetWorkItemsRequest()):
            response = pb.OrchestratorResponse(completionToken=item.completionToken, actions=[action])
            answer = asyncio.ensure_future(hub.complete_orchestrator_task(response))
            answers.add(answer)
            answer.add_done_callback(answers.discard)

    async def client() -> None:
        for _ in numbers:
            started = await hub.start_instance(pb.CreateInstanceRequest(name="o"))
            await hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId=started.instanceId))

    worker = asyncio.ensure_future(work())
    began_s = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    took_s = time.perf_counter() - began_s
    worker.cancel()
    await hub.journal.close()
    return OPERATIONS[in_flight] / took_s


def compare_durability(folder: Path) -> None:
    for in_flight in OPERATIONS:
        measured: dict[Durability, list[float]] = {"normal": [], "full": []}
        for number in range(ROUNDS):
            for durability, figures in measured.items():
                path = folder / f"{durability}-{in_flight}-{number}.db"
                figures.append(asyncio.run(operations_per_s(path, durability, in_flight)))
        normal, full = (statistics.median(figures) for figures in measured.values())
        print(f"{in_flight:3} in flight: normal {normal:.0f}/s, full {full:.0f}/s, {full / normal:.2f}x")


def check_time(folder: Path) -> None:
    path = folder / "stored.db"
    store = Store(path)
    for first in range(1, STORED, ROWS_AT_ONCE):
        keys = range(first, first + ROWS_AT_ONCE)
        store.write(
            {INSERT_INSTANCE: [instance_row(key) for key in keys], INSERT_TURN: [turn_row(key) for key in keys]}
        )
    store.close()
    times_s = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        Store(path).close()
        times_s.append(time.perf_counter() - began_s)
    size_mb = path.stat().st_size / 1e6
    print(f"a start with {STORED} instances, {size_mb:.0f} MB: {statistics.median(times_s):.2f} s")


def instance_row(key: int) -> tuple[Any, ...]:
    text = '"' + "x" * 300 + '"'
    identity = (key, "default", f"{key:032x}", "orchestrator", None, text, key, key, key, 0, "e" * 32, 1, text)
    return (*identity, None, None, None, None, None, key, 0, 0, 0, None, 0)


def turn_row(key: int) -> tuple[int, int, bytes]:
    return key, 1, os.urandom(1200)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as folder:
        compare_durability(Path(folder))
        check_time(Path(folder))


if __name__ == "__main__":
    main()
