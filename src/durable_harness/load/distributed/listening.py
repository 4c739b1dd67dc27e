"""Where the master of a run listens: at the port that the user named, or with `--processes` at any free one."""

from __future__ import annotations

import argparse
import errno
import sys
from typing import Any, NoReturn

from locust.exception import RPCError
from locust.rpc import zmqrpc

from durable_harness.errors import HarnessError, PortInUseError, UsageError
from durable_harness.load.lifecycle.startup import end_forked_workers
from durable_harness.network.free_ports import free_port
from durable_harness.terminal.colours import show_error

PORT_OPTIONS = ("master_bind_port", "master_port")


class DefaultPort(int):
    """A port that the user has not named."""

    __slots__ = ()


class Listening:
    """The port of this process's run."""

    def __init__(self) -> None:
        self._chosen: int | None = None

    def choose(self, options: Any) -> None:
        """Choose one port for the master of `--processes` and for its workers, which are forked later."""
        if not options.processes or options.worker:
            return
        named = [port for name in PORT_OPTIONS if not isinstance(port := getattr(options, name), DefaultPort)]
        if not named:
            self._chosen = self._chosen or free_port()  # Locust parses its options again to make a page.
        for name in PORT_OPTIONS:
            if isinstance(getattr(options, name), DefaultPort):
                setattr(options, name, named[0] if named else self._chosen)


LISTENING = Listening()


def add_default_ports(parser: argparse.ArgumentParser) -> None:
    """Mark the default ports in Locust's parser, so that a port that the user names can be distinguished."""
    parser.set_defaults(**{name: DefaultPort(parser.get_default(name)) for name in PORT_OPTIONS})
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to an option's help
        if action.dest == "master_bind_port":
            action.help = "Port for the master to listen on. Defaults to 5557, with --processes to any that is free."


def guard_listening() -> None:
    """End a master that cannot listen where it should with a one-line message instead of a traceback."""
    listen = zmqrpc.Server.__init__
    if getattr(listen, "is_guarded", False):
        return

    def guarded(self: Any, host: str, port: int) -> None:
        try:
            listen(self, host, port)
        except RPCError as error:
            if guarded.has_listened:  # type: ignore[attr-defined]
                raise  # Locust makes its socket again, and knows what to do.
            _refuse(_explained(error, host, port))
        guarded.has_listened = True  # type: ignore[attr-defined]

    guarded.is_guarded, guarded.has_listened = True, False  # type: ignore[attr-defined]
    zmqrpc.Server.__init__ = guarded


def _explained(error: RPCError, host: str, port: int) -> HarnessError:
    if getattr(error.__context__, "errno", None) == errno.EADDRINUSE:
        return PortInUseError(f"--master-bind-port {port} is in use: name a free port, or end what listens there")
    return UsageError(f"--master-bind-host {host}, --master-bind-port {port}: cannot listen there ({error})")


def _refuse(error: HarnessError) -> NoReturn:
    show_error(str(error))
    end_forked_workers()
    sys.exit(error.exit_code)
