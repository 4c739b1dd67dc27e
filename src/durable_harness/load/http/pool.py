"""The connections to one origin: as many as are needed, up to a limit; who finds all of them busy waits in turn."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from durable_harness.load.http.connection import Connection
from durable_harness.load.http.exchange import Exchange
from durable_harness.load.http.resolver import Address, literal_address, resolve
from durable_harness.load.http.urls import Origin
from durable_harness.operations import HttpResponse
from durable_harness.platforms.clocks import monotonic

RESOLVE_AGAIN_S = 60.0
"""How long the addresses of a name are kept."""
CONNECT_TIMEOUT_S = 10.0
NEXT_ADDRESS_S = 2.0
"""An address that does not answer for so long is given up if there is another one."""
NOT_CONNECTED_IN_TIME = "no connection in time"


class Outcomes(Protocol):
    """Whom a pool tells how exchanges ended, and who makes its connections."""

    def new_connection(self, pool: Pool, addresses: list[Address]) -> Connection: ...
    def got_answer(self, exchange: Exchange, answer: HttpResponse) -> None: ...
    def got_none(self, exchange: Exchange, reason: str) -> None: ...
    def retried(self, exchange: Exchange) -> None: ...


class Pool:
    """Owner of the connections to an origin."""

    def __init__(self, origin: Origin, limit: int, max_answer_bytes: int, outcomes: Outcomes) -> None:
        self.origin, self.max_answer_bytes = origin, max_answer_bytes
        self._limit, self._outcomes = limit, outcomes
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
            is_safe = exchange.request.method == "GET" or connection.is_quiet()
            if connection.is_usable and is_safe and self._send(connection, exchange):
                return
            self._drop(connection)
        exchange.is_at_limit = self.open_count >= self._limit
        self._waiting.append(exchange)
        if not exchange.is_at_limit:
            self._open_one()

    def check_time(self, now: float) -> None:
        """Give up attempts to connect that take too long."""
        for connection in list(self._connecting):
            limit_s = NEXT_ADDRESS_S if connection.has_other_address else CONNECT_TIMEOUT_S
            if now - connection.attempt_began > limit_s:
                connection.try_next_address(NOT_CONNECTED_IN_TIME)

    def close(self) -> None:
        """Close all connections; nobody is told."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._idle.clear()
        self._waiting.clear()

    # What a connection tells:

    def connected(self, connection: Connection) -> None:
        self._connecting.discard(connection)
        self._prefer(connection.address)
        self._employ(connection)

    def not_connected(self, connection: Connection, reason: str) -> None:
        self._connecting.discard(connection)
        self._open.discard(connection)
        if self._addresses_until != float("inf"):
            self._addresses_until = 0.0
        exchange = self._next_waiting()
        self._open_if_needed()
        if exchange is not None:
            self._note_wait(exchange)
            exchange.answered = monotonic()
            self._outcomes.got_none(exchange, reason)

    def answered(self, connection: Connection, exchange: Exchange, answer: HttpResponse) -> None:
        """Take an answer; first of all the connection is put to work again."""
        exchange.connection = None
        if connection.is_closed:
            self._forget(connection)
        else:
            self._employ(connection)
        self._outcomes.got_answer(exchange, answer)

    def broken(self, connection: Connection, exchange: Exchange, reason: str, *, is_stale: bool) -> None:
        """Try a GET again that met a connection which the server was closing: it may not even have been read."""
        exchange.connection = None
        self._forget(connection)
        if is_stale and exchange.request.method == "GET" and not exchange.is_retried:
            exchange.is_retried = True
            exchange.queued = monotonic()
            exchange.is_at_limit = False
            self._outcomes.retried(exchange)
            self._waiting.appendleft(exchange)
            self._open_if_needed()
        else:
            self._outcomes.got_none(exchange, reason)

    def closed_idle(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        self._forget(connection)

    def _employ(self, connection: Connection) -> None:
        """Let a free connection serve who waits longest."""
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
        """Take the first that waits; what ended meanwhile, because its time was up, has a result already."""
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
            self._outcomes.got_none(exchange, reason)

    def _connect(self) -> None:
        connection = self._outcomes.new_connection(self, self._addresses)
        self._open.add(connection)
        self._connecting.add(connection)
        connection.connect()

    def _prefer(self, address: Address) -> None:
        """Try the address that answered first the next time."""
        if self._addresses and self._addresses[0] != address and address in self._addresses:
            self._addresses = [address, *(other for other in self._addresses if other != address)]
