"""One response, collected from the callbacks of httptools' parser."""

from __future__ import annotations

import httptools

HEADER_LINE_BYTES = len(": \r\n")
FIRST_FINAL_STATUS = 200
SWITCHING_PROTOCOLS = 101


class ParsedResponse:
    """A response as far as it has been parsed."""

    __slots__ = ("body", "has_headers", "headers", "is_complete", "keeps_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.has_headers = self.is_complete = self.keeps_alive = False

    @property
    def ends_with_connection(self) -> bool:
        """Whether the body lasts until the server closes the connection: it has no other end (RFC 9112, 6.3)."""
        return (
            self.has_headers
            and "content-length" not in self.headers
            and "chunked" not in self.headers.get("transfer-encoding", "").lower()
        )


class ResponseReader:
    """Collects what the parser finds. `response` is the current one; interim ones (1xx) are dropped.

    The parser is kept from response to response: making one costs a fifth of what a short response takes to parse.
    """

    __slots__ = ("_current", "_headers", "header_bytes", "parser", "received_bytes", "response")

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Expect another response."""
        self.response = self._current = ParsedResponse()
        self._headers = self.response.headers
        self.header_bytes = 0
        """Those of interim responses included."""
        self.received_bytes = 0

    @property
    def has_excess(self) -> bool:
        """Whether the server sent more than the one response that it was asked for."""
        return self._current is not self.response

    # Called by the parser:

    def on_message_begin(self) -> None:
        if self.response.is_complete:
            # It must not change the response; that it was begun is all that counts.
            self._current = ParsedResponse()
            self._headers = self._current.headers

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value) + HEADER_LINE_BYTES
        self._headers[_name(name)] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        self._current.has_headers = True
        self._current.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._current.body.append(body)

    def on_message_complete(self) -> None:
        current = self._current
        if current.status < FIRST_FINAL_STATUS and current.status != SWITCHING_PROTOCOLS:
            # 100 Continue, 103 Early Hints: the final response is still to come.
            self.response = self._current = ParsedResponse()
            self._headers = self.response.headers
            return
        current.is_complete = True
        current.keeps_alive = self.parser.should_keep_alive()


_NAMES: dict[bytes, str] = {}
_MOST_NAMES = 1000
"""A server that makes up a name for each response must not fill the memory."""


def _name(name: bytes) -> str:
    """Return a header's name in lower case; servers use the same few again and again."""
    known = _NAMES.get(name)
    if known is None:
        known = name.decode("latin-1").lower()
        if len(_NAMES) < _MOST_NAMES:
            _NAMES[name] = known
    return known
