"""What a test may break in the process of a host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from durable_harness.control import Call, FaultyScheduler
from durable_harness.host.host import FunctionsHost
from durable_harness.protocol import RpcError, pb

REACHABLE_TIMEOUT_S = 30.0
REACHABLE_INTERVAL_S = 0.05


def fault_calls(scheduler: FaultyScheduler, host: FunctionsHost) -> dict[str, Call]:
    """Return the calls that break what is between a host and its scheduler, and the host's own worker."""
    releases: list[Callable[[], None]] = []

    async def wait_for_scheduler() -> None:
        async with asyncio.timeout(REACHABLE_TIMEOUT_S):
            while not await _answers(scheduler):  # noqa: ASYNC110 - it is elsewhere
                await asyncio.sleep(REACHABLE_INTERVAL_S)
        await host.triggers.timers.follow_again()

    async def inject(**what: Any) -> int:
        return scheduler.rules.add(**what).number

    async def struck(number: int) -> dict[str, Any]:
        rule = scheduler.rules.get(number)
        return {"struck": rule.struck, "is_over": rule.count == 0}

    async def end(number: int | None = None) -> None:
        await scheduler.end(number)
        while number is None and releases:
            releases.pop()()

    async def reset_stream(away_s: float) -> None:
        scheduler.reset_streams(away_s)

    async def fill_threads(seconds: float) -> None:
        releases.append(host.fill_threads(seconds))

    return {
        "faults/inject": inject,
        "faults/struck": struck,
        "faults/end": end,
        "faults/reset_stream": reset_stream,
        "faults/wait_for_scheduler": wait_for_scheduler,
        "faults/kill_worker": host.kill_worker,
        "faults/fill_threads": fill_threads,
    }


async def _answers(scheduler: FaultyScheduler) -> bool:
    try:
        await scheduler.get_instance(pb.GetInstanceRequest(instanceId="unknown"))
    except RpcError:
        return False
    return True
