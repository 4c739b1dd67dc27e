"""The scheduler beside the in-memory backend of durabletask: over gRPC, called directly, with much stored.

    python benchmarks/scheduling.py          print a table, write build/bench-scheduling.json

"Per core" is orchestrations per second of the scheduler's own CPU time: the driver is the same for both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from durable_harness.protocol import from_ns, pb
from durable_harness.scheduler import SchedulerOptions, SchedulerService, TaskHub
from durable_harness.scheduler.storage.journal import Journal
from durable_harness.scheduler.storage.store import Store
from durable_harness.stack import scheduler_process
from processes import cpu_s, free_port, resident_kb

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "build" / "bench-scheduling.json"
OVER_GRPC = {50: 1500, 500: 2000}
DIRECT = 10_000
STORED = 100_000
TIMERS = 10_000
PAGES = 20
ROUNDS = 3
DAY_NS = 24 * 3600 * 1_000_000_000


@contextlib.contextmanager
def peer_backend() -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, str(HERE / "peer.py"), "backend", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as backend:
        assert backend.stdout is not None
        backend.stdout.readline()
        try:
            yield f"localhost:{port}", backend.pid
        finally:
            backend.kill()


@contextlib.contextmanager
def our_backend(*args: str) -> Iterator[tuple[str, int]]:
    with scheduler_process(args=args) as running:
        yield running.grpc_address, running.pid


def over_grpc(address: str, pid: int, concurrency: int) -> float:
    """Return orchestrations per second of the backend's CPU, driven over gRPC."""
    operations = OVER_GRPC[concurrency]
    script = [sys.executable, str(HERE / "grpc_driver.py"), address]
    subprocess.run([*script, "10", "50"], check=True)
    before = cpu_s(pid)
    subprocess.run([*script, str(concurrency), str(operations)], check=True)
    return operations / (cpu_s(pid) - before)


def compare_over_grpc() -> list[dict[str, float]]:
    """Measure the three in turn, round by round; report the medians of the rounds' ratios."""
    rows = []
    for concurrency in OVER_GRPC:
        rounds = [one_round_over_grpc(concurrency) for _ in range(ROUNDS)]
        rows.append({"in_flight": concurrency} | {key: statistics.median(r[key] for r in rounds) for key in rounds[0]})
    return rows


def one_round_over_grpc(concurrency: int) -> dict[str, float]:
    with peer_backend() as (address, pid):
        peer = over_grpc(address, pid, concurrency)
    with our_backend() as (address, pid):
        memory = over_grpc(address, pid, concurrency)
    with tempfile.TemporaryDirectory() as folder, our_backend("--data", f"{folder}/hub.db") as (address, pid):
        file = over_grpc(address, pid, concurrency)
    return {"peer_per_core": peer, "memory": memory / peer, "data": file / peer}


async def run_directly(hub: TaskHub, operations: int, concurrency: int = 50) -> float:
    """Run one-activity orchestrations on a hub in this process; return seconds of CPU."""

    async def work() -> None:
        async for item in hub.get_work_items(pb.GetWorkItemsRequest()):
            if item.HasField("activityRequest"):
                answer = pb.ActivityResponse(completionToken=item.completionToken, result={"value": "1"})
                answering = asyncio.ensure_future(hub.complete_activity_task(answer))
            elif item.HasField("orchestratorRequest"):
                answering = asyncio.ensure_future(hub.complete_orchestrator_task(next_turn(item)))
            background.add(answering)
            answering.add_done_callback(background.discard)

    async def client() -> None:
        for _ in numbers:
            started = await hub.start_instance(pb.CreateInstanceRequest(name="o", input={"value": "{}"}))
            await hub.wait_for_instance_completion(pb.GetInstanceRequest(instanceId=started.instanceId))

    background: set[asyncio.Future[Any]] = set()
    numbers = iter(range(operations))
    worker = asyncio.ensure_future(work())
    began_s = time.process_time()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    took_s = time.process_time() - began_s
    worker.cancel()
    return took_s


def next_turn(item: Any) -> Any:
    request = item.orchestratorRequest
    if len(request.pastEvents):
        ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED, "result": {"value": "1"}}
        action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
    else:
        action = pb.OrchestratorAction(id=0, scheduleTask={"name": "a", "input": {"value": "1"}})
    return pb.OrchestratorResponse(
        instanceId=request.instanceId, completionToken=item.completionToken, actions=[action]
    )


async def directly() -> float:
    hub = TaskHub("bench")
    await run_directly(hub, 500)
    return DIRECT / await run_directly(hub, DIRECT)


async def stored(folder: Path) -> dict[str, float]:
    """Measure throughput, memory and a status page with many finished instances in a file."""
    hub = TaskHub("bench", journal=Journal(Store(folder / "hub.db")))
    await run_directly(hub, 2000)
    empty = 3000 / await run_directly(hub, 3000)
    before_kb = resident_kb(os.getpid())
    await run_directly(hub, STORED, concurrency=200)
    each_kb = (resident_kb(os.getpid()) - before_kb) / STORED
    full = 3000 / await run_directly(hub, 3000)
    query = pb.QueryInstancesRequest(query=pb.InstanceQuery(maxInstanceCount=100))
    began = time.perf_counter()
    for _ in range(PAGES):
        page = await hub.query_instances(query)
        query.query.continuationToken.value = page.continuationToken.value
    page_ms = 1000 * (time.perf_counter() - began) / PAGES
    await hub.journal.close()
    return {"kb_each": each_kb, "throughput_ratio": full / empty, "page_ms": page_ms}


