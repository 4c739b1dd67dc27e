"""The master's part of an open workload: tell the workers which arrivals are whose, again whenever they change."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import gevent

from durable_harness.load.messages import ARRIVALS, Offer
from durable_harness.load.shares import LEAD_S, Era, Shares

START_S = 1.0
"""How long before its first arrival a run is announced."""
WATCH_S = 0.25


class Sharing:
    """Keeps the workers of one run informed, from a greenlet of its own until it is closed."""

    def __init__(self, runner: Any, run_id: str, scenarios: Iterable[str]) -> None:
        self._runner = runner
        shares = Shares([Era(0.0, self._workers())])
        self._offer = Offer(run_id, tuple(scenarios), time.time() + START_S, shares)
        self._tell()
        self._watcher: Any = gevent.spawn(self._watch)

    def close(self) -> None:
        """Stop watching."""
        self._watcher.kill()

    def _watch(self) -> None:
        while True:
            gevent.sleep(WATCH_S)
            workers = self._workers()
            if workers != self._offer.shares.workers:
                self._offer.shares.begin_era(time.time() - self._offer.began_epoch_s + LEAD_S, workers)
                self._tell()

    def _tell(self) -> None:
        self._runner.send_message(ARRIVALS, self._offer.to_wire())

    def _workers(self) -> tuple[str, ...]:
        """Return the workers that make load, or will as soon as they are told."""
        clients = self._runner.clients
        return tuple(sorted(client.id for client in clients.ready + clients.spawning + clients.running))
