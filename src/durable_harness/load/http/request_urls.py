"""Split a URL into where to connect and what to ask for there, as bytes that are safe on the wire."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from durable_harness.network.base_urls import basic_authorization
from durable_harness.network.redirects import DEFAULT_PORTS, SAFE_IN_TARGET, ascii_host, split_http_url


class ConnectionOrigin(NamedTuple):
    """The server to connect to; equal origins share connections."""

    scheme: str
    host: str
    port: int
    authorization: str = ""
    """Value of the Authorization header that the user name and password in the URL stand for."""

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if DEFAULT_PORTS[self.scheme] == self.port else f"{name}:{self.port}"


def split_url(url: str) -> tuple[ConnectionOrigin, str]:
    """Return the origin and the request target (path and query); raise BadUrlError if it is no http or https URL."""
    parts, port = split_http_url(url)
    target = quote(parts.path or "/", safe=SAFE_IN_TARGET)
    if parts.query:
        target += "?" + quote(parts.query, safe=SAFE_IN_TARGET)
    return ConnectionOrigin(parts.scheme, ascii_host(parts.hostname or ""), port, basic_authorization(parts)), target
