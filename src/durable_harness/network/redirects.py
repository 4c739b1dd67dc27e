"""Where a redirect leads, by which method, and what of a request may go along: one answer for all our clients.

A server decides where it sends a client, so what the user gave for one origin stays there: keys, Authorization, cookies
and any other header of the user's. Only headers that say how the body and the answer are written go to another origin.
Methods change as in the Fetch standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urldefrag, urljoin, urlsplit, urlunsplit

MAX_REDIRECTS = 5
"""In a row; a server that redirects more often redirects in circles."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATING_REDIRECTS = frozenset({307, 308})
"""The redirects that repeat any request as it is."""
DEFAULT_PORTS = {"http": 80, "https": 443}
PUBLIC_HEADERS = frozenset({"accept", "accept-language", "content-language", "content-type"})
"""The headers that Fetch calls safe in any request: they carry no secrets."""
SAFE_IN_TARGET = "!$%&'()*+,-./:;=?@_~[]"
"""Left as it is in a path and query: all that RFC 3986 allows there, and % because a URL is encoded already."""
CONTENT_HEADERS = frozenset({"content-type", "content-language", "content-encoding", "content-length"})


class Origin(NamedTuple):
    """What has to be equal in two URLs that lead to one server: scheme, host and port."""

    scheme: str
    host: str
    port: int


class BadUrlError(ValueError):
    """Raised when a URL cannot be asked for; the message says why, without the URL, which may carry a key."""


@dataclass(frozen=True, slots=True)
class Next:
    """The request that a redirect asks for."""

    method: str
    url: str
    headers: Mapping[str, str]
    keeps_body: bool


def split_http_url(url: str) -> tuple[SplitResult, int]:
    """Return the parts of a URL and its port; raise BadUrlError if it is no http or https URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrlError("the URL has no valid host or port") from error
    if port == 0:
        raise BadUrlError("the URL has no valid host or port")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BadUrlError(f"the URL is not http or https but '{parts.scheme}'")
    return parts, port or DEFAULT_PORTS[parts.scheme]


def ascii_url(url: str) -> str:
    """Return a URL as it is sent, in ASCII; raise BadUrlError for an invalid host."""
    if url.isascii() and not any(character <= " " for character in url):
        return url
    parts, _ = split_http_url(url)
    user, at, _ = parts.netloc.rpartition("@")
    host = ascii_host(parts.hostname or "")
    host = f"[{host}]" if ":" in host else host
    authority = f"{quote(user, safe=SAFE_IN_TARGET)}{at}{host}{'' if parts.port is None else f':{parts.port}'}"
    path, query, fragment = (quote(part, safe=SAFE_IN_TARGET) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, authority, path, query, fragment))


def ascii_host(host: str) -> str:
    """Return the name of a host as DNS has it; raise BadUrlError if it can be none."""
    if host.isascii() and not any(character <= " " for character in host):
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise BadUrlError("the URL has no valid host") from error


def origin_of(url: str) -> Origin:
    """Return the origin of a URL; raise BadUrlError if it is no http or https URL."""
    parts, port = split_http_url(url)
    return Origin(parts.scheme, (parts.hostname or "").lower(), port)


def is_same_origin(url: str, other: str) -> bool:
    """Return whether two URLs have one origin; False if either is not an http or https URL."""
    try:
        return origin_of(url) == origin_of(other)
    except BadUrlError:
        return False


def is_downgrade(url: str, location: str) -> bool:
    """Return whether a redirect leads from https to http."""
    return origin_of(url).scheme == "https" and origin_of(urljoin(url, location)).scheme == "http"


def headers_for(url: str, headers: Mapping[str, str], home: str) -> Mapping[str, str]:
    """Return those of the user's headers that a URL gets; `home` is a URL of the origin that they are meant for."""
    if is_same_origin(url, home):
        return headers
    return {name: value for name, value in headers.items() if name.lower() in PUBLIC_HEADERS}


def secrets_of(headers: Mapping[str, str]) -> list[str]:
    """Return the values of the user's headers that may be secret."""
    return [value for name, value in headers.items() if name.lower() not in PUBLIC_HEADERS]


def follow(status: int, location: str, method: str, url: str, headers: Mapping[str, str]) -> Next:
    """Return the request that a redirect asks for in answer to one to `url`; raise BadUrlError if there is none.

    Headers that were left behind do not come back: a later redirect may lead home again, but to a place of the other
    server's choice.
    """
    try:
        there = urldefrag(urljoin(url, location))[0]
    except ValueError as error:
        raise BadUrlError("the URL has no valid host or port") from error
    origin_of(there)
    kept = headers_for(there, headers, url)
    following = _next_method(status, method)
    if following == method:
        return Next(method, there, kept, keeps_body=True)
    kept = {name: value for name, value in kept.items() if name.lower() not in CONTENT_HEADERS}
    return Next(following, there, kept, keeps_body=False)


def _next_method(status: int, method: str) -> str:
    """A 303 says that the result is elsewhere; browsers always took 301 and 302 of a POST so: Fetch made it a rule."""
    turns_into_get = {303: method not in {"GET", "HEAD"}, 301: method == "POST", 302: method == "POST"}
    return "GET" if turns_into_get.get(status) else method
