"""Requests that wait until an instance changes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from durable_harness.protocol import RpcError


class Waiters:
    """Who waits for which instance. They are woken by any change that is committed, and look themselves."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[asyncio.Future[None]]] = defaultdict(list)
        """The requests that wait, by the id of the instance."""

    async def wait_for_change(self, instance_id: str) -> None:
        """Return after the next change of an instance; raise RpcError if it cannot be written."""
        waiter = asyncio.get_running_loop().create_future()
        waiting = self.waiting[instance_id]
        waiting.append(waiter)
        try:
            await waiter
        finally:
            waiting.remove(waiter)  # of a cancelled request: nothing wakes it any more

    def wake(self, instance_ids: Iterable[str]) -> None:
        for instance_id in instance_ids:
            for waiter in self.waiting.pop(instance_id, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def refuse(self, error: RpcError) -> None:
        """Refuse all who wait: the change that they wait for cannot happen while nothing can be written."""
        waiting, self.waiting = self.waiting, defaultdict(list)
        for waiter in (waiter for waiters in waiting.values() for waiter in waiters):
            if not waiter.done():
                waiter.set_exception(RpcError(error.status, str(error)))
