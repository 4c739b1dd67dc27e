"""How long a command of ours runs: until a signal, or until the process that wanted it is gone."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

PARENT_CHECK_INTERVAL_S = 1.0


def run_until_stopped(service: Callable[[], AbstractAsyncContextManager[None]], parent_pid: int | None) -> None:
    """Run a service on an event loop of its own until SIGINT, SIGTERM or the end of the parent."""
    main = _run(service, parent_pid)
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(service: Callable[[], AbstractAsyncContextManager[None]], parent_pid: int | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with service():
        gc.freeze()  # what start-up made lives as long as the process
        watch = asyncio.create_task(_watch_parent(parent_pid, stopped)) if parent_pid else None
        await stopped.wait()
        if watch is not None:
            watch.cancel()


async def _watch_parent(parent_pid: int, stopped: asyncio.Event) -> None:
    while os.getppid() == parent_pid:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(PARENT_CHECK_INTERVAL_S)
    stopped.set()


def write_ready_file(path: Path | None, facts: dict[str, Any]) -> None:
    """Write facts about a service that is ready now, whole or not at all."""
    if path is not None:
        unfinished = path.with_suffix(".tmp")
        unfinished.touch(mode=0o600)  # it tells secrets
        unfinished.write_text(json.dumps({"pid": os.getpid(), **facts}))
        unfinished.replace(path)
