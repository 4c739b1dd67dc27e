"""The port of Locust's web page, tried before the run: Locust shows a traceback if it is in use."""

from __future__ import annotations

import socket

from durable_harness.errors import PortInUseError
from durable_harness.platforms.sockets import have_port_alone, is_port_taken


def check_web_port(host: str, port: int) -> None:
    """Raise PortInUseError if another process listens at the port of the page.

    Whatever else is wrong with the address is left to Locust, which names it.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            have_port_alone(probe)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and is_port_taken(error):
            raise PortInUseError(f"--web-port {port} is in use: name a free port, or end what listens there") from error
