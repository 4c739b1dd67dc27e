"""Sockets: ports that one process has alone, and what the codes of errors mean."""

from __future__ import annotations

import errno
import os
import socket
import sys


def have_port_alone(listener: socket.socket) -> None:
    """Reserve the port that a socket is about to be bound to: no other process can listen on it."""
    if sys.platform == "win32":
        # SO_REUSEADDR lets several processes listen on one port there.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        # Without it a port is taken for a minute after its last connection.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def is_port_taken(error: OSError) -> bool:
    """Return whether a port could not be bound because another process has it, or Windows keeps it for itself."""
    return error.errno == errno.EADDRINUSE or (sys.platform == "win32" and error.errno == errno.EACCES)


def meaning_of(code: int) -> str:
    """Return what an error code of a socket means."""
    texts: dict[int, str] = {}
    if sys.platform == "win32":
        texts = socket.errorTab
    return texts.get(code) or os.strerror(code)
