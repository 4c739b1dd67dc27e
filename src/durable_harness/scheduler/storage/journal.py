"""Group commit: changes are collected per turn of the event loop, written together, and only then visible.

Work is handed out, waiters are woken and answers are sent after the commit that holds what they rest on. A request
first makes its answer of the state in memory and then awaits `settled`: later changes are not in it.

While the file cannot be written (a full disk), what workers have done stands and is tried again. Requests that would
change more are refused before they do. A start that had changed something by then is withdrawn, in the same transaction
as the change, so that its error means: it never runs. A damaged file ends the journal: nothing is written any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from durable_harness.errors import HarnessError
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError, RpcStatus
from durable_harness.scheduler.storage.column_types import Row
from durable_harness.scheduler.storage.data_file import is_damage, may_pass
from durable_harness.scheduler.storage.indexes import PassingIndexes
from durable_harness.scheduler.storage.store import RefusedRow, Store

logger = own_logger("durable_harness.scheduler")

RETRY_INTERVAL_S = 0.5
"""How long to wait before a file that could not be written is tried again."""
MEMORY_WRITE_INTERVAL_S = 0.1
"""How long rows in memory may lag behind: one write for many changes. Whoever reads rows has them written first."""
SHOWN_CHARS = 60

Rows = dict[str, list[Row]]
"""The rows of a batch, by statement."""
Action = Callable[[], None]


class Source(Protocol):
    """Something whose changes are written: a task hub."""

    def collect_rows(self, rows: Rows) -> Action:
        """Add the rows of all changes since the last call; return what to do once they are written."""

    def refuse(self, key: int, problem: str) -> None:
        """End the instance with this key, if it is one of this source: the store does not take what it consists of."""


@dataclass(slots=True)
class _Waiter:
    """A request that waits for the commit of what has happened so far; `undo` withdraws its change if there is none."""

    future: asyncio.Future[None]
    undo: Action | None
    key: int | None
    """The instance that the change was for."""


class Journal:
    """Writes the changes of task hubs to a store, batch by batch, in order.

    With a file, everything that a change makes possible waits for the commit. In memory there is nothing to wait for:
    it is done at the end of the turn of the event loop, and rows are written now and then or before they are read.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.instance_keys = itertools.count(store.highest_instance() + 1)
        self.operation_numbers = itertools.count(store.highest("operations", "number") + 1)
        self.lock_numbers = itertools.count(store.highest("lock_requests", "number") + 1)
        self._thread = ThreadPoolExecutor(1, "scheduler-store") if store.path is not None else None
        self._tasks: set[asyncio.Future[None]] = set()
        self._sources: dict[Source, None] = {}
        self._marked: dict[Source, None] = {}
        self._pending: list[Action] = []
        """What the changes that are not collected yet make possible, once they are committed."""
        self._unwritten: dict[Source, None] = {}
        self._for_next_batch: list[_Waiter] = []
        """Those who wait for changes that are not collected yet. They join `_for_this_batch` when these are."""
        self._for_this_batch: list[_Waiter] = []
        """Those who wait for the batch that is being written."""
        self._scheduled = False
        self._busy = False
        self._writing_later: asyncio.TimerHandle | None = None
        self._after_each_commit: list[Action] = []
        self._refusal: RpcError | None = None
        """What requests are answered with while the file cannot be written, or since the journal has ended."""
        self._has_ended = False
        self._ending = asyncio.Event()
        self.indexes = PassingIndexes(self._change_index)
        self._on_refusal: list[Callable[[RpcError], None]] = []
        self._on_failure: Callable[[HarnessError], None] | None = None

    def on_failure(self, callback: Callable[[HarnessError], None]) -> None:
        """Call back, once, with the error that ends the journal: the file is damaged or cannot be written."""
        self._on_failure = callback
        self.store.on_damage = self._fail

    def on_refusal(self, callback: Callable[[RpcError], None]) -> None:
        """Call back whenever those who wait are refused because the file cannot be written."""
        self._on_refusal.append(callback)

    def on_each_commit(self, callback: Action) -> None:
        """Call back after every commit, when everything that it allowed has been done, until `off_each_commit`."""
        self._after_each_commit.append(callback)

    def off_each_commit(self, callback: Action) -> None:
        """Undo one `on_each_commit` of this callback; others that gave the same are still called back."""
        self._after_each_commit.remove(callback)

    @property
    def idle(self) -> bool:
        return not (self._marked or self._busy)

    def mark(self, source: Source, action: Action | None = None) -> None:
        """Note that a source has changes, and what to do once all changes so far are committed.

        They are dealt with at the end of this turn of the event loop.
        """
        if action is not None:
            self._pending.append(action)
        if source in self._marked:
            return  # the end of the turn, or of the batch being written, is awaited already
        self._sources[source] = self._marked[source] = None
        if not self._scheduled and not self._busy:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    @property
    def problem(self) -> str | None:
        """Why nothing can be written now, None if it can."""
        return str(self._refusal) if self._refusal is not None else None

    def admit(self) -> None:
        """Raise RpcError if no change can be written now. Called before anything is changed for a client."""
        if self._ending.is_set() and not self._refusal:
            raise RpcError(RpcStatus.UNAVAILABLE, "The scheduler is ending and takes no more requests.")
        if self._refusal is not None:
            raise _copy(self._refusal)

    async def settled(self, undo: Action | None = None, key: int | None = None) -> None:
        """Return when all that has happened so far is committed; raise RpcError if it cannot be.

        `key` names the instance that the caller has changed: what the store does not take of it is the caller's error.

        Before it raises, `undo` is called: it withdraws what the caller has changed, which is then never written.
        In memory nothing is ever lost before everything is, so there is nothing to wait for.
        """
        if self._thread is None or self.idle:
            return
        if self._refusal is not None:
            if undo is not None:
                undo()
            raise _copy(self._refusal)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), undo, key)
        # Changes that are not collected yet go into the next batch. Without any, all is in the batch being written.
        (self._for_next_batch if self._marked else self._for_this_batch).append(waiter)
        await waiter.future

    async def written(self) -> None:
        """Return when all that was answered so far can be read from the store; at once while it cannot be written."""
        if await self.caught_up():
            self._write_in_memory()

    async def caught_up(self) -> bool:
        """Return whether all that has happened so far is committed, once that is known.

        False is the answer while the file cannot be written: what may be shown then is what it holds.
        """
        if self._has_ended and self._refusal is not None:
            raise _copy(self._refusal)
        try:
            await self.settled()
        except RpcError:
            if self._has_ended:
                raise
            return False
        return True

    async def _change_index(self, statement: str) -> None:
        if self._thread is None:
            self.store.change_index(statement)
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.store.change_index, statement)

    def _flush(self) -> None:
        self._scheduled = False
        if self._has_ended:
            return
        if self._thread is None:
            pending, self._pending = self._pending, []
            marked, self._marked = self._marked, {}
            self._unwritten |= marked
            if self._writing_later is None:
                loop = asyncio.get_running_loop()
                self._writing_later = loop.call_later(MEMORY_WRITE_INTERVAL_S, self._write_in_memory)
            self._committed(pending)
        else:
            self._busy = True
            task = asyncio.ensure_future(self._write())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _collect(self) -> tuple[Rows, list[Action]]:
        """Return the rows of all changes, and what to do once they are written."""
        marked, self._marked = list(self._marked), {}
        self._for_this_batch += self._for_next_batch
        self._for_next_batch = []
        pending, self._pending = self._pending, []
        batch: Rows = defaultdict(list)
        written = [source.collect_rows(batch) for source in marked]
        # In this order: who is woken by what is pending asks whether its instance is written.
        return batch, [*written, *pending]

    def _write_in_memory(self) -> None:
        """Bring the rows in memory up to date; the changes of this very turn of the event loop too."""
        if self._thread is not None:
            return
        if self._writing_later is not None:
            self._writing_later.cancel()
            self._writing_later = None
        batch: Rows = defaultdict(list)
        written = [source.collect_rows(batch) for source in {**self._unwritten, **self._marked}]
        self._unwritten = {}
        if refused := self.store.write(batch):
            self._refuse_rows(refused)
        for action in written:
            action()

    async def _write(self) -> None:
        """Write what has changed; while that fails, refuse those who wait and try again: the other changes stand."""
        loop = asyncio.get_running_loop()
        batch, actions = self._collect()
        batches = [batch]
        while True:
            try:
                refused = await loop.run_in_executor(self._thread, self.store.write, *batches)
            except Exception as error:  # noqa: BLE001 - of any type: the changes are not written
                if self._has_ended or not may_pass(error):
                    self._busy = False
                    self._end(self._unwritable(error))
                    return
                more, after = self._refuse(error)
                batches.append(more)
                actions += after
                if self._ending.is_set():
                    self._give_up()
                    return
                await self._rest()
            else:
                self._was_written(actions, refused)
                return

    def _was_written(self, actions: list[Action], refused: list[RefusedRow]) -> None:
        self._busy = False
        if not self._has_ended:
            self._refusal = None
        self._refuse_rows(refused)
        self._committed(actions)
        while_busy, self._marked = self._marked, {}
        for source in while_busy:
            self.mark(source)
        if self._has_ended:
            self._refuse_waiting()

    def _refuse_rows(self, refused: list[RefusedRow]) -> None:
        """Fail each call whose rows the store did not take. The other rows of the batch are written."""
        problems: dict[int, str] = {}
        for row in refused:
            problem = f"The store does not take a row of this: {type(row.error).__name__}: {row.error}."
            logger.error("%s Statement: %s. Instance key: %s.", problem, row.statement[:SHOWN_CHARS], row.instance_key)
            if row.instance_key is not None:
                problems.setdefault(row.instance_key, problem)
        for key, problem in problems.items():
            self._refuse_waiters_of(key, problem)
            self.refuse(key, problem)

    def _refuse_waiters_of(self, key: int, problem: str) -> None:
        for waiter in [waiter for waiter in self._for_this_batch if waiter.key == key]:
            self._for_this_batch.remove(waiter)
            if waiter.undo is not None:
                waiter.undo()
            if not waiter.future.done():
                waiter.future.set_exception(RpcError(RpcStatus.INVALID_ARGUMENT, problem))

    def refuse(self, key: int, problem: str) -> None:
        """End an instance that cannot be stored."""
        for source in self._sources:
            source.refuse(key, problem)

    async def _rest(self) -> None:
        """Wait before the next try; the end of the process cuts it short."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETRY_INTERVAL_S):
                await self._ending.wait()

    def _refuse(self, error: Exception) -> tuple[Rows, list[Action]]:
        """Refuse those who wait, and return what withdraws their changes: to be written with these, or not at all."""
        if self._refusal is None:
            logger.error("The file %s cannot be written: %s. Trying again until it can.", self.store.path, error)
        problem = (
            f"The scheduler cannot write {self.store.path}: {error}. Until it can, it starts and changes nothing; what"
            " workers have done and what it had taken before is kept, and written then."
        )
        self._refusal = RpcError(RpcStatus.RESOURCE_EXHAUSTED, problem)
        self._refuse_waiting()
        return self._collect() if self._marked else ({}, [])

    def _refuse_waiting(self) -> None:
        assert self._refusal is not None
        waiting = [*self._for_this_batch, *self._for_next_batch]
        self._for_this_batch, self._for_next_batch = [], []
        for waiter in reversed(waiting):  # the latest first: it may have replaced what an earlier one began
            if waiter.undo is not None:
                waiter.undo()
        for waiter in waiting:
            if not waiter.future.done():
                waiter.future.set_exception(_copy(self._refusal))
        for callback in self._on_refusal:
            callback(_copy(self._refusal))

    def _unwritable(self, error: Exception) -> HarnessError:
        if isinstance(error, HarnessError):
            return error
        if isinstance(error, sqlite3.Error) and is_damage(error):
            return self.store.refusal(error)
        logger.error("The file %s cannot be written.", self.store.path, exc_info=error)
        return HarnessError(
            f"The scheduler cannot write {self.store.path}: {type(error).__name__}: {error}.\n"
            "  All that was answered is in the file. Please report this, with the log."
        )

    def _fail(self, error: HarnessError) -> RpcError:
        """End the journal because a read failed. Return what requests are answered with."""
        self._end(error)
        assert self._refusal is not None
        return _copy(self._refusal)

    def _end(self, error: HarnessError) -> None:
        """End the journal permanently: only the batch that is being written may still reach the file."""
        if not self._has_ended:
            self._has_ended = True
            self._refusal = RpcError(RpcStatus.INTERNAL, str(error))
            if self._on_failure is not None:
                self._on_failure(error)
        if not self._busy:
            self._refuse_waiting()

    def _give_up(self) -> None:
        """End without what could not be written: none of it was answered, and work that was done is done again."""
        logger.error("Ending, although the file %s cannot be written. All that was answered is in it.", self.store.path)
        self._has_ended = True
        self._busy = False

    def _committed(self, actions: list[Action]) -> None:
        """Do what a commit allows, then wake those who wait for it."""
        # Taken first: an action may wait for the next batch itself.
        waiting, self._for_this_batch = self._for_this_batch, []
        for action in actions:
            try:
                action()
            except Exception:
                logger.exception("An action that a commit allows failed. The others are done.")
        for waiter in waiting:
            if not waiter.future.done():
                waiter.future.set_result(None)
        for callback in [*self._after_each_commit]:
            callback()

    async def finish(self) -> None:
        """Take no more requests, and return when those that were taken are answered: written, or refused."""
        self._ending.set()
        with contextlib.suppress(RpcError):
            await self.settled()

    async def close(self) -> None:
        """Write what is left, if it can be written, and close the store."""
        self._ending.set()
        while self._tasks or not (self.idle or self._has_ended):
            await asyncio.gather(*self._tasks)
            await asyncio.sleep(0)
        if self._writing_later is not None:
            self._writing_later.cancel()
        await self.indexes.close()
        if self._thread is not None:
            if not self._has_ended:
                await self.indexes.drop(unused_s=0)
            self._thread.shutdown()
        self.store.close()


def _copy(error: RpcError) -> RpcError:
    """Return an error of its own for each request: a traceback grows with every raising."""
    return RpcError(error.status, str(error))
