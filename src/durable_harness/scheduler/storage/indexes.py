"""Indexes that only lists for people need: made a while after the first list, dropped when no more are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine

from durable_harness.logs.own_loggers import own_logger

logger = own_logger("durable_harness.scheduler")

DELAY_S = 1.0
"""How long after the first look an index is made: when the first page is painted, before a live one asks again."""
REST_S = 300.0
"""How long an index is kept after the last list."""


class PassingIndexes:
    """Which of them are there. `change` carries out a statement in the thread that writes the store."""

    def __init__(self, change: Callable[[str], Awaitable[None]]) -> None:
        self._change = change
        self._asked_s: dict[str, float] = {}
        """The indexes that are there, with when each was last asked for."""
        self._making: dict[str, asyncio.TimerHandle] = {}
        self._dropping: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def has(self, name: str, statement: str) -> bool:
        """Return whether an index is there; if not, `statement` makes it in a while, and until then one reads without.

        Once one cannot be made, for want of room on the disk, it is not tried again.
        """
        loop = asyncio.get_running_loop()
        if name in self._asked_s:
            self._asked_s[name] = loop.time()
            return True
        if name not in self._making:
            self._making[name] = loop.call_later(DELAY_S, lambda: self._begin(self._make(name, statement)))
        return False

    async def drop(self, *, unused_s: float) -> None:
        """Drop indexes that were not used for that long. One that cannot be dropped now stays."""
        now_s = asyncio.get_running_loop().time()
        unused = [name for name, asked_s in self._asked_s.items() if now_s - asked_s >= unused_s]
        for name in unused:
            del self._asked_s[name]
        for name in unused:
            with contextlib.suppress(sqlite3.Error):
                await self._change(f"DROP INDEX IF EXISTS {name}")

    async def close(self) -> None:
        """Make and drop no more."""
        for handle in (*self._making.values(), *filter(None, [self._dropping])):
            handle.cancel()
        await asyncio.gather(*self._tasks)

    async def _make(self, name: str, statement: str) -> None:
        try:
            await self._change(statement)
        except sqlite3.Error as error:
            logger.warning("The index of lists cannot be made, so lists are read without it: %s.", error)
            return
        del self._making[name]
        self._asked_s[name] = asyncio.get_running_loop().time()
        if self._dropping is None:
            self._rest()

    def _rest(self) -> None:
        self._dropping = asyncio.get_running_loop().call_later(REST_S, self._drop_unused)

    def _drop_unused(self) -> None:
        self._begin(self.drop(unused_s=REST_S))
        self._dropping = None
        if self._asked_s:
            self._rest()

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
