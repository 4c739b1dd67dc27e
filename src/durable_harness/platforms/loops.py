"""Kinds of event loops."""

from __future__ import annotations

import asyncio
import sys


def own_loop() -> type[asyncio.AbstractEventLoop]:
    """Return the kind of loop that asyncio has by itself."""
    if sys.platform == "win32":
        kind = asyncio.ProactorEventLoop  # the other kind takes 512 sockets at most, and starts no processes
    else:
        kind = asyncio.SelectorEventLoop
    return kind


def fastest_loop() -> type[asyncio.AbstractEventLoop]:
    """Return the fastest kind that is there."""
    try:
        from uvloop import Loop  # noqa: PLC0415 - not where user code needs asyncio's own
    except ImportError:  # there is none for Windows
        return own_loop()
    fastest: type[asyncio.AbstractEventLoop] = Loop
    return fastest
