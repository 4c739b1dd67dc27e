"""Drive one operation to its end: send the requests of its state machine when they are due."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Protocol, TypeVarTuple
from urllib.parse import quote, urlsplit

from gevent.event import Event

from durable_harness.load.http import Client, Exchange, HttpRequest, OnCrash, Reactor, log_crash
from durable_harness.load.watch import GeneratorFigures
from durable_harness.network.redirects import is_same_origin
from durable_harness.operations import (
    HostMeasurement,
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationRecord,
)
from durable_harness.operations.host_times import ASKING, HEADER, MOST_CHARS
from durable_harness.platforms.clocks import monotonic
from durable_harness.wording.foreign_text import shown

LAST_REQUEST_S = 1.0
"""The least time for a request, also when the operation's own time is up: the last poll is made at the deadline."""
BAD_REQUEST = 400
MOST_ROUTE_CHARS = 200
LEAST_WAIT_S = 1e-4
"""A start that left sooner was not held up by a connection."""

Events = TypeVarTuple("Events")


class Watcher(Protocol):
    """Receives the events of operations at the moment they happen. It must not block."""

    def started(self, record: OperationRecord) -> None: ...
    def accepted(self, record: OperationRecord) -> None: ...
    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None: ...
    def ended(self, record: OperationRecord) -> None: ...


class RequestWatcher(Protocol):
    """Receives every request that has ended."""

    def requested(self, method: str, route: str, exchange: Exchange, problem: str | None) -> None: ...


