"""When bytes came to this machine, by the kernel's own stamp: what a busy process reads late did not come late.

Linux stamps what a TCP socket receives if it is asked to (SO_TIMESTAMPNS), with the wall clock.
"""

from __future__ import annotations

import socket
import struct
import sys
from time import time_ns
from typing import Any

from durable_harness.platforms.clocks import monotonic

_SO_TIMESTAMPNS = 35
"""Python has no name for it. The few kernels where it has another number stamp nothing."""
_SECONDS_AND_NS = struct.Struct("@ll")

NOTES_BYTES = 64
"""Room for the stamp in `recvmsg`."""

Notes = list[tuple[int, int, bytes]]


def ask_for_stamps(tcp_socket: Any) -> bool:
    """Let the kernel stamp what a socket receives; return whether it can."""
    try:
        if sys.platform == "linux":
            tcp_socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return sys.platform == "linux"


def came_at(notes: Notes) -> float | None:
    """Return the moment of `time.monotonic()` at which the last of the bytes came, None if no stamp says so.

    `notes` is the ancillary data of `recvmsg`. The wall clock is compared with the other one now, so a step of it
    matters only if it came after the bytes.
    """
    for level, kind, value in notes:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) == _SECONDS_AND_NS.size:
            seconds, nanoseconds = _SECONDS_AND_NS.unpack(value)
            stamped_ns: int = seconds * 1_000_000_000 + nanoseconds
            return monotonic() - (time_ns() - stamped_ns) / 1e9
    return None
