"""How long a command of ours runs: until a signal, or until its parent is gone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn

from durable_harness.errors import HarnessError, UsageError
from durable_harness.platforms.children import ParentProcess
from durable_harness.platforms.clocks import have_fine_timers
from durable_harness.platforms.files import put_in_place
from durable_harness.platforms.signals import ENDING_SIGNALS, ask_this_process_to_end, call_when_asked_to_end

PARENT_CHECK_INTERVAL_S = 1.0


class StartInterrupted(KeyboardInterrupt):
    """Raised where a signal ends user code that holds up the start of a service."""


class Lifetime:
    """When a service ends, and the error that it then ends with, if it is one of its own."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self._starting: asyncio.Task[Any] | None = asyncio.current_task()
        self.error: HarnessError | None = None

    def stop(self) -> None:
        """End the service. A start that waits for something is given up."""
        if self._starting is not None and not self._stopped.is_set():
            self._starting.cancel()
        self._stopped.set()

    def fail(self, error: HarnessError) -> None:
        """End the service with an error. The first one counts."""
        self.error = self.error or error
        self._stopped.set()

    def has_started(self) -> None:
        self._starting = None

    @property
    def is_over(self) -> bool:
        return self._stopped.is_set()

    async def over(self) -> None:
        await self._stopped.wait()

    @contextlib.contextmanager
    def ending_blocks(self) -> Iterator[None]:
        """End a block that holds up the event loop when a signal comes: an app may wait in its import, even forever.

        The block may swallow what is raised, as a loop with a bare `except` does. The next signal ends the process.
        """
        before = {number: signal.signal(number, self._on_signal_in_block) for number in ENDING_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal_in_block(self, number: int, _frame: object) -> NoReturn:
        if self._stopped.is_set():
            os._exit(128 + number)
        self._stopped.set()
        raise StartInterrupted


Service = Callable[[Lifetime], AbstractAsyncContextManager[None]]


def run_until_stopped(service: Service, parent_pid: int | None, *, as_in_azure: bool = False) -> None:
    """Run a service on an event loop of its own until SIGINT, SIGTERM, the end of the parent, or until it fails.

    `as_in_azure` is for services that run user code: the loop is then of the kind that Azure has. Raises the error that
    it fails with, once it has stopped.
    """
    from durable_harness.stack.lasting_loop import run_lasting  # noqa: PLC0415 - uvloop is for services only

    run_lasting(lambda has_handlers: _run(service, parent_pid, has_handlers), as_in_azure=as_in_azure)


async def _run(service: Service, parent_pid: int | None, has_handlers: Callable[[], None]) -> None:
    lifetime = Lifetime()
    have_fine_timers()
    call_when_asked_to_end(asyncio.get_running_loop(), lifetime.stop)
    has_handlers()
    if parent_pid:
        # A thread: a start may hold up the event loop.
        threading.Thread(target=watch_parent, args=(parent_pid,), daemon=True, name="parent watch").start()
    try:
        async with service(lifetime):
            lifetime.has_started()
            gc.freeze()  # what start-up made lives as long as the process
            await lifetime.over()
    except (StartInterrupted, asyncio.CancelledError):
        if not lifetime.is_over:
            raise
    if lifetime.error is not None:
        raise lifetime.error


def watch_parent(parent_pid: int) -> None:
    """Ask this process to end when its parent is gone."""
    parent = ParentProcess(parent_pid)
    while parent.is_there():
        time.sleep(PARENT_CHECK_INTERVAL_S)
    ask_this_process_to_end()


def write_ready_file(path: Path | None, facts: dict[str, Any]) -> None:
    """Write facts about a service that is ready now, whole or not at all, for this user's eyes only.

    Raises UsageError if the file cannot be written.
    """
    if path is None:
        return
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # The facts hold secrets. O_EXCL: a file or link that another user put there is not written through.
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"pid": os.getpid(), **facts}, file)
        put_in_place(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(f"--ready-file {path}: the file cannot be written: {error.strerror}.") from error
