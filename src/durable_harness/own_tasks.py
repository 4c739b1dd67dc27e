"""The tasks of this process itself, which share an event loop with the tasks of user code.

`asyncio.all_tasks()` is how user code finds the tasks that it then cancels or waits for. A loop that hides the tasks of
the process keeps them out of there: host and scheduler continue whatever is done to all others. The task that a
function runs in is listed while it runs, as its code expects.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

HAS_EAGER_TASKS = sys.version_info >= (3, 12)
"""Whether aiohttp makes its tasks itself, so that they begin to run at once. Earlier it asks the loop for them."""


@runtime_checkable
class HidesTasks(Protocol):
    """A loop whose tasks are hidden from user code."""

    hidden: weakref.WeakSet[asyncio.Task[Any]]
    """Those that were taken out of `asyncio.all_tasks()`."""


def hide(task: asyncio.Task[Any] | None) -> None:
    """Hide a task of this process that a library made without the loop's `create_task`."""
    loop = asyncio.get_running_loop()
    if task is not None and isinstance(loop, HidesTasks):
        asyncio._unregister_task(task)  # noqa: SLF001 - documented, for those who extend asyncio
        loop.hidden.add(task)


def hide_once_started() -> None:
    """Hide the eager task that runs: asyncio registers it only when it first waits, and then it can be taken out."""
    asyncio.get_running_loop().call_soon(hide, asyncio.current_task())


@contextlib.contextmanager
def shown_to_user_code() -> Iterator[None]:
    """List the current task for user code until the block ends."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None or not isinstance(loop, HidesTasks):
        yield
        return
    asyncio._register_task(task)  # noqa: SLF001 - as above
    try:
        yield
    finally:
        asyncio._unregister_task(task)  # noqa: SLF001 - as above
        loop.hidden.add(task)


async def drop_cancellation(task: asyncio.Task[Any]) -> None:
    """Forget that user code, which is over, cancelled the current task that it ran in: what follows is not its own."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    while task.uncancel():
        pass
