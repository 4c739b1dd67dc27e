"""The certificate authority of one test run: only the app under test trusts its certificates."""

from __future__ import annotations

import ssl
from typing import Any

from durable_harness.extras import importing


class Authority:
    """Makes a certificate for each name that a client asks for."""

    def __init__(self) -> None:
        with importing("test", "durable_http, for https,"):
            import trustme  # noqa: PLC0415 - only who uses the fixture pays for it
        self._authority = trustme.CA()
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return self._authority.cert_pem.bytes().decode()

    def server_context(self, fallback: str) -> ssl.SSLContext:
        """Return the TLS settings of a server of all names. A client that names none gets that of `fallback`."""
        context = self._context_for(fallback)
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None:
            connection.context = self._context_for(name)

    def _context_for(self, name: str) -> ssl.SSLContext:
        if name not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(name).configure_cert(context)
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[name] = context
        return self._contexts[name]
