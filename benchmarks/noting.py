"""What it costs to note where operations spend their time, beside what an operation costs host and scheduler at all.

    python benchmarks/noting.py

    noting     CPU of the notes of one operation: two turns and one activity at the scheduler and at the host, two async
               functions under watch; by itself, in a loop
    operation  CPU that host and scheduler take for an operation of the sample app that does nothing, polls included
    memory     of the notes of as much work as is remembered

The figures go to the terminal and build/noting.json.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from durable_harness.host.stages import CURRENT, Holds, StagesNoted
from durable_harness.platforms.clocks import steady_ns
from durable_harness.scheduler.timings import MOST_WORK, Timings, WorkTimes
from durable_harness.stack import embedded_stack
from durable_harness.testing import Operations

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "build" / "noting.json"
ROUNDS, REPEATS, OPERATIONS = 5, 20_000, 300
WORK_OF_ONE = 3
ASYNC_CALLS_OF_ONE = 2


def main() -> None:
    """Measure, print and keep the figures."""
    noting_us, operation_us = _noting_us(), _operation_us()
    figures: dict[str, Any] = {
        "noting_us": noting_us,
        "operation_us": operation_us,
        "share": noting_us / operation_us,
        "memory_mb": _memory_mb(),
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"noting    {noting_us:8.1f} us of CPU for an operation")
    print(f"operation {operation_us:8.1f} us of CPU at host and scheduler: noting is {figures['share']:.2%} of it")
    print(f"memory    {figures['memory_mb']:8.1f} MB for {MOST_WORK:,} pieces of work")


def _noting_us() -> float:
    work_us = statistics.median(_timed_us(_note_work) for _ in range(ROUNDS))
    calls = [asyncio.run(_watching_us()) for _ in range(ROUNDS)]
    return WORK_OF_ONE * work_us + ASYNC_CALLS_OF_ONE * statistics.median(calls)


def _timed_us(repeat: Callable[[], object]) -> float:
    begun_s = time.process_time()
    repeat()
    return (time.process_time() - begun_s) / REPEATS * 1e6


def _note_work(count: int = REPEATS) -> tuple[Timings, StagesNoted]:
    timings, stages = Timings(), StagesNoted()
    for number in range(count):
        times, token = WorkTimes(kind="activity"), f"0123456789ab-{number}"
        timings.note(f"instance-{number // WORK_OF_ONE:032x}", times)
        times.offered_ns = steady_ns()
        times.sent_ns, times.token = steady_ns(), token
        times.done_ns = steady_ns()
        CURRENT.set(stages.begin(token))
        current = CURRENT.get()
        assert current is not None
        current.asked_ns = current.begun_ns = time.monotonic_ns()
        current.ended_ns = time.monotonic_ns()
    return timings, stages


async def _watching_us() -> float:
    """Return what a coroutine with one await costs more under watch."""
    holds = Holds()

    async def function() -> None:
        await asyncio.sleep(0)

    async def plain() -> None:
        for _ in range(REPEATS):
            await function()

    async def watched() -> None:
        for _ in range(REPEATS):
            await holds.watch("function", function)

    begun_s = time.process_time()
    await plain()
    between_s = time.process_time()
    await watched()
    return ((time.process_time() - between_s) - (between_s - begun_s)) / REPEATS * 1e6


def _operation_us() -> float:
    """Return the CPU of the processes of host and scheduler for an operation."""
    with embedded_stack(ROOT) as stack:
        operations = Operations(stack, ROOT / "build")
        _run(operations, OPERATIONS // 10)
        begun_s = _cpu_of_children_s()
        _run(operations, OPERATIONS)
        return (_cpu_of_children_s() - begun_s) / OPERATIONS * 1e6


def _cpu_of_children_s() -> float:
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in times)


def _run(operations: Operations, count: int) -> None:
    for _ in range(count):
        operations.start("/api/async_http_api", {"duration": 0}).wait()


def _memory_mb() -> float:
    tracemalloc.start()
    kept = _note_work(MOST_WORK)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept
    return size / 1e6


if __name__ == "__main__":
    main()
