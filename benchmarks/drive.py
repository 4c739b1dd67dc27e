"""A closed loop over HTTP: start an operation, poll it to its end, start the next; as many at once as asked for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aiohttp

START = b'{"duration": 0}'
FIRST_POLL_S = 0.01
LONGEST_POLL_S = 0.5


@dataclass(frozen=True)
class Loop:
    """What one loop measured: operations per second and latencies from start to seen end."""

    per_second: float
    p50_ms: float
    p99_ms: float


def drive(base_url: str, concurrency: int, operations: int) -> Loop:
    """Run `operations` operations with `concurrency` in flight."""
    return asyncio.run(_drive(base_url, concurrency, operations))


async def _drive(base_url: str, concurrency: int, operations: int) -> Loop:
    latencies_ms: list[float] = []
    numbers = iter(range(operations))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def caller() -> None:
            latencies_ms.extend([await _operation(session, base_url) for _ in numbers])

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(concurrency)))
        took_s = time.perf_counter() - began
    latencies_ms.sort()
    return Loop(operations / took_s, latencies_ms[len(latencies_ms) // 2], latencies_ms[len(latencies_ms) * 99 // 100])


async def _operation(session: aiohttp.ClientSession, base_url: str) -> float:
    began = time.perf_counter()
    async with session.post(f"{base_url}/api/async_http_api", data=START) as response:
        status_url = (await response.json())["statusQueryGetUri"]
    wait_s = FIRST_POLL_S
    while True:
        async with session.get(status_url) as response:
            body = await response.json()
        if response.status != 202:
            break
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_POLL_S)
    assert body["runtimeStatus"] == "Completed", body
    return 1000 * (time.perf_counter() - began)
