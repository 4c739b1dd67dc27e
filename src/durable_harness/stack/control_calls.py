"""What a test may call in our processes, and the endpoint that answers it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from durable_harness.control import Call, ControlEndpoint
from durable_harness.protocol import RpcError
from durable_harness.protocol.run_again import RunAgain
from durable_harness.scheduler import SchedulerService, TimeControl
from durable_harness.scheduler.running_again import run_again
from durable_harness.stack.control_names import EMPTY


@contextlib.asynccontextmanager
async def served_control(calls: Mapping[str, Call] | None) -> AsyncIterator[dict[str, Any] | None]:
    """Serve these calls until the block ends and yield what a test needs to reach them. None serves nothing."""
    if calls is None:
        yield None
        return
    endpoint = ControlEndpoint(calls)
    try:
        yield await endpoint.start()
    finally:
        await endpoint.stop()


def instance_calls(service: SchedulerService) -> dict[str, Call]:
    """Return the calls on instances that the protocol does not have."""

    async def again(hub: str = "", **asked: Any) -> str:
        try:
            return await run_again(service.hub(hub or next(iter(service.hubs))), RunAgain(**asked))
        except RpcError as error:
            raise ValueError(str(error)) from error

    async def empty() -> None:
        try:
            await service.empty()
        except RpcError as error:
            raise ValueError(str(error)) from error

    return {"instances/run_again": again, EMPTY: empty}


def clock_calls(service: SchedulerService) -> dict[str, Call]:
    """Return the calls that move a scheduler's time."""
    time = TimeControl(service)

    async def now() -> float:
        return time.now_s

    async def skip(*, on: bool, at_most_s: float | None = None) -> float:
        time.skip(on=on, at_most_s=at_most_s)
        return time.now_s

    async def hold(*, on: bool) -> float:
        time.hold(on=on)
        return time.now_s

    async def quiet(patience_s: float) -> None:
        await time.quiet(patience_s)

    async def state() -> dict[str, Any]:
        return time.state()

    return {
        "clock/now": now,
        "clock/skip": skip,
        "clock/hold": hold,
        "clock/advance": time.advance,
        "clock/quiet": quiet,
        "clock/state": state,
    }
