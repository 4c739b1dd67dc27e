"""An HTTP/1.1 client for load: thousands of requests at once without a greenlet for each, every wait accounted for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from durable_harness.load.http.connection import Connection
from durable_harness.load.http.connection_pool import Pool
from durable_harness.load.http.exchange import Exchange, HttpRequest
from durable_harness.load.http.reactor import Reactor
from durable_harness.load.http.request_urls import ConnectionOrigin
from durable_harness.load.http.resolver import Address
from durable_harness.load.http.tls_connection import TlsConnection, client_context, is_loopback
from durable_harness.network.redirects import MAX_REDIRECTS, REDIRECTS, REPEATING_REDIRECTS, BadUrlError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.platforms.clocks import monotonic

MAX_ANSWER_BYTES = 64 * 1024 * 1024
CHECK_TIME_S = 0.05
"""How often deadlines are checked: a request ends at most this long after its deadline."""
NOT_IN_TIME = "no answer in time"
CLOSED = "the load generator had ended its run"


@dataclass(slots=True)
class ClientCounts:
    """Counts of what a client did besides sending requests and reading answers."""

    connects: int = 0
    """Connections begun."""
    retries: int = 0
    """GETs sent again on a new connection, because the server closed the one that they were sent on without a word."""
    redirects: int = 0


class Client:
    """Sends requests over pooled keep-alive connections and calls back with what came.

    Redirects are followed where asked for, at most `MAX_REDIRECTS`, and never to another method. Certificates are
    verified, but not those of this machine nor if `verify_tls` is False. `connections` is the limit for each origin.
    """

    def __init__(
        self,
        reactor: Reactor,
        *,
        connections: int,
        verify_tls: bool = True,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self.counts = ClientCounts()
        self._reactor = reactor
        self._connections, self._max_answer_bytes, self._verify_tls = connections, max_answer_bytes, verify_tls
        self._pools: dict[ConnectionOrigin, Pool] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._under_way: set[Exchange] = set()
        self._is_open = True
        reactor.call_at(monotonic() + CHECK_TIME_S, self._check_time)

    @property
    def open_connections(self) -> int:
        return sum(pool.open_count for pool in self._pools.values())

    def send(
        self,
        request: HttpRequest,
        on_end: Callable[[Exchange], None],
        deadline: float,
        on_sent: Callable[[Exchange], None] | None = None,
        *,
        follows_redirects: bool = False,
    ) -> None:
        """Send a request; `on_sent` is called with its first byte, `on_end` once it has a result.

        Either may be called before this returns.
        """
        exchange = Exchange(request, on_end, monotonic(), deadline, on_sent)
        exchange.follows_redirects = follows_redirects
        self._under_way.add(exchange)
        if self._is_open:
            self._pool(request.origin).submit(exchange)
        else:
            self._refuse(exchange)

    def close(self) -> None:
        """Close all connections; requests under way, and those sent from now on, end without an answer."""
        self._is_open = False
        for pool in self._pools.values():
            pool.close()
        for exchange in list(self._under_way):
            self._refuse(exchange)

    # What a pool asks for, and its events:

    def new_connection(self, pool: Pool, addresses: list[Address]) -> Connection:
        self.counts.connects += 1
        origin = pool.origin
        if origin.is_tls:
            return TlsConnection(self._reactor, pool, addresses, self._context(origin), origin.host)
        return Connection(self._reactor, pool, addresses)

    def on_response(self, exchange: Exchange, answer: HttpResponse) -> None:
        if exchange.follows_redirects and _is_redirect(exchange.request, answer) and "location" in answer.headers:
            self._follow(exchange, answer)
        else:
            self._finish(exchange, answer)

    def on_failure(self, exchange: Exchange, reason: str) -> None:
        self._finish(exchange, NoResponse(reason))

    def on_retry(self, exchange: Exchange) -> None:  # noqa: ARG002 - only the number matters
        self.counts.retries += 1

    def _follow(self, exchange: Exchange, answer: HttpResponse) -> None:
        exchange.redirects += 1
        self.counts.redirects += 1
        if exchange.redirects > MAX_REDIRECTS:
            self._finish(exchange, NoResponse(f"more than {MAX_REDIRECTS} redirects"))
            return
        try:
            exchange.request = exchange.request.redirected(answer.status, answer.headers["location"])
        except ValueError as error:
            reason = str(error) if isinstance(error, BadUrlError) else "its URL is malformed"
            self._finish(exchange, NoResponse(f"redirect that cannot be followed: {reason}"))
            return
        exchange.is_retried, exchange.queued = False, monotonic()
        self._pool(exchange.request.origin).submit(exchange)

    def _finish(self, exchange: Exchange, result: HttpResponse | NoResponse) -> None:
        if exchange.result is None:
            exchange.result = result
            self._under_way.discard(exchange)
            exchange.on_end(exchange)

    def _refuse(self, exchange: Exchange) -> None:
        exchange.answered = monotonic()
        self._finish(exchange, NoResponse(CLOSED))

    def _check_time(self, _due: float, _argument: None) -> None:
        if not self._is_open:
            return
        now = monotonic()
        for exchange in [one for one in self._under_way if one.deadline <= now]:
            if exchange.connection is not None:
                exchange.connection.abort(NOT_IN_TIME)
            else:
                exchange.answered = now
                self._finish(exchange, NoResponse(NOT_IN_TIME))
        for pool in list(self._pools.values()):
            pool.check_time(now)
        self._reactor.call_at(now + CHECK_TIME_S, self._check_time)

    def _pool(self, origin: ConnectionOrigin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(origin, self._connections, self._max_answer_bytes, self)
        return pool

    def _context(self, origin: ConnectionOrigin) -> ssl.SSLContext:
        verify = self._verify_tls and not is_loopback(origin)
        if verify not in self._contexts:
            self._contexts[verify] = client_context(verify=verify)
        return self._contexts[verify]


def _is_redirect(request: HttpRequest, answer: HttpResponse) -> bool:
    return answer.status in (REDIRECTS if request.method == "GET" else REPEATING_REDIRECTS)
