"""Single requests for greenlets that wait for the answer: by the client of the load, with its limits and its TLS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from gevent.event import AsyncResult

from durable_harness.load.http.client import Client
from durable_harness.load.http.exchange import Exchange, HttpRequest
from durable_harness.load.http.reactor import Reactor
from durable_harness.operations import HttpResponse, NoResponse, Request
from durable_harness.platforms.clocks import monotonic

CONNECTIONS = 20


class Asker:
    """Use it as a context; any number of greenlets may ask at once."""

    def __init__(self, *, verify_tls: bool, max_answer_bytes: int) -> None:
        self._reactor = Reactor()
        self._client = Client(
            self._reactor, connections=CONNECTIONS, verify_tls=verify_tls, max_answer_bytes=max_answer_bytes
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._reactor.close()

    def get(self, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpResponse | NoResponse:
        """Return what came of a GET, redirects not followed, within the time."""
        return self.ask(Request("GET", url, headers), timeout_s)

    def ask(self, plain: Request, timeout_s: float, *, follows_redirects: bool = False) -> HttpResponse | NoResponse:
        """Return what came of a request within the time."""
        try:
            request = HttpRequest(plain.method, plain.url, plain.headers, plain.body)
        except ValueError as error:
            return NoResponse(str(error))
        ended: AsyncResult = AsyncResult()
        self._client.send(request, ended.set, monotonic() + timeout_s, follows_redirects=follows_redirects)
        exchange: Exchange = ended.get()
        return exchange.outcome
