"""One connection to a server: connect, send a request, read its answer, and again, until one of both closes it."""

from __future__ import annotations

import errno
import re
import socket
from typing import Any, Protocol

import httptools
from gevent.monkey import get_original

from durable_harness.load.http.exchange import Exchange
from durable_harness.load.http.reactor import Reactor
from durable_harness.load.http.resolver import Address
from durable_harness.load.http.stamps import NOTES_BYTES, ask_for_stamps, came_at
from durable_harness.operations import HttpResponse
from durable_harness.platforms.clocks import monotonic
from durable_harness.platforms.sockets import meaning_of

RECEIVE_BYTES = 65536
UNANSWERED = "connection closed by the server before it answered"
CUT_SHORT = "connection closed by the server in the midst of its answer"
NOT_HTTP = "the answer is not HTTP/1.1"
TOO_LARGE = "the answer is larger than allowed"
KEEP_ALIVE_MARGIN_S = 1.0
"""A connection is not used in the last second of the time for which the server keeps it."""
MAX_HEADER_BYTES = 256 * 1024
"""What all headers of an answer may have, those of interim answers included."""
HEADERS_TOO_LARGE = f"the headers of the answer are larger than allowed ({MAX_HEADER_BYTES:,} bytes)"
HEADER_LINE_BYTES = len(": \r\n")
FIRST_FINAL_STATUS = 200
SWITCHING_PROTOCOLS = 101

_plain_socket: Any = get_original("socket", "socket")


class Owner(Protocol):
    """Whom a connection tells what happens to it."""

    max_answer_bytes: int

    def connected(self, connection: Connection) -> None: ...
    def not_connected(self, connection: Connection, reason: str) -> None: ...
    def answered(self, connection: Connection, exchange: Exchange, answer: HttpResponse) -> None: ...
    def broken(self, connection: Connection, exchange: Exchange, reason: str, *, is_stale: bool) -> None: ...
    def closed_idle(self, connection: Connection) -> None: ...


