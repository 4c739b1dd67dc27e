"""One load test in this process: the operations in flight, the results of those that ended, and the end of the run."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from gevent.event import AsyncResult, Event
from locust import log
from locust.env import Environment

from durable_harness.load.audit import Addresses, OperationUrls
from durable_harness.load.engine.follow import Engine, Follower, unexpected
from durable_harness.load.engine.phases import Phases
from durable_harness.load.engine.server_meter import ServerMeter
from durable_harness.load.http import Client, Exchange, HttpRequest, Reactor, log_crash
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.results.entries import LocustEntries, seconds_to_flush
from durable_harness.load.results.record_files import OperationsFile
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.watch import GeneratorFigures, Heart
from durable_harness.operations import HttpResponse, NoResponse, Operation, OperationPlan, Request
from durable_harness.platforms.clocks import monotonic

logger = logging.getLogger(__name__)

TOKEN_PREFIX_CHARS = 8
ASK_TIMEOUT_S = 60.0
INTERRUPTED = "given up when the run was interrupted"


class _Beside(NamedTuple):
    """A request beside the operations: its row in Locust's table, the HTTP codes that are right, whose it is."""

    name: str
    expected: Collection[int] | None
    scenario: str


class LoadRun:
    """Follows all operations from one reactor, so that a user that is stopped does not take its operations along."""

    def __init__(self, options: LoadOptions, environment: Environment, records: OperationsFile, worker: str) -> None:
        self.options = options
        self.tally = RunTally()
        self.phases = Phases(monotonic(), options.warm_up_s)
        self._records = records
        self._addresses = Addresses(worker)
        self.is_accepting = True
        """False once the run ends: users must not start anything any longer."""
        self._is_winding_up = False
        self._figures = GeneratorFigures()
        self._entries = LocustEntries(environment)
        self._reactor = Reactor(on_crash=_report_crash)
        self._client = Client(
            self._reactor, connections=options.generator.connections, verify_tls=not options.generator.insecure
        )
        watchers = (self.tally, records, self._entries)
        self._meter = ServerMeter(
            self._reactor, verify_tls=not options.generator.insecure, on_warnings=self.tally.warned
        )
        self._engine = Engine(
            *(self._reactor, self._client, self._figures, watchers, self._entries, self._meter, self._forget),
            on_crash=_report_crash,
        )
        self._heart = Heart(self._reactor, self._figures)
        self._in_flight: set[Follower] = set()
        self._nothing_left = Event()
        self._wound_up = Event()
        self._why_stopped = f"still running {options.drain_timeout_s:g} s after the end of the run"
        self._reactor.call_at(monotonic() + seconds_to_flush(), self._flush_entries)
        if options.warm_up_s:
            self._reactor.call_at(self.phases.warm_up_ends, lambda *_: self._figures.start_over())

    @property
    def figures(self) -> GeneratorFigures:
        """How this process kept up so far."""
        counts = self._client.counts
        self._figures.connects, self._figures.retries = counts.connects, counts.retries
        self._figures.redirects = counts.redirects
        return self._figures

    def start(self, plan: OperationPlan) -> tuple[Operation, Follower]:
        """Start an operation at its intended moment, at once if that is over; return it and what `join` waits for.

        Raises ValueError or TypeError for a URL or payload that cannot be sent.
        """
        follower = Follower(plan, self._engine)
        follower.operation.record.phase = self.phases.of(plan.intended)
        self._in_flight.add(follower)
        follower.begin()
        return follower.operation, follower

    def ask(
        self,
        request: Request,
        timeout_s: float = ASK_TIMEOUT_S,
        *,
        name: str | None = None,
        expected: Collection[int] | None = None,
        scenario: str = "",
    ) -> HttpResponse | NoResponse:
        """Send a request beside the operations', such as one that terminates an operation; wait for its result.

        It is part of Locust's table, under its name or else the path of its URL. With `expected` it counts as answered
        well if its HTTP code is one of these, and as an unexpected answer of its scenario if not, which a gate may
        forbid. Raises ValueError for a URL that cannot be asked for.
        """
        ended: AsyncResult = AsyncResult()
        self._client.send(_on_the_wire(request), ended.set, monotonic() + timeout_s)
        exchange: Exchange = ended.get()
        self._note_answer(exchange, _Beside(name or urlsplit(request.url).path, expected, scenario))
        return exchange.outcome

    def send_at(
        self,
        moment: float,
        make: Callable[[], Request | None],
        name: str,
        expected: Collection[int],
        scenario: str = "",
    ) -> None:
        """Send what `make` returns at a moment of `time.monotonic()`, as `ask` does, but wait for nothing.

        It takes a timer and no greenlet. `make` is called when the request is due, and returns None if none is needed
        any longer.
        """
        if not self._wound_up.is_set():
            self._reactor.call_at(moment, self._send_now, (make, _Beside(name, expected, scenario)))

    def _send_now(self, _due: float, planned: tuple[Callable[[], Request | None], _Beside]) -> None:
        make, beside = planned
        try:
            request = make()
            wire = None if request is None else _on_the_wire(request)
        except Exception as error:  # noqa: BLE001 - a URL that cannot be asked for, or a bug of the scenario
            self.note_beside(beside.name, f"no request could be made: {error}", beside.scenario)
            return
        if wire is not None:
            ended = functools.partial(self._note_answer, beside=beside)
            self._client.send(wire, ended, monotonic() + ASK_TIMEOUT_S)

    def note_beside(self, name: str, problem: str, scenario: str) -> None:
        """Count a request beside the operations that could not be sent as one with an unexpected answer."""
        self.tally.of(scenario).asked(name, problem)

    def _note_answer(self, exchange: Exchange, beside: _Beside) -> None:
        if beside.expected is None:
            self._engine.notify_request(exchange, beside.name)
            return
        problem = unexpected(exchange.outcome, beside.expected)
        self._engine.notify_request(exchange, beside.name, problem)
        self.tally.of(beside.scenario).asked(beside.name, problem)

    def new_token(self) -> str:
        """Return a text that no other operation has, and that shows at the server which run it belongs to."""
        return f"{token_prefix(self._records.run_id)}{uuid.uuid4().hex[TOKEN_PREFIX_CHARS:]}"

    def operation_urls(self) -> list[OperationUrls]:
        """Return where the operations that have ended are at the server, by scenario."""
        return self._addresses.all()

    def sample_operation_urls(self) -> list[OperationUrls]:
        """Return where one of them is, by scenario."""
        return self._addresses.samples()

    def wind_up(self) -> None:
        """Start no more operations and follow those in flight to their end, as long as the options allow.

        A second caller, also one that comes while the first still waits, waits for the same end.
        """
        if self._is_winding_up:
            self._wound_up.wait()
            return
        self._is_winding_up, self.is_accepting = True, False
        self.phases.stop_offering(monotonic())
        try:
            self._drain()
        except KeyboardInterrupt:
            self._why_stopped = INTERRUPTED
        finally:
            self._give_all_up()
            self._close()
            self._records.close()
            if self._records.problem is not None:
                self.tally.beside.remarks.append(self._records.problem)
            self._wound_up.set()

    def records_path(self) -> Path | None:
        """Return the file of this process's operations once the run is wound up; None if it has none."""
        return self._records.close()

    def give_up(self) -> None:
        """Stop following at once; what is in flight counts as timed out."""
        self._why_stopped = INTERRUPTED
        self._give_all_up()

    def _drain(self) -> None:
        for follower in [one for one in self._in_flight if not one.is_started]:
            # Its time to start would have come after the end of the run.
            follower.give_up(self._why_stopped)
        if self._in_flight:
            logger.info(
                "Following %d operations in flight to their end, at most %g s (Ctrl-C gives them up)",
                len(self._in_flight),
                self.options.drain_timeout_s,
            )
            self._nothing_left.wait(timeout=self.options.drain_timeout_s)

    def _give_all_up(self) -> None:
        for follower in list(self._in_flight):
            follower.give_up(self._why_stopped)

    def _forget(self, follower: Follower) -> None:
        self._addresses.note(follower.operation)
        self._in_flight.discard(follower)
        if not self._in_flight and self._is_winding_up:
            self._nothing_left.set()

    def _close(self) -> None:
        self._heart.stop()
        self._meter.close()
        self._client.close()
        self._reactor.close()
        self._entries.flush()

    def _flush_entries(self, _due: float, _argument: object) -> None:
        self._entries.flush()
        self._reactor.call_at(monotonic() + seconds_to_flush(), self._flush_entries)


def _on_the_wire(request: Request) -> HttpRequest:
    """Return a request as the client takes it; raise ValueError for a URL that cannot be asked for."""
    return HttpRequest(request.method, request.url, request.headers, request.body)


def token_prefix(run_id: str) -> str:
    """Return what all tokens of a run begin with."""
    return run_id[:TOKEN_PREFIX_CHARS]


def _report_crash(what: str, error: Exception) -> None:
    """Log an exception, and make Locust's exit code report it as one in a user's task."""
    log_crash(what, error)
    log.unhandled_greenlet_exception = True


def join(followers: Iterable[Follower]) -> None:
    """Wait in this greenlet until all have ended."""
    for follower in followers:
        follower.wait()
