"""Handing out work: ready queues, one stream per worker, and a lease for every dispatch.

A work item is made only when a worker has room for it, so that events that arrive meanwhile ride along. Whoever holds
the lease's token may complete it, once; a stream that ends gives back all it held.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol import pb
from durable_harness.protocol.timings import SLOT, WORKER
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler.timings import WorkTimes

SWEEPS_PER_TIMEOUT = 8
"""How often leases are checked within their timeout: one is given back an eighth of it late at most."""
HEALTH_PING_INTERVAL_S = 30.0
"""durabletask's worker takes a stream for dead after 120 s of silence (`silent_disconnect_timeout_seconds`)."""
REST_S = 0.2
"""How long work rests that the only worker for it has declined: it would come back at once, again and again."""


class Work(Protocol):
    """Something a worker can do. Offered again as often as leases on it come back."""

    @property
    def kind(self) -> Kind: ...

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def is_awaited(self) -> bool:
        """Whether anything waits for it; skipped time does not wait for what an ended orchestration left behind."""

    @property
    def times(self) -> WorkTimes:
        """When what happened to it."""

    def make_item(self, *, keeps_executions: bool) -> pb.WorkItem | None:
        """Return the WorkItem to send (without its token), or None when there is nothing left to do.

        A worker that keeps executions alive needs of a long history only what it has not seen.
        """

    def give_back(self) -> None:
        """Undo `make_item`: the worker that had it did not do it."""

    def will_be_repeated(self) -> None:
        """Note, once it was given back, that its worker was given up: it may have done it, or a part of it."""

    def was_lost(self) -> None:
        """Note, once it was given back, that the worker's stream ended while it had the work."""


@dataclass(slots=True)
class Lease:
    """The right to complete one work item that was sent to a worker."""

    token: str
    work: Work
    stream: WorkerStream
    deadline_s: float
    is_asleep: bool = False
    """Whether its worker only waits for a time on the scheduler's clock, which may then be skipped to."""


class WorkerStream:
    """The work items on their way to one worker, within the limits and filters that it asked for."""

    def __init__(self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False, name: str = "") -> None:
        self.name = name
        self.connected_ns = time.time_ns()
        self.keeps_executions = keeps_executions
        limits = {
            Kind.ORCHESTRATION: request.maxConcurrentOrchestrationWorkItems,
            Kind.ACTIVITY: request.maxConcurrentActivityWorkItems,
            Kind.ENTITY: request.maxConcurrentEntityWorkItems,
        }
        self.most: dict[Kind, float] = {kind: limit if limit > 0 else math.inf for kind, limit in limits.items()}
        """How much of each kind it takes at a time."""
        self._filters = _read_filters(request)
        self.held = dict.fromkeys(Kind, 0)
        """How much of each kind it has now."""
        self._items: deque[pb.WorkItem] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._ping: asyncio.TimerHandle | None = None

    @property
    def takes_everything(self) -> bool:
        return self._filters is None

    def limit(self, kind: Kind) -> int | None:
        """Return how much of a kind it takes at a time, None for any amount."""
        most = self.most[kind]
        return None if most == math.inf else int(most)

    def versions(self, kind: Kind, name: str) -> Collection[str]:
        """Return the versions of a name that it asks for; an empty collection if it takes any."""
        return self._filters[kind].get(name, ()) if self._filters is not None else ()

    def takes(self, work: Work) -> bool:
        """Whether it has room for some work, and asks for it."""
        kind = work.kind
        # The name and version of work are asked for only where a filter needs them: a version may be that of a caller.
        return self.held[kind] < self.most[kind] and (
            self._filters is None or self.accepts(kind, work.name, work.version)
        )

    def accepts(self, kind: Kind, name: str, version: str) -> bool:
        if self._filters is None:
            return True
        versions = self._filters[kind].get(name)
        return versions is not None and (not versions or version in versions)

    def names_of(self, kind: Kind) -> Iterable[str]:
        """Return the names of work that it asks for; an empty collection if it takes everything."""
        return self._filters[kind] if self._filters is not None else ()

    def send(self, item: pb.WorkItem) -> None:
        self._items.append(item)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def keep_alive(self) -> None:
        """Send a health ping now and then until `end`: a silent stream looks dead to a worker."""
        self._ping = asyncio.get_running_loop().call_later(HEALTH_PING_INTERVAL_S, self._send_ping)

    def _send_ping(self) -> None:
        self.send(pb.WorkItem(healthPing=pb.HealthPing()))
        self.keep_alive()

    def end(self) -> None:
        if self._ping is not None:
            self._ping.cancel()

    async def items(self) -> AsyncIterator[pb.WorkItem]:
        while True:
            while self._items:
                yield self._items.popleft()
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived


