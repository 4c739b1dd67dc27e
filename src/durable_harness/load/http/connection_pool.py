"""The connections to one origin: as many as are needed, up to a limit. Requests that find all of them busy queue."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from durable_harness.load.http.connection import Connection
from durable_harness.load.http.exchange import Exchange
from durable_harness.load.http.request_urls import ConnectionOrigin
from durable_harness.load.http.resolver import Address, literal_address, resolve
from durable_harness.operations import HttpResponse
from durable_harness.platforms.clocks import monotonic

RESOLVE_AGAIN_S = 60.0
"""How long the addresses of a name are kept."""
CONNECT_TIMEOUT_S = 10.0
NEXT_ADDRESS_S = 2.0
"""An address that has not answered by then is abandoned if there is another one."""
NOT_CONNECTED_IN_TIME = "no connection in time"


class ExchangeListener(Protocol):
    """Receives the ends of a pool's exchanges, and makes its connections."""

    def new_connection(self, pool: Pool, addresses: list[Address]) -> Connection: ...
    def on_response(self, exchange: Exchange, answer: HttpResponse) -> None: ...
    def on_failure(self, exchange: Exchange, reason: str) -> None: ...
    def on_retry(self, exchange: Exchange) -> None: ...


class Pool:
    """Holds the connections to one origin, and assigns requests to them."""

    def __init__(self, origin: ConnectionOrigin, limit: int, max_answer_bytes: int, listener: ExchangeListener) -> None:
        self.origin, self.max_answer_bytes = origin, max_answer_bytes
        self._limit, self._listener = limit, listener
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting: set[Connection] = set()
        self._waiting: deque[Exchange] = deque()
        self._addresses: list[Address] = literal_address(origin.host, origin.port)
        self._addresses_until = float("inf") if self._addresses else 0.0
        self._asked_for = 0
        """Connections that wait for the name to be resolved."""

    @property
    def open_count(self) -> int:
        return len(self._open) + self._asked_for

    def submit(self, exchange: Exchange) -> None:
        """Send an exchange's request now, or as soon as there is a connection for it."""
        while self._idle:
            connection = self._idle.pop()
            # Only a GET can be sent again if the server turns out to have closed the connection just now.
            is_safe = exchange.request.method == "GET" or connection.peer_is_silent()
            if connection.is_usable and is_safe and self._send(connection, exchange):
                return
            self._drop(connection)
        exchange.is_at_limit = self.open_count >= self._limit
        self._waiting.append(exchange)
        if not exchange.is_at_limit:
            self._open_one()

    def check_time(self, now: float) -> None:
        """Abandon attempts to connect that take too long."""
        for connection in list(self._connecting):
            limit_s = NEXT_ADDRESS_S if connection.has_other_address else CONNECT_TIMEOUT_S
            if now - connection.attempt_started > limit_s:
                connection.try_next_address(NOT_CONNECTED_IN_TIME)

    def close(self) -> None:
        """Close all connections; the listener is not called."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()
        self._waiting.clear()

    # Events of a connection:

    def on_connected(self, connection: Connection) -> None:
        self._connecting.discard(connection)
        self._put_first(connection.address)
        self._assign_next(connection)

    def on_connect_failed(self, connection: Connection, reason: str) -> None:
        self._connecting.discard(connection)
        self._open.discard(connection)
        if self._addresses_until != float("inf"):
            # The name may have moved to another address.
            self._addresses_until = 0.0
        exchange = self._next_waiting()
        self._open_if_needed()
        if exchange is not None:
            self._note_wait(exchange)
            exchange.answered = monotonic()
            self._listener.on_failure(exchange, reason)

    def on_response(self, connection: Connection, exchange: Exchange, answer: HttpResponse) -> None:
        """Pass on a response. The connection gets its next request first: what the response leads to may take time."""
        exchange.connection = None
        if connection.is_closed:
            self._forget(connection)
        else:
            self._assign_next(connection)
        self._listener.on_response(exchange, answer)

    def on_failure(self, connection: Connection, exchange: Exchange, reason: str, *, is_stale: bool) -> None:
        """Send a GET again if the server was closing the connection: it may not even have read it (RFC 9110, 9.2.2)."""
        exchange.connection = None
        self._forget(connection)
        if is_stale and exchange.request.method == "GET" and not exchange.is_retried:
            exchange.is_retried = True
            exchange.queued = monotonic()
            exchange.is_at_limit = False
            self._listener.on_retry(exchange)
            self._waiting.appendleft(exchange)
            self._open_if_needed()
        else:
            self._listener.on_failure(exchange, reason)

    def on_idle_close(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        self._forget(connection)

    def _assign_next(self, connection: Connection) -> None:
        """Assign the request that waits longest to a free connection, or keep the connection as idle."""
        exchange = self._next_waiting()
        if exchange is None:
            self._idle.append(connection)
        elif connection.is_usable and self._send(connection, exchange):
            self._note_wait(exchange)
        else:
            self._waiting.appendleft(exchange)
            self._drop(connection)

    def _send(self, connection: Connection, exchange: Exchange) -> bool:
        exchange.connection = connection
        return connection.send(exchange)

    def _next_waiting(self) -> Exchange | None:
        """Return the exchange that waits longest; one whose deadline has passed meanwhile has a result already."""
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange.result is None:
                return exchange
        return None

    def _note_wait(self, exchange: Exchange) -> None:
        waited_s = (exchange.sent or monotonic()) - exchange.queued
        if exchange.is_at_limit:
            exchange.pool_wait_s += waited_s
        else:
            exchange.connect_s += waited_s

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._open_if_needed()

    def _open_if_needed(self) -> None:
        if len(self._waiting) > len(self._connecting) + self._asked_for and self.open_count < self._limit:
            self._open_one()

    def _open_one(self) -> None:
        if monotonic() < self._addresses_until:
            self._connect()
            return
        self._asked_for += 1
        if self._asked_for == 1:
            resolve(self.origin.host, self.origin.port, self._resolved)

    def _resolved(self, addresses: list[Address], reason: str) -> None:
        count, self._asked_for = self._asked_for, 0
        self._addresses, self._addresses_until = addresses, monotonic() + RESOLVE_AGAIN_S
        if addresses:
            for _ in range(count):
                self._connect()
            return
        self._addresses_until = 0.0
        while (exchange := self._next_waiting()) is not None:
            exchange.answered = monotonic()
            self._listener.on_failure(exchange, reason)

    def _connect(self) -> None:
        connection = self._listener.new_connection(self, self._addresses)
        self._open.add(connection)
        self._connecting.add(connection)
        connection.connect()

    def _put_first(self, address: Address) -> None:
        """Try the address that answered first the next time."""
        if self._addresses and self._addresses[0] != address and address in self._addresses:
            self._addresses = [address, *(other for other in self._addresses if other != address)]
