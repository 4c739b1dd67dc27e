"""Which connections go to the test instead of where the app wants them to go."""

from __future__ import annotations

import fnmatch
import ipaddress
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from durable_harness.documents import JsonObject

HTTP_PORT, HTTPS_PORT = 80, 443
WEB_PORTS = {HTTP_PORT: False, HTTPS_PORT: True}
"""Ports where HTTP is spoken, and whether by TLS."""
SERVICES = {"http": HTTP_PORT, "https": HTTPS_PORT}
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
STAND_INS = ipaddress.ip_network("198.18.0.0/15")
"""Addresses for measurements, which no host on the internet has: each name that is led to the test gets one."""


@dataclass(frozen=True)
class HostPattern:
    """Hosts of a pattern at a port."""

    host: str
    port: int
    tls: bool = False

    def is_at(self, host: str, port: int | None) -> bool:
        return fnmatch.fnmatchcase(host, self.host) and port in {None, self.port}


@dataclass(frozen=True)
class CaughtRoute:
    """Where the test listens for the app's connections, and which ones it wants."""

    plain_port: int
    tls_port: int
    answered: Sequence[HostPattern] = ()
    passing: Sequence[HostPattern] = ()
    """Those that go where the app wants them to, whatever their port."""

    def port_for(self, host: str, port: int) -> int | None:
        """Return the port of the test for a connection, None if it goes where the app wants it to."""
        by_tls = self._by_tls(host, port)
        return None if by_tls is None else (self.tls_port if by_tls else self.plain_port)

    def wants(self, host: str, port: int | None) -> bool:
        """Whether a name is to be led to the test; with no port, whether any connection to it might be."""
        if port is not None:
            return self._by_tls(host, port) is not None
        return not is_here(host) or any(place.is_at(host, None) for place in self.answered)

    def _by_tls(self, host: str, port: int) -> bool | None:
        if any(place.is_at(host, port) for place in self.passing):
            return None
        named = (place.tls for place in reversed(self.answered) if place.is_at(host, port))
        return next(named, None if is_here(host) else WEB_PORTS.get(port))


class Names:
    """The names behind addresses: real ones that were looked up, and stand-ins for names that no name server is asked.

    So names that do not exist can be connected to, and a client that keeps addresses for later is understood.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = STAND_INS.hosts()
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def stand_in(self, name: str) -> str:
        """Return the address that stands for a name."""
        with self._lock:
            if name not in self._addresses:
                address = str(next(self._free))
                self._addresses[name], self._names[address] = address, name
            return self._addresses[name]

    def name_of(self, address: str) -> str:
        """Return the name that was looked up and gave an address, else the address itself."""
        return self._names.get(address, address)

    def note(self, name: str, addresses: Iterable[str]) -> None:
        """Note what a name server has answered."""
        self._names.update(dict.fromkeys(addresses, name))

    def is_stand_in(self, address: str) -> bool:
        return self._addresses.get(self.name_of(address)) == address


def is_here(host: str) -> bool:
    """Whether a name or an address is this machine's."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host in LOOPBACK_NAMES or host.endswith(".localhost") or not host
    return address.is_loopback or address.is_unspecified or address.is_link_local


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def name_in(host: object) -> str | None:
    """Return a host as it is compared, None if it is not one."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    return host.lower().rstrip(".") if isinstance(host, str) else None


def port_in(port: object) -> int | None:
    """Return a port that may be given as a number, as text or as a service's name; None if it is not one."""
    if isinstance(port, bytes | bytearray):
        port = bytes(port).decode("ascii", "replace")
    if isinstance(port, str):
        port = SERVICES.get(port, port)
    try:
        return int(port) or None  # type: ignore[call-overload]  # what is not a number raises TypeError
    except (TypeError, ValueError):
        return None


def places(given: Sequence[JsonObject]) -> Iterator[HostPattern]:
    """Read places from JSON."""
    return itertools.starmap(HostPattern, ((one["host"], one["port"], one.get("tls", False)) for one in given))