async def timers() -> dict[str, float]:
    hub = TaskHub("bench")
    threads, before_kb = threading.active_count(), resident_kb(os.getpid())
    await hub.start_instance(pb.CreateInstanceRequest(instanceId="t", name="o"))
    item = await anext(hub.get_work_items(pb.GetWorkItemsRequest()))
    fire_at = from_ns(time.time_ns() + 30 * DAY_NS)
    actions = [pb.OrchestratorAction(id=number, createTimer={"fireAt": fire_at}) for number in range(TIMERS)]
    response = pb.OrchestratorResponse(instanceId="t", completionToken=item.completionToken, actions=actions)
    await hub.complete_orchestrator_task(response)
    await hub.journal.written()
    del actions, response, item
    mb = (resident_kb(os.getpid()) - before_kb) / 1024
    return {"threads": threading.active_count() - threads, "mb": mb}


async def skipped_month() -> float:
    """Return the milliseconds that a chain of 30 one-day timers takes with time skipping."""
    service = SchedulerService(SchedulerOptions(skip_time=True))
    hub = service.hub("default")
    began, created = time.perf_counter(), 0
    await hub.start_instance(pb.CreateInstanceRequest(instanceId="chain", name="chain"))
    async for item in hub.get_work_items(pb.GetWorkItemsRequest()):
        now_ns = item.orchestratorRequest.newEvents[0].timestamp.ToNanoseconds()
        action = pb.OrchestratorAction(id=created, createTimer={"fireAt": from_ns(now_ns + DAY_NS)})
        if created == 30:
            ending = {"orchestrationStatus": pb.ORCHESTRATION_STATUS_COMPLETED}
            action = pb.OrchestratorAction(id=-1, completeOrchestration=ending)
        created += 1
        response = pb.OrchestratorResponse(instanceId="chain", completionToken=item.completionToken, actions=[action])
        await hub.complete_orchestrator_task(response)
        if created > 30:
            break
    return 1000 * (time.perf_counter() - began)


def fan_out() -> dict[str, dict[str, float]]:
    """Return the seconds of 1,000 activities in one orchestration, by a worker that only answers and by durabletask's.

    The first shows how the backends differ; the second spends nearly all its time in the worker.
    """
    return {
        "bare": fan_out_by(lambda address: [str(HERE / "grpc_driver.py"), address, "fan-out", "1000"]),
        "durabletask": fan_out_by(lambda address: [str(HERE / "peer.py"), "fan-out", address.rpartition(":")[2]]),
    }


def fan_out_by(script: Callable[[str], list[str]]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"peer_s": [], "ours_s": []}
    for _ in range(ROUNDS):
        for name, backend in (("peer_s", peer_backend), ("ours_s", our_backend)):
            with backend() as (address, _pid):
                command = [sys.executable, *script(address)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                seconds[name].append(float(done.stdout))
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def start_up() -> float:
    began = time.perf_counter()
    with scheduler_process():
        return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {
            "timers": asyncio.run(timers()),
            "skipped_month_ms": asyncio.run(skipped_month()),
            "direct_per_core": asyncio.run(directly()),
            "stored": asyncio.run(stored(Path(folder))),
            "start_up_s": min(start_up() for _ in range(3)),
            "fan_out": fan_out(),
            "over_grpc": compare_over_grpc(),
        }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2))
    print(table(figures))


def table(figures: dict[str, Any]) -> str:
    lines = ["one-activity orchestrations per second of the scheduler's CPU, against the in-memory backend:"]
    lines += [
        f"  over gRPC, {row['in_flight']:3} in flight: peer {row['peer_per_core']:.0f}/s,"
        f" in memory {row['memory']:.2f}x, with --data {row['data']:.2f}x"
        for row in figures["over_grpc"]
    ]
    best_peer = max(row["peer_per_core"] for row in figures["over_grpc"])
    stored_, timers_, fan = figures["stored"], figures["timers"], figures["fan_out"]
    lines.append(
        f"  called directly        {figures['direct_per_core']:.0f}/s, {figures['direct_per_core'] / best_peer:.1f}x"
    )
    lines.append(
        f"{STORED} stored with --data: throughput {stored_['throughput_ratio']:.0%} of empty,"
        f" {stored_['kb_each']:.2f} KB of memory each, a page of 100 in {stored_['page_ms']:.1f} ms"
    )
    lines.append(f"{TIMERS} timers pending: {timers_['threads']} threads, {timers_['mb']:.1f} MB")
    lines.append(f"30 one-day timers with --time skip: {figures['skipped_month_ms']:.0f} ms")
    lines += [
        f"fan-out of 1000 activities, {worker} worker: {seconds['ours_s']:.2f} s, the peer {seconds['peer_s']:.2f} s"
        for worker, seconds in fan.items()
    ]
    lines.append(f"the service is ready after {figures['start_up_s']:.2f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
