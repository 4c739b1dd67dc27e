"""A connection with TLS: the same bytes, through the standard library's TLS without a socket of its own."""

from __future__ import annotations

import ipaddress
import ssl

from durable_harness.load.http.connection import Connection, ConnectionListener, ConnectionState
from durable_harness.load.http.reactor import Reactor
from durable_harness.load.http.request_urls import ConnectionOrigin
from durable_harness.load.http.resolver import Address


class TlsConnection(Connection):
    """Encrypts what it sends and decrypts what it receives."""

    def __init__(
        self,
        reactor: Reactor,
        listener: ConnectionListener,
        addresses: list[Address],
        context: ssl.SSLContext,
        server_name: str,
    ) -> None:
        super().__init__(reactor, listener, addresses)
        self._context, self._server_name = context, server_name
        self._incoming, self._encrypted = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    def _secure(self) -> None:
        self._incoming, self._encrypted = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._context.wrap_bio(self._incoming, self._encrypted, server_hostname=self._server_name)
        self._shake_hands()

    def _shake_hands(self) -> None:
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()
            self.try_next_address(_words(error))
            return
        self._flush()
        self._become_ready()

    def _write(self, data: bytes) -> bool:
        assert self._tls is not None
        try:
            self._tls.write(data)
        except ssl.SSLError:
            return False
        return self._flush()

    def _flush(self) -> bool:
        encrypted = self._encrypted.read()
        if not encrypted:
            return True
        if self._outgoing:
            self._outgoing += encrypted
            return True
        return super()._write(encrypted)

    def _take(self, data: bytes) -> None:
        self._incoming.write(data)
        if self.state is ConnectionState.SECURING:
            self._shake_hands()
            if self.state in (ConnectionState.SECURING, ConnectionState.CONNECTING, ConnectionState.CLOSED):
                return
        self._decrypt()

    def _decrypt(self) -> None:
        """Pass on what has become readable. TLS itself replies to session tickets and key updates."""
        assert self._tls is not None
        clear = []
        has_ended = False
        try:
            while data := self._tls.read(65536):
                clear.append(data)
            has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            has_ended = True
        self._flush()
        if clear:
            super()._take(b"".join(clear))
        if has_ended and not self.is_closed:
            self._on_end_of_stream()

    def _on_end_of_stream(self) -> None:
        if self.state is ConnectionState.SECURING:
            self.try_next_address("server closed the connection during the TLS handshake")
            return
        super()._on_end_of_stream()


def client_context(*, verify: bool) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts what this system trusts, or any certificate."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def is_loopback(origin: ConnectionOrigin) -> bool:
    """Return whether the origin is this machine, where a development server cannot have a certificate to verify."""
    try:
        return ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        return origin.host == "localhost" or origin.host.endswith(".localhost")


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message}); --insecure accepts any"
    return f"TLS failed: {error.reason or 'unknown reason'}".lower().replace("tls", "TLS", 1)
