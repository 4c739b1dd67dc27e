"""The port of the SDK's client: a well-known one, or another in the range that the extension uses."""

from __future__ import annotations

import contextlib
import random
import socket

from durable_harness.errors import PortInUseError
from durable_harness.network.web_servers import bind_one

DEFAULT_RPC_PORT = 17071
RPC_PORT_RANGE = range(30000, 31000)
RPC_PORT_TRIES = 9


def bind_rpc(*, ephemeral: bool) -> socket.socket:
    """Return a socket on the first port that is free, or on any one with `ephemeral`."""
    if ephemeral:
        return bind_one("127.0.0.1", 0)
    for port in (DEFAULT_RPC_PORT, *random.sample(RPC_PORT_RANGE, RPC_PORT_TRIES)):
        with contextlib.suppress(PortInUseError):
            return bind_one("127.0.0.1", port)
    raise PortInUseError(
        f"The local RPC endpoint found no free port: {DEFAULT_RPC_PORT} and {RPC_PORT_TRIES} others in"
        f" {RPC_PORT_RANGE.start}-{RPC_PORT_RANGE.stop - 1} are in use."
    )
