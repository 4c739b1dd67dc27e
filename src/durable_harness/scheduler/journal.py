"""Group commit: changes are collected per turn of the event loop, written together, and only then shown to anybody.

Work is handed out, waiters are woken and answers are sent after the commit that holds what they rest on. Whoever
answers a request takes what it says first and then awaits `settled`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from durable_harness.protocol import RpcError, Status
from durable_harness.scheduler.store import Store

logger = logging.getLogger("durable_harness.scheduler")

RETRY_INTERVAL_S = 0.5
MEMORY_WRITE_INTERVAL_S = 0.1

Rows = dict[str, list[Any]]


class Source(Protocol):
    """Something whose changes are written: a task hub."""

    def collect(self, rows: Rows) -> Callable[[], None]:
        """Add the rows of all changes since the last call; return what to do once they are written."""

    def exposures(self) -> list[Callable[[], None]]:
        """Return what the changes since the last call make possible."""


class Journal:
    """Writes the changes of task hubs to a store, batch by batch, in order.

    With a file, whatever a change makes possible waits for the commit. In memory there is nothing to wait for: changes
    are exposed at the end of the turn of the event loop, and rows are written now and then or when somebody reads.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.instance_keys = itertools.count(store.highest_instance() + 1)
        self.operation_numbers = itertools.count(store.highest("operations", "number") + 1)
        self.lock_numbers = itertools.count(store.highest("lock_requests", "number") + 1)
        self._thread = ThreadPoolExecutor(1, "scheduler-store") if store.path is not None else None
        self._tasks: set[asyncio.Future[None]] = set()
        self._touched: dict[Source, None] = {}
        self._unwritten: dict[Source, None] = {}
        self._next: list[asyncio.Future[None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._scheduled = False
        self._busy = False
        self._writing_later: asyncio.TimerHandle | None = None
        self._after_commit: Callable[[], None] | None = None

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after every commit, when everything that it allowed has been exposed."""
        self._after_commit = callback

    @property
    def idle(self) -> bool:
        return not (self._touched or self._busy)

    def touch(self, source: Source) -> None:
        """Note that a source has changes; they are dealt with at the end of this turn of the event loop."""
        self._touched[source] = None
        self._schedule()

    async def settled(self) -> None:
        """Return when all that has happened so far is committed; raise RpcError where it cannot be.

        In memory nothing is ever lost before everything is, so there is nothing to wait for.
        """
        if self._thread is None or self.idle:
            return
        future = asyncio.get_running_loop().create_future()
        (self._next if self._touched else self._waiting).append(future)
        await future

    async def written(self) -> None:
        """Return when all that has happened so far can be read from the store."""
        await self.settled()
        self._write_in_memory()

    def _schedule(self) -> None:
        if not self._scheduled and not self._busy:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        touched, self._touched = list(self._touched), {}
        exposures = [expose for source in touched for expose in source.exposures()]
        self._waiting, self._next = self._next, []
        if self._thread is None:
            self._write_later(touched)
            self._committed(exposures)
        else:
            self._busy = True
            batch: Rows = defaultdict(list)
            after = [source.collect(batch) for source in touched]
            task = asyncio.ensure_future(self._write(batch, [*after, *exposures]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _write_later(self, touched: list[Source]) -> None:
        self._unwritten |= dict.fromkeys(touched)
        if self._writing_later is None:
            loop = asyncio.get_running_loop()
            self._writing_later = loop.call_later(MEMORY_WRITE_INTERVAL_S, self._write_in_memory)

    def _write_in_memory(self) -> None:
        """Bring the rows in memory up to date; the changes of this very turn of the event loop too."""
        if self._thread is not None:
            return
        if self._writing_later is not None:
            self._writing_later.cancel()
            self._writing_later = None
        batch: Rows = defaultdict(list)
        after = [source.collect(batch) for source in {**self._unwritten, **self._touched}]
        self._unwritten = {}
        self.store.write(batch)
        for done in after:
            done()

    async def _write(self, batch: Rows, exposures: list[Callable[[], None]]) -> None:
        """Write a batch in the thread; while that fails, tell those who wait and try again: the changes stand."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._thread, self.store.write, batch)
            except sqlite3.Error as error:
                logger.error("The store cannot be written: %s. Trying again.", error)  # noqa: TRY400
                self._refuse(error)
                await asyncio.sleep(RETRY_INTERVAL_S)
            else:
                self._busy = False
                self._committed(exposures)
                return

    def _refuse(self, error: sqlite3.Error) -> None:
        waiting, self._waiting, self._next = [*self._waiting, *self._next], [], []
        for future in waiting:
            if not future.done():
                problem = f"The scheduler cannot write {self.store.path}: {error}."
                future.set_exception(RpcError(Status.RESOURCE_EXHAUSTED, problem))

    def _committed(self, exposures: list[Callable[[], None]]) -> None:
        waiting, self._waiting = self._waiting, []
        for expose in exposures:
            expose()
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if self._touched:
            self._schedule()
        if self._after_commit is not None:
            self._after_commit()

    async def close(self) -> None:
        """Write what is left and close the store."""
        while not self.idle:  # noqa: ASYNC110 - at the end of a process, once
            await asyncio.sleep(0)
        if self._writing_later is not None:
            self._writing_later.cancel()
        if self._thread is not None:
            self._thread.shutdown()
        self.store.close()
