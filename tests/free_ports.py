"""Ports for commands that must be told one: below the range from which the system gives ports to everybody else.

A port that was free a moment ago in that range may be somebody's connection by the time a command binds it.
"""

import random
import socket

RANGE = range(20_000, 32_000)


def free_port():
    """Return a port that nobody listens on and that no connection will be given."""
    while True:
        port = random.choice(RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
