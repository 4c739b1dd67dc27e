"""urllib with a limit on each request, whatever a server sends: a byte a second, or an endless body."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Self

MOST_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 65536

_current = threading.local()


class Limit:
    """A block that ends its connections when its time is up; urllib's own timeout begins again with every byte."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._is_over = False
        self._socket: socket.socket | None = None
        self._deadline = time.monotonic() + timeout_s
        self._timer = threading.Timer(timeout_s, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _current.limit = self
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        _current.limit = None
        self._timer.cancel()
        is_over = self._is_over or _is_socket_timeout(error)
        if is_over and (kind is None or isinstance(error, OSError | http.client.HTTPException)):
            raise TimeoutError(f"no whole answer in {self._timeout_s:g} s") from error

    @property
    def left_s(self) -> float:
        """The seconds that are left, above zero: a timeout of 0 means something else to sockets."""
        return max(self._deadline - time.monotonic(), 0.001)

    def watch(self, sock: Any) -> None:
        """End this connection, too, when the time is up."""
        self._socket = sock
        if self._is_over:
            self._end()

    def _end(self) -> None:
        self._is_over = True
        sock = self._socket
        if sock is not None:
            try:
                # Not the method of a TLS socket, which is not made to be called beside a read.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                return  # It is closed already.


def _is_socket_timeout(error: BaseException | None) -> bool:
    """Whether the timeout of a socket ran out, a moment before the limit that it was made from.

    The system's own, for a peer that acknowledges nothing, has a number.
    """
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, TimeoutError) and reason.errno is None


def read_bounded(response: Any) -> bytes:
    """Return a body; raise OSError if it is larger than MOST_BYTES."""
    chunks, size = [], 0
    while chunk := response.read(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise OSError(f"the answer is larger than {MOST_BYTES:,} bytes")
    return b"".join(chunks)


def failure_words(error: BaseException) -> str:
    """Return why a request got no answer, in the system's words: `Connection refused`, without Python's names."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    words = reason.strerror if isinstance(reason, OSError) else None
    return words or str(reason) or type(reason).__name__


def bounded_opener(*handlers: Any) -> urllib.request.OpenerDirector:
    """Return an opener whose connections end with the `Limit` that it is used in."""
    return urllib.request.build_opener(_HttpHandler(), _HttpsHandler(), *handlers)


class _HttpConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.timeout = _left_s(self.timeout)
        super().connect()
        _watch(self.sock)


class _HttpsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self.timeout = _left_s(self.timeout)
        super().connect()
        _watch(self.sock)


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpConnection, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HttpsConnection, req)


def _left_s(timeout_s: float | None) -> float | None:
    """Return how long connecting may take, of what earlier requests of the block have left."""
    limit = getattr(_current, "limit", None)
    return timeout_s if limit is None else limit.left_s


def _watch(sock: Any) -> None:
    limit = getattr(_current, "limit", None)
    if limit is not None:
        limit.watch(sock)
