"""What a test may call in the processes of this house, and the endpoint that answers it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from durable_harness.control import Call, ControlEndpoint
from durable_harness.scheduler import SchedulerService, TimeControl


@contextlib.asynccontextmanager
async def served_control(calls: Mapping[str, Call] | None) -> AsyncIterator[dict[str, Any] | None]:
    """Serve these calls until the block ends and give what a test needs to reach them; None: serve nothing."""
    if calls is None:
        yield None
        return
    endpoint = ControlEndpoint(calls)
    try:
        yield await endpoint.start()
    finally:
        await endpoint.stop()


def clock_calls(service: SchedulerService) -> dict[str, Call]:
    """Return the calls that move a scheduler's time."""
    time = TimeControl(service)

    async def now() -> float:
        return time.now_s

    async def skip(*, on: bool) -> float:
        time.skip(on=on)
        return time.now_s

    async def state() -> dict[str, Any]:
        return time.state()

    return {
        "clock/now": now,
        "clock/skip": skip,
        "clock/advance": time.advance,
        "clock/state": state,
    }
