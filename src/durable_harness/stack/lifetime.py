"""How long a command of ours runs: until a signal, or until the process that wanted it is gone."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import secrets
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError

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
    """Write facts about a service that is ready now, whole or not at all, for this user's eyes only.

    Raises UsageError if the file cannot be written.
    """
    if path is None:
        return
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # The facts hold secrets. O_EXCL: a file or link that somebody laid there before is not written through.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"pid": os.getpid(), **facts}, file)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"--ready-file {path}: the file cannot be written: {error.strerror}.") from error
