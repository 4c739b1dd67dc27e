"""URLs and methods of services as tests write them."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from durable_harness.errors import UsageError

PORTS = {"http": 80, "https": 443}
EXPECTED = "expected one such as https://api.example/orders/*, or https://api.example for all of a service"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def checked_method(method: str | None) -> str | None:
    """Return a method in upper case, None for any. Raises UsageError for an unknown one."""
    if method is None or str(method).upper() in METHODS:
        return None if method is None else method.upper()
    raise UsageError(f"method is {method!r}; expected one of {', '.join(METHODS)}, or None for any.")


@dataclass(frozen=True)
class UrlPattern:
    """URLs, with `*` for any text. One without a path means all of the service."""

    text: str
    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, text: str, whose: str = "durable_http") -> UrlPattern:
        """Read a pattern. Raises UsageError, which begins with `whose`, if it names no service."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in PORTS or not host:
            raise UsageError(f"{whose}: got {text!r} as a URL; {EXPECTED}")
        usual = port in {None, PORTS[parts.scheme]}
        rest = f"{parts.path}{f'?{parts.query}' if parts.query else ''}" or "*"
        authority = host if usual else f"{host}:{port}"
        return cls(
            text=f"{parts.scheme}://{authority}{rest}",
            host=host,
            port=port or PORTS[parts.scheme],
            tls=parts.scheme == "https",
        )

    def fits(self, url: str) -> bool:
        # `?` begins the query of a URL: only `*` stands for other text.
        return fnmatch.fnmatchcase(url, self.text.replace("[", "[[]").replace("?", "[?]"))

    def place(self) -> dict[str, Any]:
        """Return the pattern as JSON for the host."""
        return {"host": self.host, "port": self.port, "tls": self.tls}
