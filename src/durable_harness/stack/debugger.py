"""The port at which a debugger may attach to the process of the app: `serve --debug`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from durable_harness.debugging import has_debugger
from durable_harness.errors import PortInUseError
from durable_harness.extras import importing
from durable_harness.logs.lines import TEXT, announce
from durable_harness.network.web_servers import bind_one

ADDRESS = "127.0.0.1"
"""Whoever attaches can run code here, so it is never another address."""
LEAVING_S = 5.0
"""How long the debugger's own process, which has the port, may outlive the process of the app that it was for."""
LOOK_INTERVAL_S = 0.05


@dataclass(frozen=True)
class DebuggerPort:
    """Where to listen, 0 for any free port, and whether to wait for a debugger before the app is loaded."""

    number: int
    is_waited_for: bool = False
    is_handed_on: bool = False
    """Whether another process of this app had the port just before."""


def listen_for_debugger(port: DebuggerPort, log_format: str = TEXT) -> None:
    """Allow a debugger to attach from now on. One that has started this process needs no port.

    Raises MissingExtraError if debugpy is not installed, PortInUseError if the port is taken.
    """
    if has_debugger():
        return
    # Otherwise it warns that breakpoints in modules of Python itself are not met.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    debugpy = _imported()
    if port.is_handed_on:
        _wait_until_free(port.number)
    try:
        _, number = debugpy.listen((ADDRESS, port.number))
    except (OSError, RuntimeError) as error:
        raise PortInUseError(
            f"--debug: cannot listen on port {port.number} of {ADDRESS}: {error}. Choose another, or 0 for any free"
            " one."
        ) from error
    waiting = "; waiting for it" if port.is_waited_for else ""
    announce(f"Debugger: attach to {ADDRESS}:{number}{waiting}", log_format)
    if port.is_waited_for:
        debugpy.wait_for_client()


def _wait_until_free(number: int) -> None:
    deadline = time.monotonic() + LEAVING_S
    while time.monotonic() < deadline:
        try:
            bind_one(ADDRESS, number).close()
        except PortInUseError:
            time.sleep(LOOK_INTERVAL_S)
        else:
            return


def _imported() -> Any:
    with importing("debug", "--debug"):
        import debugpy  # noqa: PLC0415, T100 - an extra
    return debugpy
