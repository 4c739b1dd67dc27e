"""A connection to one origin. Sends one request at a time and is reused until either side closes it."""

from __future__ import annotations

import enum
import errno
import re
import socket
from typing import Protocol

import httptools
from gevent.monkey import get_original

from durable_harness.load.http.exchange import Exchange
from durable_harness.load.http.reactor import Reactor
from durable_harness.load.http.resolver import Address
from durable_harness.load.http.response import ResponseReader
from durable_harness.load.http.stamps import ANCILLARY_BYTES, ask_for_stamps, receive_time
from durable_harness.operations import HttpResponse
from durable_harness.platforms.clocks import monotonic
from durable_harness.platforms.sockets import meaning_of

RECEIVE_BYTES = 65536
UNANSWERED = "server closed the connection before sending a response"
CUT_SHORT = "server closed the connection in the middle of its response"
NOT_HTTP = "the response is not HTTP/1.1"
TOO_LARGE = "the response is larger than allowed"
KEEP_ALIVE_MARGIN_S = 1.0
"""A connection is not used in the last second of the time for which the server keeps it: a request that is sent in it
may arrive after the server has closed."""
MAX_HEADER_BYTES = 256 * 1024
"""The most that all headers of a response may have, those of interim responses included."""
HEADERS_TOO_LARGE = f"the headers of the response are larger than allowed ({MAX_HEADER_BYTES:,} bytes)"

NO_FD = -1
"""There is no open socket."""

_plain_socket: type[socket.socket] = get_original("socket", "socket")


class ConnectionState(enum.Enum):
    """What a connection is doing."""

    NEW = "new"
    """Nothing was tried yet."""
    CONNECTING = "connecting"
    """TCP connects."""
    SECURING = "securing"
    """TCP is there, and TLS shakes hands. A connection without TLS passes through it."""
    IDLE = "idle"
    """It can take a request."""
    ACTIVE = "active"
    """A request was sent, and its response has not come to its end."""
    CLOSED = "closed"


NEW, CONNECTING, SECURING, IDLE, ACTIVE, CLOSED = ConnectionState
"""Each request looks states up eight times, and a name of the module is found faster than a member of an enum."""


class ConnectionListener(Protocol):
    """Receives a connection's events. Callbacks run on the reactor's greenlet and must not block."""

    max_answer_bytes: int

    def on_connected(self, connection: Connection) -> None: ...
    def on_connect_failed(self, connection: Connection, reason: str) -> None: ...
    def on_response(self, connection: Connection, exchange: Exchange, answer: HttpResponse) -> None: ...

    def on_failure(self, connection: Connection, exchange: Exchange, reason: str, *, is_stale: bool) -> None:
        """Handle an exchange without a response; `is_stale` if the server may have closed before the request came."""

    def on_idle_close(self, connection: Connection) -> None: ...