def _read_filters(request: pb.GetWorkItemsRequest) -> dict[Kind, dict[str, frozenset[str]]] | None:
    """Absent filters accept everything; present ones only what they list (an empty list: nothing of that kind)."""
    if not request.HasField("workItemFilters"):
        return None
    filters = request.workItemFilters
    return {
        Kind.ORCHESTRATION: {f.name: frozenset(f.versions) for f in filters.orchestrations},
        Kind.ACTIVITY: {f.name: frozenset(f.versions) for f in filters.activities},
        Kind.ENTITY: {f.name: frozenset() for f in filters.entities},
    }


TypeKey = tuple[Kind, str, str]


class Dispatcher:
    """Matches ready work with workers that have room, oldest work first, workers in turn.

    A lease older than `lease_timeout_s` (real seconds, 0: never) is given back: its worker is taken to hang.
    """

    def __init__(self, lease_timeout_s: float = 0.0) -> None:
        self._lease_timeout_s = lease_timeout_s
        self._sweep: asyncio.TimerHandle | None = None
        self._ready: dict[TypeKey, deque[tuple[int, Work]]] = {}
        self._sequence = itertools.count()
        self._streams: deque[WorkerStream] = deque()
        self._leases: dict[str, Lease] = {}
        self._resting: dict[int, Work] = {}
        prefix = secrets.token_hex(6)  # tokens of an earlier process are not ours
        self._tokens = (f"{prefix}-{number}" for number in itertools.count(1))

    @property
    def busy(self) -> bool:
        """Whether a worker holds work that anybody waits for, or such work waits for a worker."""
        return any(self.outstanding())

    def outstanding(self) -> Iterator[Work]:
        """Yield the awaited work that a worker holds, unless it sleeps, and the work that waits for a worker."""
        return (work for work in self._all_work() if work.is_awaited)

    def set_asleep(self, token: str, *, is_asleep: bool) -> None:
        """Note whether leased work only waits for a time. An unknown token changes nothing."""
        lease = self._leases.get(token)
        if lease is not None:
            lease.is_asleep = is_asleep

    def names_of(self, kind: Kind) -> list[str]:
        """Return the names of work of a kind that connected workers ask for by name."""
        return sorted({name for stream in self._streams for name in stream.names_of(kind)})

    def streams(self) -> list[WorkerStream]:
        """Return the streams of connected workers, the oldest first."""
        return sorted(self._streams, key=lambda stream: stream.connected_ns)

    def ready(self) -> Iterator[tuple[TypeKey, Sequence[tuple[int, Work]]]]:
        """Yield the work that waits for a worker, by kind, name and version."""
        yield from self._ready.items()

    def resting(self) -> Iterator[Work]:
        """Yield the work that rests before its worker gets it again."""
        yield from self._resting.values()

    def in_hand(self) -> Iterator[tuple[Work, int]]:
        """Yield the work that workers have, with the time at which each was sent, by the steady clock."""
        yield from ((lease.work, lease.work.times.sent_ns) for lease in self._leases.values())

    def is_taken(self, kind: Kind, name: str, version: str) -> bool:
        """Whether a worker that is connected takes such work, when it has room."""
        return any(stream.accepts(kind, name, version) for stream in self._streams)

    def drop_unawaited(self) -> None:
        """Forget the work that no worker has and that nothing waits for."""
        kept = {
            key: deque(numbered for numbered in queue if numbered[1].is_awaited) for key, queue in self._ready.items()
        }
        self._ready = {key: queue for key, queue in kept.items() if queue}
        self._resting = {rest: work for rest, work in self._resting.items() if work.is_awaited}

    def _all_work(self) -> Iterator[Work]:
        yield from (lease.work for lease in self._leases.values() if not lease.is_asleep)
        for queue in self._ready.values():
            yield from (work for _, work in queue)
        yield from self._resting.values()

    def offer(self, work: Work, declined_by: WorkerStream | None = None) -> None:
        """Send work to a worker with room for it, or keep it until there is one.

        The worker that has declined it gets it only later, once it has room again.
        """
        times = work.times
        times.offered_ns, times.sent_ns, times.done_ns, times.waited_for = steady_ns(), 0, 0, ""
        for _ in range(len(self._streams)):
            stream = self._streams[0]
            self._streams.rotate(-1)
            if stream is not declined_by and stream.takes(work):
                self._send(stream, work)
                return
        times.waited_for = self._lacking(work)
        queue = self._ready.setdefault((work.kind, work.name, work.version), deque())
        queue.append((next(self._sequence), work))

    def _lacking(self, work: Work) -> str:
        """Return what work waits for that no worker takes now."""
        return SLOT if self.is_taken(work.kind, work.name, work.version) else WORKER

    async def stream(
        self, request: pb.GetWorkItemsRequest, *, keeps_executions: bool = False, name: str = ""
    ) -> AsyncIterator[pb.WorkItem]:
        """Yield work items for one worker, called by its name, until it closes the iterator."""
        stream = WorkerStream(request, keeps_executions=keeps_executions, name=name)
        self._streams.append(stream)
        stream.keep_alive()
        try:
            for kind in Kind:
                self._fill(stream, kind)
            async for item in stream.items():
                yield item
        finally:
            stream.end()
            self._streams.remove(stream)
            for lease in [lease for lease in self._leases.values() if lease.stream is stream]:
                self._give_back(lease, lost=True)

    def take(self, token: str, kind: Kind) -> Work | None:
        """End a lease and return its work, or None if the token holds no lease on work of this kind."""
        lease = self._leases.get(token)
        if lease is None or lease.work.kind is not kind:
            return None
        lease.work.times.done_ns = steady_ns()
        self._end(lease)
        return lease.work

    def abandon(self, token: str, kind: Kind) -> bool:
        """Release work that its worker declined. Another worker gets it immediately, the same one after REST_S.

        Returns False if the token holds no lease on work of this kind.
        """
        lease = self._leases.get(token)
        if lease is None or lease.work.kind is not kind:
            return False
        lease.work.give_back()
        self._end(lease)  # first: the worker gets other work in its place
        self._offer_elsewhere(lease)
        return True

    def _offer_elsewhere(self, lease: Lease) -> None:
        work = lease.work
        if any(stream is not lease.stream and stream.takes(work) for stream in self._streams):
            self.offer(work, declined_by=lease.stream)
            return
        rest = next(self._sequence)
        self._resting[rest] = work

        def offer_again() -> None:
            if self._resting.pop(rest, None) is not None:
                self.offer(work)

        asyncio.get_running_loop().call_later(REST_S, offer_again)

    def _give_back(self, lease: Lease, *, lost: bool) -> None:
        """End the lease of a worker that is gone, or taken to hang, and offer its work again."""
        # The order matters. The work is undone before anything else looks at its instance. The lease ends before the
        # work is offered, or it would count against the worker that it held up. `was_lost` may end the instance: then
        # nothing is left to do when the work is sent, and `make_item` returns None.
        lease.work.give_back()
        self._end(lease)
        lease.work.will_be_repeated()
        if lost:
            lease.work.was_lost()
        self.offer(lease.work)

    def _end(self, lease: Lease) -> None:
        """Free the place that the lease takes at its worker, and send that other work at once if it is connected."""
        del self._leases[lease.token]
        lease.stream.held[lease.work.kind] -= 1
        if self._ready and lease.stream in self._streams:
            self._fill(lease.stream, lease.work.kind)

    def _fill(self, stream: WorkerStream, kind: Kind) -> None:
        while self._ready and stream.held[kind] < stream.most[kind]:
            work = self._next_ready(stream, kind)
            if work is None:
                return
            self._send(stream, work)

    def _next_ready(self, stream: WorkerStream, kind: Kind) -> Work | None:
        keys = [key for key in self._ready if key[0] is kind and stream.accepts(*key)]
        if not keys:
            return None
        oldest = min(keys, key=lambda key: self._ready[key][0][0])
        queue = self._ready[oldest]
        work = queue.popleft()[1]
        if not queue:
            del self._ready[oldest]
        return work

    def _send(self, stream: WorkerStream, work: Work) -> None:
        item = work.make_item(keeps_executions=stream.keeps_executions)
        if item is None:
            work.times.is_void = True
            return
        token = next(self._tokens)
        item.completionToken = token
        work.times.sent_ns, work.times.token = steady_ns(), token
        timeout_s = self._lease_timeout_s
        deadline_s = asyncio.get_running_loop().time() + timeout_s if timeout_s else math.inf
        self._leases[token] = Lease(token, work, stream, deadline_s)
        if timeout_s and self._sweep is None:
            self._sweep_later()
        stream.held[work.kind] += 1
        stream.send(item)

    def _sweep_later(self) -> None:
        interval_s = self._lease_timeout_s / SWEEPS_PER_TIMEOUT
        self._sweep = asyncio.get_running_loop().call_later(interval_s, self._give_back_expired)

    def _give_back_expired(self) -> None:
        self._sweep = None
        now_s = asyncio.get_running_loop().time()
        for lease in [lease for lease in self._leases.values() if lease.deadline_s <= now_s]:
            self._give_back(lease, lost=False)
        if self._leases and self._sweep is None:
            self._sweep_later()
