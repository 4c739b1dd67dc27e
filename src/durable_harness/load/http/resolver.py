"""Find the addresses of a host, without blocking other greenlets."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import NamedTuple

import gevent


class Address(NamedTuple):
    """Where to connect, as the socket module takes it."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]
    """The longer one is of IPv6."""


def literal_address(host: str, port: int) -> list[Address]:
    """Return the one address of a host that is an IP address already; empty for a name."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [Address(socket.AF_INET if ip.version == 4 else socket.AF_INET6, (host, port))]  # noqa: PLR2004 - IPv4


def resolve(host: str, port: int, on_resolved: Callable[[list[Address], str], None]) -> None:
    """Look a name up in a greenlet; `on_resolved` gets the addresses, or none and the reason in words."""
    gevent.spawn(_resolve, host, port, on_resolved)


def _resolve(host: str, port: int, on_resolved: Callable[[list[Address], str], None]) -> None:
    try:
        found = gevent.get_hub().resolver.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        on_resolved([], f"the host's name is not known: {reason}")
        return
    on_resolved([Address(entry[0], entry[4]) for entry in found], "")
