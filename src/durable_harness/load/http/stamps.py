"""When bytes reached this machine, by the kernel's stamp: what a busy process reads late did not arrive late.

Linux stamps what a TCP socket receives if it is asked to (SO_TIMESTAMPNS), with the wall clock.
"""

from __future__ import annotations

import socket
import struct
import sys
from time import time_ns

from durable_harness.platforms.clocks import monotonic

_SO_TIMESTAMPNS = 35
"""Python has no name for it. The few kernels where it has another number stamp nothing."""
_SECONDS_AND_NS = struct.Struct("@ll")

ANCILLARY_BYTES = 64
"""Room for the stamp in `recvmsg`: a header of 16 bytes and two longs, with space to spare."""

Ancillary = list[tuple[int, int, bytes]]


def ask_for_stamps(tcp_socket: socket.socket) -> bool:
    """Ask the kernel to stamp what a socket receives; return whether it does."""
    try:
        if sys.platform == "linux":
            tcp_socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return sys.platform == "linux"


def receive_time(ancillary: Ancillary) -> float | None:
    """Return when the last of the bytes arrived, in `time.monotonic()` seconds; None if there is no stamp.

    `ancillary` is the ancillary data of `recvmsg`. The wall clock is compared with the other one now, so a step of it
    matters only if it came after the bytes.
    """
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) == _SECONDS_AND_NS.size:
            seconds, nanoseconds = _SECONDS_AND_NS.unpack(value)
            stamped_ns: int = seconds * 1_000_000_000 + nanoseconds
            return monotonic() - (time_ns() - stamped_ns) / 1e9
    return None
