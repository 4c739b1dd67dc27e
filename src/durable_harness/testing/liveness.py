"""Whether a host that was started for the tests still runs."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from durable_harness.stack import RunningStack
from durable_harness.stack.processes import ending_of

ANSWER_TIMEOUT_S = 5.0
"""Windows tries for two seconds before it reports that nothing listens."""


def has_ended(stack: RunningStack) -> bool:
    """Return whether a stack's own process is gone: nothing listens at its address any longer."""
    if stack.pid is None:
        return False
    address = urlsplit(stack.base_url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), ANSWER_TIMEOUT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def end_of(stack: RunningStack) -> str:
    """Return that a stack's own process has ended, and how if that is known; empty while it runs.

    Hosts that a test stops and starts again do not count: for them there is no code.
    """
    ending = ending_of(stack.exit_code())
    return f"the host (process {stack.pid}) has ended ({ending})" if ending else ""
