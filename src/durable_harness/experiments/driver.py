"""Send the operations of a trial and follow each to its end, with the generator that load tests use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import NamedTuple, Self

import gevent
from gevent.event import Event

from durable_harness.experiments.offered import OfferedArrival, OfferedLoad
from durable_harness.gate import Histogram
from durable_harness.load.audit import OperationUrls
from durable_harness.load.engine.follow import Engine, Follower
from durable_harness.load.engine.gc_tuning import settle
from durable_harness.load.engine.server_meter import ServerMeter
from durable_harness.load.http import Client, Exchange, HttpRequest, Reactor
from durable_harness.load.options.generator import DEFAULT_CONNECTIONS, allow_connections
from durable_harness.load.watch import GeneratorFigures
from durable_harness.operations import Operation, OperationRecord

LEAD_S, PLANNING_S = 0.01, 0.0002
"""The first operation is intended this long after the call, plus this long for each: planning must not make it late."""
LOOK_S = 0.1
"""How often it looks whether the system that gets the operations still runs."""


class Measured(NamedTuple):
    """The records of the operations, in the order of their arrivals, and how late the generator was to start them.

    A start that waits for a connection to a full server is not late: its wait is part of the latencies.
    """

    records: list[OperationRecord]
    slip_ms: Histogram


class EarlyEnd(NamedTuple):
    """What ends a measurement before its last operation has ended; what is in flight then counts as timed out."""

    drain_s: float = inf
    """How long after the last arrival it is over."""
    has_died: Callable[[], bool] = lambda: False
    """Whether the system that gets the operations is gone: then it is over at once."""


WITH_THE_LAST = EarlyEnd()


class Driver:
    """Makes load from this process. Use it as a context; `measure` may be called any number of times."""

    def __init__(self, load: OfferedLoad) -> None:
        self.load = load
        self._in_flight: set[Follower] = set()
        self._all_ended = Event()
        self._crash: Exception | None = None
        self._where: dict[str, OperationUrls] = {}

    def __enter__(self) -> Self:
        quiet_interrupts()
        settle()
        self._reactor = Reactor(on_crash=self._crashed)
        self._client = Client(self._reactor, connections=max(1, allow_connections(DEFAULT_CONNECTIONS)))
        self._figures = GeneratorFigures()
        self._meter = ServerMeter(self._reactor)
        self._engine = Engine(
            *(self._reactor, self._client, self._figures, (), _NoTable(), self._meter, self._forget),
            on_crash=self._crashed,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._meter.close()
        self._client.close()
        self._reactor.close()

    def measure(
        self,
        base_url: str,
        key: str | None,
        arrivals: Sequence[OfferedArrival],
        ending: EarlyEnd = WITH_THE_LAST,
        warm_up_s: float = 0.0,
    ) -> Measured:
        """Start an operation at each arrival, wait until all have ended, and return what was measured.

        Slip of the first `warm_up_s` is forgotten. What was not started before the system died has no record.
        """
        began = monotonic() + LEAD_S + len(arrivals) * PLANNING_S
        plans = [self.load.plan(base_url, key, arrival, began + arrival.offset_s) for arrival in arrivals]
        followers = [Follower(plan, self._engine) for plan in plans]
        self._figures.start_over()
        if warm_up_s:
            warmed_up = began + arrivals[0].offset_s + warm_up_s
            self._reactor.call_at(warmed_up, lambda *_: self._figures.start_over())
        self._all_ended.clear()
        self._in_flight.update(followers)
        for follower in followers:
            if self.load.raises is not None:
                follower.operation.when_accepted(self._raise)
            follower.begin()
        is_dead = self._wait(began + arrivals[-1].offset_s + ending.drain_s, ending.has_died)
        if self._crash is not None:
            raise self._crash
        for follower in list(self._in_flight):
            follower.give_up("its host died" if is_dead else "not over when the trial was")
        records = [follower.operation.record for follower in followers if follower.is_started]
        return Measured(records, self._figures.delays_ms["start_slip_ms"])

    def _raise(self, operation: Operation) -> None:
        """Raise an operation's event. One that does not arrive shows in the operation, which keeps waiting."""
        request = operation.event_request(*operation.plan.raises) if operation.plan.raises else None
        if request is not None:
            wire = HttpRequest(request.method, request.url, request.headers, request.body)
            self._client.send(wire, lambda _: None, operation.deadline)

    def _wait(self, until: float, has_died: Callable[[], bool]) -> bool:
        """Wait until all operations have ended, at most until a moment; return whether their system died meanwhile."""
        while not self._all_ended.is_set() and monotonic() < until:
            if has_died():
                return True
            self._all_ended.wait(min(LOOK_S, until - monotonic()))
        return False

    def operation_urls_at(self, base_url: str) -> OperationUrls | None:
        """Return the URLs of the operations that a system accepted; None if it accepted no operation."""
        return self._where.get(base_url)

    def _forget(self, follower: Follower) -> None:
        origin = follower.operation.plan.origin
        if origin not in self._where and (where := OperationUrls.of(follower.operation)) is not None:
            self._where[origin] = where
        self._in_flight.discard(follower)
        if not self._in_flight:
            self._all_ended.set()

    def _crashed(self, _what: str, error: Exception) -> None:
        self._crash = error
        self._all_ended.set()


def quiet_interrupts() -> None:
    """Pass a Ctrl-C that comes in the reactor's turn on to the main greenlet without a traceback."""
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*type(hub).NOT_ERROR, KeyboardInterrupt)


class _NoTable:
    """An experiment shows no single requests."""

    def requested(self, method: str, route: str, exchange: Exchange, problem: str | None) -> None: ...
