"""A request and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from durable_harness.load.http.request_urls import split_url
from durable_harness.network.redirects import follow
from durable_harness.operations import HttpResponse, NoResponse

USER_AGENT = "durable-harness"


class HttpRequest:
    """A request as it goes over the wire; it can be sent any number of times. Raises BadUrlError for a bad URL."""

    __slots__ = ("body", "data", "headers", "method", "origin", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
        self.method, self.url, self.headers, self.body = method, url, headers, body
        self.origin, target = split_url(url)
        self.data = self._to_wire(target)

    def redirected(self, status: int, location: str) -> HttpRequest:
        """Return the request that a redirect asks for; raise BadUrlError if there is none."""
        following = follow(status, location, self.method, self.url, self.headers)
        return HttpRequest(
            following.method, following.url, following.headers, self.body if following.keeps_body else None
        )

    def _to_wire(self, target: str) -> bytes:
        lines = [
            f"{self.method} {target} HTTP/1.1",
            f"Host: {self.origin.host_header}",
            f"User-Agent: {USER_AGENT}",
            "Accept: */*",
            "Accept-Encoding: identity",
        ]
        if self.origin.authorization:
            lines.append(f"Authorization: {self.origin.authorization}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body is not None:
            lines.append(f"Content-Length: {len(self.body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header of the request has a line break in it")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (self.body or b"")


class Abortable(Protocol):
    """The connection that carries an exchange, as far as it is needed to end the exchange."""

    def abort(self, reason: str) -> None: ...


class Exchange:
    """One request and, once it has ended, its `result`. Moments are `time.monotonic()` seconds."""

    __slots__ = (
        "answered",
        "asked",
        "connect_s",
        "connection",
        "deadline",
        "follows_redirects",
        "is_at_limit",
        "is_retried",
        "on_end",
        "on_sent",
        "pool_wait_s",
        "queued",
        "redirects",
        "request",
        "result",
        "sent",
    )

    def __init__(
        self,
        request: HttpRequest,
        on_end: Callable[[Exchange], None],
        asked: float,
        deadline: float,
        on_sent: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.request = request
        self.on_end, self.on_sent = on_end, on_sent
        self.asked = asked
        """When it was handed to the client."""
        self.deadline = deadline
        """After this it ends without an answer."""
        self.sent: float | None = None
        """Its first byte was handed to the socket; None if that never happened."""
        self.answered = 0.0
        """The last byte of the answer came (by the kernel's stamp, where there is one, else when it was taken from the
        socket), or it was known that none would come."""
        self.pool_wait_s = 0.0
        """Waited because all connections that the pool may open were busy: the generator's own doing."""
        self.connect_s = 0.0
        """Waited for a new connection: name resolution, TCP and TLS."""
        self.result: HttpResponse | NoResponse | None = None
        self.queued = asked
        self.connection: Abortable | None = None
        self.is_at_limit = False
        self.is_retried = False
        self.follows_redirects = False
        self.redirects = 0

    @property
    def outcome(self) -> HttpResponse | NoResponse:
        """The result of an exchange that has ended."""
        assert self.result is not None
        return self.result

    @property
    def elapsed_ms(self) -> float:
        """Sent to answered; 0 if it was never sent."""
        return 0.0 if self.sent is None else (self.answered - self.sent) * 1000