class Meter(Protocol):
    """Finds out what the server knows of operations that have ended."""

    def measure(self, operation: Operation, on_measured: Callable[[HostMeasurement | None], None]) -> None: ...
    def knows(self, base_url: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Engine:
    """What all followers of a run share."""

    reactor: Reactor
    client: Client
    figures: GeneratorFigures
    watchers: tuple[Watcher, ...]
    request_watcher: RequestWatcher
    meter: Meter
    forget: Callable[[Follower], None]
    """Called once with a follower whose operation has ended, after it was measured."""
    on_crash: OnCrash = log_crash

    def notify(self, watch: Callable[[*Events], None], *what: *Events) -> None:
        """Call a watcher; one that fails must stop neither the others nor the operation."""
        try:
            watch(*what)
        except Exception as error:  # noqa: BLE001 - see above
            self.on_crash("A watcher of the operations failed", error)

    def notify_request(self, exchange: Exchange, route: str, problem: str | EllipsisType | None = ...) -> None:
        """Count a request that has ended; `route` is its row in Locust's table, a `problem` may be judged elsewhere."""
        self.figures.requested(exchange.pool_wait_s, exchange.connect_s)
        judged = _problem(exchange.outcome) if isinstance(problem, EllipsisType) else problem
        self.notify(self.request_watcher.requested, exchange.request.method, route, exchange, judged)


class Follower:
    """Sends an operation's requests when they are due. It has no greenlet: the reactor calls it."""

    __slots__ = (
        "_engine",
        "_is_handed_over",
        "_is_over",
        "_is_polling",
        "_is_started",
        "_request",
        "_route",
        "_waited_for",
        "operation",
    )

    def __init__(self, plan: OperationPlan, engine: Engine) -> None:
        """Get ready; raise ValueError or TypeError for a plan that cannot be sent."""
        self.operation = Operation(plan)
        self._engine = engine
        start = plan.start_request()
        headers = {**start.headers, **ASKING} if engine.meter.knows(plan.origin) else start.headers
        self._request = HttpRequest(start.method, start.url, headers, start.body)
        self._is_polling = False
        self._route = plan.start_route
        self._is_started = self._is_over = self._is_handed_over = False
        self._waited_for: Event | None = None

    @property
    def is_started(self) -> bool:
        """Whether its start is on its way, or was."""
        return self._is_started

    def begin(self) -> None:
        """Start when it is intended; at once if that is now or over."""
        intended = self.operation.plan.intended
        if intended <= monotonic():
            self._start(intended, None)
        else:
            self._engine.reactor.call_at(intended, self._start)

    def wait(self) -> None:
        """Wait for the end in this greenlet; what the server knows of the operation may be filled in after that."""
        if not self._is_over:
            if self._waited_for is None:
                self._waited_for = Event()
            self._waited_for.wait()

    def give_up(self, reason: str) -> None:
        """End it here and now: its record says that it timed out, and why; if it has ended, that it is not measured."""
        if self._is_over:
            self._hand_over(None)
            return
        if self._is_started:
            if self.operation.record.sent is None:
                self._count_start(monotonic())
            self.operation.give_up(monotonic(), reason)
        self._stop()
        self._hand_over(None)

    def _start(self, due: float, _argument: object) -> None:
        if self._is_over:
            return
        now = monotonic()
        self._is_started = True
        self._engine.figures.start_slipped(now - due)
        deadline = max(self.operation.deadline, now + LAST_REQUEST_S)
        send = self._engine.client.send
        send(self._request, self._start_ended, deadline, self._start_sent, follows_redirects=True)

    def _start_sent(self, exchange: Exchange) -> None:
        if self._is_over:
            return
        self._note_wait(exchange)
        self._count_start(exchange.sent or exchange.asked)

    def _note_wait(self, exchange: Exchange) -> None:
        waited_s = (exchange.sent or exchange.asked) - exchange.queued
        if waited_s < LEAST_WAIT_S:
            return
        record = self.operation.record
        if exchange.is_at_limit:
            record.start_pool_ms = waited_s * 1000
        else:
            # The delay of this process is not the network's.
            record.start_connect_ms = max(0.0, waited_s - self._engine.figures.lateness_s(monotonic())) * 1000

    def _count_start(self, sent: float) -> None:
        self.operation.sent(sent)
        for watcher in self._engine.watchers:
            self._engine.notify(watcher.started, self.operation.record)

    def _start_ended(self, exchange: Exchange) -> None:
        if self._is_over:
            return
        operation = self.operation
        if operation.record.sent is None:
            # Nothing could be sent, but it was tried, and counts from then.
            self._count_start(exchange.asked)
        self._engine.notify_request(exchange, self._route)
        operation.record.start_at_host = _times_at_host(exchange)
        try:
            operation.start_answered(exchange.outcome, exchange.answered)
        except Exception as error:  # noqa: BLE001 - an answer of an unexpected kind must not end the others
            self._break_off(error)
        if operation.record.accepted is not None:
            for watcher in self._engine.watchers:
                self._engine.notify(watcher.accepted, operation.record)
            for act in operation.take_waiting():
                self._engine.notify(act, operation)
        self._go_on()

    def _break_off(self, error: Exception) -> None:
        self._engine.on_crash("An answer could not be read", error)
        self.operation.break_off(monotonic(), error)

    def _poll(self, due: float, _argument: object) -> None:
        if self._is_over:
            return
        now = monotonic()
        self._engine.figures.poll_slipped(now - due)
        self.operation.poll_sent(now)
        if self.operation.record.seen is None:
            self.operation.record.poll_due = due
        url = self.operation.status_url or ""
        if url != self._request.url or not self._is_polling:
            try:
                self._request = HttpRequest("GET", url, self._poll_headers(url))
            except ValueError as error:
                self._poll_answered(NoResponse(str(error)), now, 0.0)
                return
            self._is_polling = True
            self._route = _route(url, self.operation.record.instance_id)
        # What takes longer than the operation's time got no answer.
        deadline = max(self.operation.deadline, now + LAST_REQUEST_S)
        self._engine.client.send(self._request, self._poll_ended, deadline)

    def _poll_headers(self, url: str) -> Mapping[str, str]:
        headers, origin = self.operation.poll_headers, self.operation.plan.origin
        asks = self._engine.meter.knows(origin) and is_same_origin(url, origin)
        return {**headers, **ASKING} if asks else headers

    def _poll_ended(self, exchange: Exchange) -> None:
        if self._is_over:
            return
        record = self.operation.record
        if record.seen is None:  # what comes after that is no poll, but fetches the result
            record.poll_sent, record.poll_at_host = exchange.sent, _times_at_host(exchange)
        self._engine.notify_request(exchange, self._route)
        self._poll_answered(exchange.outcome, exchange.answered, exchange.elapsed_ms)

    def _poll_answered(self, result: HttpResponse | NoResponse, answered: float, elapsed_ms: float) -> None:
        record = self.operation.record
        record.poll_ms += elapsed_ms
        try:
            problem = self.operation.poll_answered(result, answered)
        except Exception as error:  # noqa: BLE001 - as for a start
            self._break_off(error)
            problem = record.error
        for watcher in self._engine.watchers:
            self._engine.notify(watcher.polled, record, elapsed_ms, problem)
        self._go_on()

    def _go_on(self) -> None:
        next_poll = self.operation.next_poll
        if next_poll is None:
            self._end()
        else:
            self._engine.reactor.call_at_or_soon_after(next_poll, self._poll)

    def _end(self) -> None:
        self._stop()
        self._engine.meter.measure(self.operation, self._hand_over)

    def _stop(self) -> None:
        self._is_over = True
        if self._waited_for is not None:
            self._waited_for.set()

    def _hand_over(self, measurement: HostMeasurement | None) -> None:
        """Pass the record, with its measurement, to everything that waits for it; a later measurement is ignored."""
        if self._is_handed_over:
            return
        self._is_handed_over = True
        if measurement is not None:
            measurement.apply(self.operation.record)
        self._engine.notify(self.operation.teach)
        if self._is_started:
            for watcher in self._engine.watchers:
                self._engine.notify(watcher.ended, self.operation.record)
        self._engine.forget(self)


def _times_at_host(exchange: Exchange) -> str:
    """Return a host's text about the times of a request; they are right only for one that was not redirected."""
    outcome = exchange.outcome
    times = "" if exchange.redirects or isinstance(outcome, NoResponse) else outcome.headers.get(HEADER, "")
    return times if len(times) <= MOST_CHARS else ""


def _problem(result: HttpResponse | NoResponse) -> str | None:
    if isinstance(result, NoResponse):
        return result.reason
    return None if result.status < BAD_REQUEST else f"HTTP {result.status}"


def unexpected(result: HttpResponse | NoResponse, expected: Collection[int]) -> str | None:
    """Return what is wrong with an answer if its HTTP code is not one of the expected ones, None if it is."""
    if isinstance(result, NoResponse):
        return f"no answer: {result.reason}"
    allowed = " or ".join(map(str, sorted(expected)))
    return None if result.status in expected else f"HTTP {result.status} instead of {allowed}"


def _route(url: str, instance_id: str | None) -> str:
    """Name a status URL for Locust's table: one row for all instances, and no key."""
    path = urlsplit(url).path
    named = path.replace(quote(instance_id, safe=""), "{instanceId}") if instance_id else path
    return shown(named, MOST_ROUTE_CHARS)