class Connection:
    """A plain TCP connection, and the callbacks of the parser of its answers."""

    def __init__(self, reactor: Reactor, owner: Owner, addresses: list[Address]) -> None:
        self._reactor, self._owner = reactor, owner
        self._addresses = list(addresses)
        self.address = addresses[0]
        self._socket: Any = None
        self._is_stamped = False
        self._fd = -1
        self._outgoing = b""
        self._received: bytes | None = None
        self.exchange: Exchange | None = None
        self.is_connected = False
        self.answers = 0
        self.usable_until: float | None = None
        self.attempt_began = 0.0
        self.received_at = 0.0
        self._sent_at = 0.0
        self._failure = ""
        self._was_reset = False
        self._parser = httptools.HttpResponseParser(self)
        self._forget_answer()

    @property
    def is_closed(self) -> bool:
        return self._socket is None

    @property
    def has_other_address(self) -> bool:
        """Whether there is another address to try, should this one not answer."""
        return bool(self._addresses)

    @property
    def is_usable(self) -> bool:
        """Whether it can take a request: it is open, nothing unexpected came, the server will not close it soon."""
        if self._socket is None or self._received is not None or self._outgoing:
            return False
        return self.usable_until is None or monotonic() < self.usable_until

    def is_quiet(self) -> bool:
        """Look whether the server has closed it, or said something, since anybody looked last."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def connect(self) -> None:
        """Begin to connect; the owner hears of the outcome, never before this returns."""
        self.attempt_began = monotonic()
        self.is_connected = False
        self.address = self._addresses.pop(0)
        try:
            self._socket = _plain_socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            # No descriptor is left, or no such family.
            self._reactor.call_at(self.attempt_began, self._no_socket, error.strerror)
            return
        self._fd = self._socket.fileno()
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_stamped = ask_for_stamps(self._socket)
        # An error that is known at once is told by the socket's readiness too.
        self._failure = ""
        code = self._socket.connect_ex(self.address.sockaddr)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._failure = meaning_of(code)
        self._reactor.add(self._fd, self, writing=True)

    def try_next_address(self, reason: str) -> None:
        """Give an attempt to connect up; try the next address, or tell the owner if there is none."""
        self.close()
        if self._addresses:
            self.connect()
        else:
            self._owner.not_connected(self, reason)

    def send(self, exchange: Exchange) -> bool:
        """Send a request; return False if nothing at all could be sent, because the server had closed it."""
        now = monotonic()
        if not self._write(exchange.request.data):
            return False
        self.exchange = exchange
        self._sent_at = now
        if exchange.sent is None:
            exchange.sent = now
            if exchange.on_sent is not None:
                exchange.on_sent(exchange)
        return True

    def close(self) -> None:
        """Close the socket; nobody is told."""
        if self._socket is not None:
            self._reactor.remove(self._fd)
            self._socket.close()
            self._socket = None
            self._received, self._outgoing = None, b""

    def give_up(self, reason: str) -> None:
        """Close it in the midst of an exchange, which ends without an answer now."""
        self.received_at = monotonic()
        self._break(reason)

    def receive(self) -> None:
        if not self.is_connected:
            return
        stamp = None
        try:
            if self._is_stamped:
                self._received, notes, _, _ = self._socket.recvmsg(RECEIVE_BYTES, NOTES_BYTES)
                stamp = came_at(notes)
            else:
                self._received = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._received, self._was_reset = b"", True
        now = monotonic()
        self.received_at = now if stamp is None else min(max(stamp, self._sent_at), now)

    def serve(self) -> None:
        if self._socket is None:
            return
        if not self.is_connected:
            self._finish_connect()
            return
        if self._outgoing:
            self._send_rest()
        data, self._received = self._received, None
        if data:
            self._take(data)
        elif data is not None:
            self._on_end_of_stream()

    def _no_socket(self, _due: float, reason: str) -> None:
        self.try_next_address(reason)

    def _finish_connect(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._failure or code:
            self.try_next_address(self._failure or meaning_of(code))
            return
        self.is_connected = True
        self._reactor.change(self._fd, writing=False)
        self._begin()

    def _begin(self) -> None:
        """TCP is there; TLS has more to do."""
        self._owner.connected(self)

    def _write(self, data: bytes) -> bool:
        """Hand data to the socket; return False if it took none because it is closed."""
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            count = 0
        except OSError:
            return False
        if count < len(data):
            self._outgoing = data[count:]
            self._reactor.change(self._fd, writing=True)
        return True

    def _send_rest(self) -> None:
        try:
            count = self._socket.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError:
            # What the server said before it closed is still to be read.
            count = len(self._outgoing)
        self._outgoing = self._outgoing[count:]
        if not self._outgoing:
            self._reactor.change(self._fd, writing=False)

    def _take(self, data: bytes) -> None:
        """Take bytes of an answer from the wire."""
        if self.exchange is None:
            # Nothing was asked: what a server says before it closes an idle connection, or worse.
            self.close()
            self._owner.closed_idle(self)
            return
        self._answer_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(NOT_HTTP)
            return
        if problem := self._too_large():
            self._break(problem)
        elif self._is_complete:
            self._complete(keep=self._keeps_alive and not self._has_excess)

    def _too_large(self) -> str:
        """Return which limit is passed; the same answer must pass it whatever the pieces in which it comes."""
        # What is not parsed yet is one header without an end.
        unparsed = 0 if self._has_headers else self._answer_bytes
        if max(self._header_bytes, unparsed) > MAX_HEADER_BYTES:
            return HEADERS_TOO_LARGE
        is_long = self._has_headers and self._answer_bytes - self._header_bytes > self._owner.max_answer_bytes
        return TOO_LARGE if is_long else ""

    def _on_end_of_stream(self) -> None:
        if self.exchange is None:
            self.close()
            self._owner.closed_idle(self)
        elif self._ends_with_connection:
            self._complete(keep=False)
        elif self._answer_bytes:
            self._break(CUT_SHORT)
        else:
            self._break(UNANSWERED, is_stale=self.answers > 0)

    def _complete(self, *, keep: bool) -> None:
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        exchange.answered = self.received_at
        answer = HttpResponse(self._status, self._headers, b"".join(self._body), exchange.request.url)
        self.answers += 1
        if keep and not self._outgoing:
            self._note_keep_alive()
            self._forget_answer()
        else:
            self.close()
        self._owner.answered(self, exchange, answer)

    def _break(self, reason: str, *, is_stale: bool = False) -> None:
        exchange, self.exchange = self.exchange, None
        self.close()
        if exchange is not None:
            exchange.answered = self.received_at or monotonic()
            self._owner.broken(self, exchange, reason, is_stale=is_stale)

    def _note_keep_alive(self) -> None:
        told = self._headers.get("keep-alive")
        if told is not None:
            timeout = re.search(r"timeout=(\d{1,9})", told)
            self.usable_until = monotonic() + int(timeout[1]) - KEEP_ALIVE_MARGIN_S if timeout else None

    @property
    def _ends_with_connection(self) -> bool:
        """Whether the answer's body is all that comes until the server closes the connection."""
        headers = self._headers
        return (
            self._has_headers
            and not self._was_reset
            and "content-length" not in headers
            and "chunked" not in headers.get("transfer-encoding", "").lower()
        )

    def _forget_answer(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._answer_bytes = self._header_bytes = 0
        self._has_headers = self._is_complete = self._keeps_alive = self._has_excess = False

    # What the parser calls:

    def on_message_begin(self) -> None:
        if self._is_complete:
            self._has_excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete:
            self._header_bytes += len(name) + len(value) + HEADER_LINE_BYTES
            self._headers[_name(name)] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        if not self._is_complete:
            self._has_headers = True
            self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self._is_complete:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._is_complete:
            return
        if self._status < FIRST_FINAL_STATUS and self._status != SWITCHING_PROTOCOLS:
            # 100 Continue, 103 Early Hints: the answer is still to come.
            self._headers, self._has_headers = {}, False
            return
        self._is_complete = True
        self._keeps_alive = self._parser.should_keep_alive()


_NAMES: dict[bytes, str] = {}
_MOST_NAMES = 1000


def _name(name: bytes) -> str:
    """Return a header's name in lower case; servers use the same few again and again."""
    known = _NAMES.get(name)
    if known is None:
        known = name.decode("latin-1").lower()
        if len(_NAMES) < _MOST_NAMES:
            _NAMES[name] = known
    return known
