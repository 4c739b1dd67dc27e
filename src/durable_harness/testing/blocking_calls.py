"""Waiting in an event loop for calls that block, whichever loop it is: asyncio's, anyio's, trio's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import math
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in a thread of its own, without blocking the event loop, and return its result.

        found = await in_thread(read_report, "build/report.json")

    Any number of calls can wait at the same time, because the thread is not one of the few in the loop's pool. If the
    caller is cancelled, it does not wait for the thread, which ends with its call. It works on asyncio and trio.

    Args:
        call: the function.
        args, kwargs: its arguments.

    Raises:
        Exception: what the function raises.
    """
    bound = functools.partial(contextvars.copy_context().run, functools.partial(call, *args, **kwargs))
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        result: T = await trio.to_thread.run_sync(bound, abandon_on_cancel=True, limiter=trio.CapacityLimiter(math.inf))
        return result
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    threading.Thread(target=_run, args=(bound, outcome), name="durable operations", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _run(call: Callable[[], T], outcome: concurrent.futures.Future[T]) -> None:
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is the caller's, not this thread's
        outcome.set_exception(error)
