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

from durable_harness.errors import HarnessError, UsageError

PARENT_CHECK_INTERVAL_S = 1.0


class Lifetime:
    """When a service ends, and the error that it then ends with, if it is one of its own."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self.error: HarnessError | None = None

    def stop(self) -> None:
        self._stopped.set()

    def fail(self, error: HarnessError) -> None:
        """End the service with an error. The first one counts."""
        self.error = self.error or error
        self._stopped.set()

    async def over(self) -> None:
        await self._stopped.wait()


Service = Callable[[Lifetime], AbstractAsyncContextManager[None]]


def run_until_stopped(service: Service, parent_pid: int | None) -> None:
    """Run a service on an event loop of its own until SIGINT, SIGTERM, the end of the parent, or until it fails.

    Raises the error that it fails with, once it has stopped.
    """
    main = _run(service, parent_pid)
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(service: Service, parent_pid: int | None) -> None:
    lifetime = Lifetime()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lifetime.stop)
    async with service(lifetime):
        gc.freeze()  # what start-up made lives as long as the process
        watch = asyncio.create_task(_watch_parent(parent_pid, lifetime)) if parent_pid else None
        await lifetime.over()
        if watch is not None:
            watch.cancel()
    if lifetime.error is not None:
        raise lifetime.error


async def _watch_parent(parent_pid: int, lifetime: Lifetime) -> None:
    while os.getppid() == parent_pid:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(PARENT_CHECK_INTERVAL_S)
    lifetime.stop()


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
