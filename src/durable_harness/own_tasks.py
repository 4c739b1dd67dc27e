"""The tasks of this process itself, which share an event loop with the tasks of user code.

`asyncio.all_tasks()` is how user code finds the tasks that it then cancels or waits for. A loop that hides the tasks of
the process keeps them out of there: host and scheduler go on whatever is done to all others. The task that a function
runs in is there while it runs, as its code expects.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class HidesTasks(Protocol):
    """A loop whose tasks are hidden from user code."""

    def hide(self, task: asyncio.Task[object]) -> None:
        """Keep a task out of `asyncio.all_tasks()`."""

    def show(self, task: asyncio.Task[object]) -> None:
        """Let a task be found there again."""


@contextlib.contextmanager
def shown_to_user_code() -> Iterator[None]:
    """Let user code find the task that runs until the block ends."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None or not isinstance(loop, HidesTasks):
        yield
        return
    loop.show(task)
    try:
        yield
    finally:
        loop.hide(task)


async def drop_cancellation() -> None:
    """Forget that user code, which is over, cancelled the task that it ran in: what follows is not its own."""
    task = asyncio.current_task()
    if task is None or not task.cancelling():
        return
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    while task.uncancel():
        pass
