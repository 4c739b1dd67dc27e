"""The places in Python where a connection begins: names, sockets, event loops, and the authorities that TLS trusts.

Every client library that is written in Python, or takes its sockets from Python, passes here. Libraries that bring
their own network code (gRPC, libcurl, libpq) and other processes do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from durable_harness.host.library_methods import Method
from durable_harness.host.outside.caught_routes import CaughtRoute, Names, is_address, is_here, name_in, port_in

AddressInfo = tuple[int, int, int, str, tuple[str, int]]
"""What `getaddrinfo` returns of an address; those of IPv6 are longer."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class _Connection:
    """Where the app wanted to connect to, and the test's port to which it was led, if it was."""

    host: str
    port: int
    led_to: int | None


class CaughtConnections:
    """Leads connections of this process by the current route; without one they go where they always do.

    It lasts as long as the process, so that no connection is older than it.
    """

    def __init__(self) -> None:
        self._route: CaughtRoute | None = None
        self._authority: str | None = None
        self._names = Names()
        self._real_names: Method = socket.getaddrinfo
        self._trusting: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._connections: weakref.WeakKeyDictionary[socket.socket, _Connection] = weakref.WeakKeyDictionary()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Catch connections from now on, also those of this event loop, whose own code may be in C."""
        self._catch_names()
        self._catch_sockets()
        self._catch_trust()
        self._catch_loop(type(loop))

    def lead(self, route: CaughtRoute | None, authority: str | None) -> None:
        """Lead connections by another route from now on, and trust the test's authority.

        Connections that a client keeps for its next request, and that would go elsewhere now, end.
        """
        self._route, self._authority = route, authority
        self._trusting = weakref.WeakSet()
        for connection, known in list(self._connections.items()):
            if self._port_for(known.host, known.port) != known.led_to:
                with contextlib.suppress(OSError):  # it is closed already
                    connection.shutdown(socket.SHUT_RDWR)

    def is_led(self, host: object, port: object) -> bool:
        name = name_in(host)
        return self._route is not None and name is not None and self._route.wants(name, port_in(port))

    def stand_in(self, host: object) -> str:
        """Return the address under which a host is connected to; that of an address is itself."""
        name = str(name_in(host))
        return name if is_address(name) else self._names.stand_in(name)

    def looked_up(self, host: object, found: Sequence[AddressInfo]) -> Sequence[AddressInfo]:
        """Note what a name server has answered, and return it."""
        name = name_in(host)
        if name and not is_address(name) and not is_here(name):
            self._names.note(name, (one[4][0] for one in found))
        return found

    def led(self, connection: socket.socket, address: object) -> object:
        """Return where a socket is to connect to instead of an address."""
        if connection.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
            return address
        host, port = self._names.name_of(str(name_in(address[0]))), port_in(address[1])
        if port is None:
            return address
        to = self._port_for(host, port)
        self._connections[connection] = _Connection(host, port, to)
        if to is None:
            # It was looked up without its port, or while another route was there.
            return self._real(host, port) if self._names.is_stand_in(address[0]) else address
        here = LOOPBACK if connection.family == socket.AF_INET else f"::ffff:{LOOPBACK}"
        return (here, to, *address[2:])

    def trust(self, context: ssl.SSLContext) -> None:
        """Make a client's TLS settings accept the test's certificates beside those that they accept anyway."""
        if self._authority is not None and context not in self._trusting:
            self._trusting.add(context)
            context.load_verify_locations(cadata=self._authority)

    def _port_for(self, host: str, port: int) -> int | None:
        return self._route.port_for(host, port) if self._route is not None else None

    def _real(self, host: str, port: int) -> object:
        return self._real_names(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]

    def _catch_names(self) -> None:
        real = self._real_names

        def getaddrinfo(
            host: object, port: object, family: int = 0, *others: object, **options: object
        ) -> Sequence[AddressInfo]:
            found: Sequence[AddressInfo]
            if family != socket.AF_INET6 and self.is_led(host, port):
                found = real(self.stand_in(host), port, socket.AF_INET, *others, **options)
                return found
            return self.looked_up(host, real(host, port, family, *others, **options))

        socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]  # it passes on what the real one takes and returns

    def _catch_sockets(self) -> None:
        for name in ("connect", "connect_ex"):
            self._catch_socket_method(name)

    def _catch_socket_method(self, name: str) -> None:
        real = getattr(socket.socket, name)

        def connect(connection: socket.socket, address: object) -> object:
            return real(connection, self.led(connection, address))

        setattr(socket.socket, name, connect)

    def _catch_trust(self) -> None:
        for name in ("wrap_socket", "wrap_bio"):
            self._catch_wrapping(name)

    def _catch_wrapping(self, name: str) -> None:
        real = getattr(ssl.SSLContext, name)

        def wrap(context: ssl.SSLContext, *arguments: object, **options: object) -> object:
            self.trust(context)
            return real(context, *arguments, **options)

        setattr(ssl.SSLContext, name, wrap)

    def _catch_loop(self, kind: type[asyncio.AbstractEventLoop]) -> None:
        real_names: Method = kind.getaddrinfo
        real_connection: Method = kind.create_connection

        async def getaddrinfo(
            loop: asyncio.AbstractEventLoop, host: object, port: object, *, family: int = 0, **options: object
        ) -> Sequence[AddressInfo]:
            found: Sequence[AddressInfo]
            if family != socket.AF_INET6 and self.is_led(host, port):
                found = await real_names(loop, self.stand_in(host), port, family=socket.AF_INET, **options)
                return found
            return self.looked_up(host, await real_names(loop, host, port, family=family, **options))

        async def create_connection(
            loop: asyncio.AbstractEventLoop,
            protocol_factory: object,
            host: object = None,
            port: object = None,
            **options: object,
        ) -> object:
            if options.get("sock") is not None or not self.is_led(host, port):
                return await real_connection(loop, protocol_factory, host, port, **options)
            if options.get("ssl") and options.get("server_hostname") is None:
                options["server_hostname"] = host
            for name in ("family", "proto", "flags", "local_addr", "happy_eyeballs_delay", "interleave"):
                options.pop(name, None)
            options["sock"] = await _connected(loop, (self.stand_in(host), port_in(port)))
            return await real_connection(loop, protocol_factory, **options)

        for name, caught in (("getaddrinfo", getaddrinfo), ("create_connection", create_connection)):
            setattr(kind, name, caught)


async def _connected(loop: asyncio.AbstractEventLoop, address: tuple[str, int | None]) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003 - socket has it so
    try:
        await loop.sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