class Connection:
    """A plain TCP connection."""

    def __init__(self, reactor: Reactor, listener: ConnectionListener, addresses: list[Address]) -> None:
        self._reactor, self._listener = reactor, listener
        self._addresses = list(addresses)
        self.address = addresses[0]
        self.state = NEW
        self._socket: socket.socket
        self._is_stamped = False
        self._fd = NO_FD
        self._outgoing = b""
        """The rest of a request, which the socket had no room for."""
        self._received: bytes | None = None
        """Bytes that were read and not looked at yet; empty at the end of the stream."""
        self.exchange: Exchange | None = None
        self.response_count = 0
        self.expires_at: float | None = None
        """When the server will close the connection, if it announced that."""
        self.attempt_started = 0.0
        self.received_at = 0.0
        self._sent_at = 0.0
        self._connect_error = ""
        self._was_reset = False
        self._reader = ResponseReader()
        # A header line counts as at most 5 bytes for each 3 that it has on the wire.
        self._surely_allowed_bytes = min(MAX_HEADER_BYTES // 2, listener.max_answer_bytes)

    def __repr__(self) -> str:
        host, port = self.address.sockaddr[:2]
        return f"<{type(self).__name__} {host}:{port} {self.state.value}, {self.response_count} responses>"

    @property
    def is_closed(self) -> bool:
        return self.state is CLOSED

    @property
    def has_other_address(self) -> bool:
        """Whether there is another address to try if this one does not answer."""
        return bool(self._addresses)

    @property
    def is_usable(self) -> bool:
        """Whether it can take a request: it is open, nothing unexpected came, the server will not close it soon."""
        if self.state is not IDLE or self._received is not None or self._outgoing:
            return False
        return self.expires_at is None or monotonic() < self.expires_at

    def peer_is_silent(self) -> bool:
        """Ask the socket whether the server has neither closed it nor sent anything since it was last read."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def connect(self) -> None:
        """Begin to connect. The listener is called with the outcome, and never before this returns."""
        self.state = CONNECTING
        self.attempt_started = monotonic()
        self.address = self._addresses.pop(0)
        try:
            self._socket = _plain_socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            # No descriptor is left, or no such family. A timer reports it: the caller is in the middle of a
            # change of its own lists, which the listener's callback would change too.
            self._reactor.call_at(self.attempt_started, self._on_no_socket, error.strerror)
            return
        self._fd = self._socket.fileno()
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        # A request leaves in one write. With Nagle's algorithm the rest of one that does not fit would wait for an ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_stamped = ask_for_stamps(self._socket)
        # The socket becomes ready for an error that is known at once too, and that is when it is reported.
        self._connect_error = ""
        code = self._socket.connect_ex(self.address.sockaddr)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._connect_error = meaning_of(code)
        self._reactor.add(self._fd, self, writing=True)

    def try_next_address(self, reason: str) -> None:
        """Abandon this attempt to connect; try the next address, or report the failure if there is none."""
        self.close()
        if self._addresses:
            self.connect()
        else:
            self._listener.on_connect_failed(self, reason)

    def send(self, exchange: Exchange) -> bool:
        """Send a request; return False if nothing at all could be sent, because the server had closed."""
        now = monotonic()
        if not self._write(exchange.request.data):
            return False
        self.exchange, self.state = exchange, ACTIVE
        self._sent_at = now
        if exchange.sent is None:
            # A GET that is sent again on a new connection counts from the first time: the wait was the service's.
            exchange.sent = now
            if exchange.on_sent is not None:
                exchange.on_sent(exchange)
        return True

    def close(self) -> None:
        """Close the socket; the listener is not called."""
        self.state = CLOSED
        if self._fd != NO_FD:
            # First the reactor, then the socket: a closed descriptor's number may belong to another socket at once.
            self._reactor.remove(self._fd)
            self._socket.close()
            self._fd = NO_FD
            self._received, self._outgoing = None, b""

    def abort(self, reason: str) -> None:
        """Close the connection in the middle of an exchange, which ends without a response now."""
        self.received_at = monotonic()
        self._fail(reason)

    def read_ready(self) -> None:
        if self.state is CONNECTING:
            return
        stamp = None
        try:
            if self._is_stamped:
                # Windows has no recvmsg, and no stamps either.
                answered = self._socket.recvmsg(RECEIVE_BYTES, ANCILLARY_BYTES)  # type: ignore[attr-defined, unused-ignore]
                self._received, ancillary, _, _ = answered
                stamp = receive_time(ancillary)
            else:
                self._received = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._received, self._was_reset = b"", True
        now = monotonic()
        # The stamp is the wall clock's. If that was set since the bytes came, the moment would lie before the request
        # was sent, or in the future.
        self.received_at = now if stamp is None else min(max(stamp, self._sent_at), now)

    def process(self) -> None:
        if self.state is CLOSED:
            # By what was processed before it in this turn.
            return
        if self.state is CONNECTING:
            self._finish_connect()
            return
        if self._outgoing:
            self._send_rest()
        data, self._received = self._received, None
        if data:
            self._take(data)
        elif data is not None:
            self._on_end_of_stream()

    def _on_no_socket(self, _due: float, reason: str) -> None:
        self.try_next_address(reason)

    def _finish_connect(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._connect_error or code:
            self.try_next_address(self._connect_error or meaning_of(code))
            return
        self._reactor.change(self._fd, writing=False)
        self.state = SECURING
        self._secure()

    def _secure(self) -> None:
        """Begin what comes after TCP: nothing here, the handshake with TLS."""
        self._become_ready()

    def _become_ready(self) -> None:
        self.state = IDLE
        self._listener.on_connected(self)

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
            # The server may have refused the request before all of it was sent: its response is still to be read.
            count = len(self._outgoing)
        self._outgoing = self._outgoing[count:]
        if not self._outgoing:
            self._reactor.change(self._fd, writing=False)

    def _take(self, data: bytes) -> None:
        """Take bytes of a response from the wire."""
        if self.exchange is None:
            # No request was sent: a server may send a 408 before it closes an idle connection.
            self._close_idle()
            return
        reader = self._reader
        reader.received_bytes += len(data)
        try:
            reader.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NOT_HTTP)
            return
        response = reader.response
        if reader.received_bytes > self._surely_allowed_bytes and (problem := self._too_large()):
            self._fail(problem)
        elif response.is_complete:
            # After bytes that belong to no request it is not known where the next response begins.
            self._complete(keep=response.keeps_alive and not reader.has_excess)

    def _too_large(self) -> str:
        """Return which limit is exceeded; whether one is must not depend on the pieces in which a response comes."""
        reader = self._reader
        received, of_headers, has_headers = reader.received_bytes, reader.header_bytes, reader.response.has_headers
        # Bytes that are not parsed yet belong to one header without an end.
        if of_headers > MAX_HEADER_BYTES or (received > MAX_HEADER_BYTES and not has_headers):
            return HEADERS_TOO_LARGE
        return TOO_LARGE if has_headers and received - of_headers > self._listener.max_answer_bytes else ""

    def _on_end_of_stream(self) -> None:
        if self.exchange is None:
            self._close_idle()
        elif self._reader.response.ends_with_connection and not self._was_reset:
            self._complete(keep=False)
        elif self._reader.received_bytes:
            self._fail(CUT_SHORT)
        else:
            # Only a connection that was used before can have been closed for being idle.
            self._fail(UNANSWERED, is_stale=self.response_count > 0)

    def _complete(self, *, keep: bool) -> None:
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        exchange.answered = self.received_at
        response = self._reader.response
        answer = HttpResponse(response.status, response.headers, b"".join(response.body), exchange.request.url)
        self.response_count += 1
        if keep and not self._outgoing:
            self.state = IDLE
            self._note_keep_alive(response.headers.get("keep-alive"))
            self._reader.begin()
        else:
            self.close()
        self._listener.on_response(self, exchange, answer)

    def _fail(self, reason: str, *, is_stale: bool = False) -> None:
        exchange, self.exchange = self.exchange, None
        self.close()
        if exchange is not None:
            exchange.answered = self.received_at or monotonic()
            self._listener.on_failure(self, exchange, reason, is_stale=is_stale)

    def _close_idle(self) -> None:
        self.close()
        self._listener.on_idle_close(self)

    def _note_keep_alive(self, header: str | None) -> None:
        if header is not None:
            timeout = re.search(r"timeout=(\d{1,9})", header)
            self.expires_at = monotonic() + int(timeout[1]) - KEEP_ALIVE_MARGIN_S if timeout else None
