"""What the host decides about a response, not its function: length, connection, a status that can be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from multidict import CIMultiDict

FRAMING = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""The headers of one connection. Those of a function would contradict what is sent."""
FIRST_STATUS, LAST_STATUS = 200, 999
"""1xx statuses are no ends of a request."""
LENGTH = "Content-Length"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n\0]")


class UnusableResultError(Exception):
    """Raised when an HTTP function answers with what cannot be a response."""


def usable_status(status: int) -> int:
    """Return a status. Raises UnusableResultError if no response can have it."""
    if not FIRST_STATUS <= status <= LAST_STATUS:
        raise UnusableResultError(
            f"answered with the status {status}; expected a status from {FIRST_STATUS} on, such as 200 or 404."
        )
    return status


def usable_headers(given: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return the headers without those of the connection. Raises UnusableResultError if one breaks the response."""
    headers = CIMultiDict(given)
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise UnusableResultError(f"answered with the header {name!r}; this is not a header name.")
        if _BREAKS.search(value):
            raise UnusableResultError(f"answered with the header {name} with a line break or NUL in its value.")
    for name in FRAMING & {name.lower() for name in headers}:
        headers.popall(name)
    return headers


def declared_length(given: Iterable[tuple[str, str]]) -> int | None:
    """Return the length that headers declare, None if they declare no valid one."""
    declared = next((value.strip() for name, value in given if name.lower() == LENGTH.lower()), "")
    return int(declared) if declared.isascii() and declared.isdigit() else None
