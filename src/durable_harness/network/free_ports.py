"""Free ports for processes that need one named."""

from __future__ import annotations

import contextlib
import random
import socket

PORTS = range(20_000, 32_000)
"""Below the range from which systems take the ports of connections."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, from a range that systems do not assign by themselves."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
