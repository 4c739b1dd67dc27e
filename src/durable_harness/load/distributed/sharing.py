"""The master's part of an open workload: send the workers their shares of the arrivals, again whenever these change."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import gevent
from gevent.pool import Group

from durable_harness.load.arrivals.shares import LEAD_S, Era, Shares
from durable_harness.load.distributed.run_messages import ARRIVALS, Offer

START_S = 1.0
"""How long before its first arrival a run is announced."""
WATCH_S = 0.25
STATE_RUNNING = "running"
"""As in `locust.runners`, whose import would patch the standard library for every importer of this module."""


class Sharing:
    """Keeps the workers of one run informed, from a greenlet of its own until it is closed.

    The workers that are connected when the run begins share its arrivals. One that joins later gets a share once it has
    begun the run, not once it has connected: until then its arrivals would not be started.
    """

    def __init__(self, runner: Any, run_id: str, scenarios: Iterable[str], run_time_s: float | None = None) -> None:
        self._runner = runner
        self._expected = frozenset(self._connected())
        self._begun: set[str] = set()
        self._left_out: set[str] = set()
        self._is_closed = False
        shares = Shares([Era(0.0, tuple(sorted(self._expected)))])
        self._offer = Offer(run_id, tuple(scenarios), time.time() + START_S, shares, run_time_s)
        self._send_offer()
        self._greenlets: Any = Group()
        self._greenlets.spawn(self._watch)

    @property
    def began_epoch_s(self) -> float:
        """When the first arrival comes: arrivals are counted from here, not from the beginning of Locust's test."""
        return self._offer.began_epoch_s

    @property
    def idle(self) -> set[str]:
        """Workers that had a share of the arrivals from the beginning, and never began the run."""
        return set(self._expected - self._begun) if self._offer.scenarios else set()

    def admit(self, worker: str) -> None:
        """Assign a share to a worker that has begun the run. It gets the arrivals anyway: it may have missed them."""
        self._begun.add(worker)
        if not self._is_closed and not self._share_again():
            self._send_offer(worker)

    def close(self) -> None:
        """Change nothing any longer."""
        self._is_closed = True
        self._greenlets.kill()

    def _watch(self) -> None:
        while True:
            gevent.sleep(WATCH_S)
            self._share_again()
            self._start_the_left_out()

    def _share_again(self) -> bool:
        """Begin a new era if other workers than before can take arrivals; return whether it did."""
        workers = tuple(sorted(self._connected() & (self._expected | self._begun)))
        if workers == self._offer.shares.workers:
            return False
        self._offer.shares.begin_era(time.time() - self._offer.began_epoch_s + LEAD_S, workers)
        self._send_offer()
        return True

    def _start_the_left_out(self) -> None:
        """Make Locust start workers that joined while it did not look, once each.

        It starts a worker that joins a running test, but not one that joins while it waits for reports at the end of
        spawning. After one worker has joined it starts no further ones: its dispatcher stays "in progress" (2.47).
        """
        runner = self._runner
        if runner.state == STATE_RUNNING:
            known, self._left_out = self._left_out, {client.id for client in runner.clients.ready}
            if not self._left_out <= known:
                self._greenlets.spawn(runner.start, runner.target_user_count, runner.spawn_rate)

    def _send_offer(self, worker: str | None = None) -> None:
        """Send the arrivals to one worker, or else to all."""
        self._runner.send_message(ARRIVALS, self._offer.to_wire(), worker)

    def _connected(self) -> set[str]:
        """Return the workers that make load, or will as soon as they are asked to."""
        clients = self._runner.clients
        return {client.id for client in clients.ready + clients.spawning + clients.running}
