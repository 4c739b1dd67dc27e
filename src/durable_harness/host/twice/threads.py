"""What functions start by threads and event loops, which audit events do not show.

Threads do not inherit context variables, and uvloop opens connections and starts processes in C.
"""

from __future__ import annotations

import asyncio
import functools
import threading

from durable_harness.host.library_methods import Method
from durable_harness.host.twice.auditing import Command, note_command, note_connection
from durable_harness.host.twice.effects import hand_to_thread, within_client
from durable_harness.host.twice.patching import Wrap, patch_each


def watch_threads() -> None:
    """Assign what is started to the delivery whose function starts it."""
    patch_each(threading.Thread, {"start": _starting})
    for module in (asyncio, asyncio.streams):
        patch_each(module, {"open_connection": _noting(_note_connection)})
    for module in (asyncio, asyncio.subprocess):
        exec_noted, shell_noted = _noting(lambda *words, **_: note_command(words)), _noting(_note_shell)
        patch_each(module, {"create_subprocess_exec": exec_noted, "create_subprocess_shell": shell_noted})


def _starting(start: Method) -> Method:
    @functools.wraps(start)
    def watched(thread: threading.Thread) -> None:
        hand_to_thread(thread)
        start(thread)

    return watched


def _noting(note: Method) -> Wrap:
    def wrap(call: Method) -> Method:
        @functools.wraps(call)
        async def watched(*arguments: object, **named: object) -> object:
            note(*arguments, **named)
            with within_client():
                return await call(*arguments, **named)

        return watched

    return wrap


def _note_connection(host: object = None, port: object = None, **_named: object) -> None:
    if host is not None:
        note_connection(host, port)


def _note_shell(command: Command, **_named: object) -> None:
    note_command(command)
