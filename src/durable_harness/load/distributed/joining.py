"""Who may take part in a run of several processes: every process that holds the token of the run.

Locust's master and workers speak ZeroMQ in clear, and accept any process as one of them. Here they speak CurveZMQ, with
keys that are made of the token. The master's public key is never sent, so only a process with the token can send the
first message; all else is encrypted, the function key in the options among it. `--processes` passes the token to
its workers, those on other machines get it by `--run-token` or its twin in the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import logging
import os
import secrets
import socket
import sys
from collections import Counter
from typing import Any

import gevent
import zmq.green as zmq
from locust.rpc import zmqrpc
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from durable_harness.errors import PortInUseError, UsageError
from durable_harness.load.distributed.listening import LISTENING, add_default_ports
from durable_harness.load.options.declared_option import DeclaredOption
from durable_harness.platforms.clocks import monotonic
from durable_harness.terminal.colours import show_error

TOKEN_VARIABLE = "DURABLE_HARNESS_RUN_TOKEN"  # noqa: S105 - where it is, not what it is
LEAST_CHARS = 16
LOOPBACK = "127.0.0.1"
MOST_MESSAGE_BYTES = 512 * 1024 * 1024
"""The records of a worker on another machine come in one message; anything larger ends its connection."""
FAILURES_TO_END = 3
"""Handshakes in a row after which a worker gives up: the master may be ending while it joins."""
FAILURES = frozenset(
    {
        zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
        zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
        zmq.Event.HANDSHAKE_FAILED_AUTH,
    }
)

logger = logging.getLogger(__name__)


class DefaultHost(str):
    """The address of a master if none was chosen."""

    __slots__ = ()


class Joining:
    """The token of this process's run, and what was seen of those that do not have it."""

    def __init__(self) -> None:
        self.token = ""
        self.is_made_here = False
        """Whether only this process, and those that it forks, know the token."""
        self.forks_workers = False
        """Whether the workers are forked from the master of `--processes`, and inherit its token."""
        self._lost_since: float | None = None
        self.strangers: Counter[str] = Counter()
        """How often processes without the token tried to join, by their addresses."""

    def read(self, options: Any) -> None:
        """Take the token from the options; raise UsageError for a worker without one."""
        if self.token:
            return  # Locust parses its options again to make a page.
        self.forks_workers = bool(options.processes) and not options.worker
        if options.run_token:
            self.token = options.run_token
        elif options.worker:
            raise UsageError(
                f"--worker needs the token of the run that it joins: set {TOKEN_VARIABLE} to what its master printed, "
                "or to the same text on all machines"
            )
        elif options.master or options.processes:
            self.token, self.is_made_here = secrets.token_hex(32), True

    def secure(self, sock: Any, kind: int) -> None:
        """Make a socket of Locust's one that speaks to holders of the token alone."""
        secret = z85.encode(hashlib.sha256(f"durable-harness master\0{self.token}".encode()).digest())
        sock.setsockopt(zmq.MAXMSGSIZE, MOST_MESSAGE_BYTES)
        if kind == zmq.ROUTER:
            sock.curve_server = True
            sock.curve_secretkey = secret
            gevent.spawn(_watch, sock, _Strangers(self.strangers))
        else:
            sock.curve_serverkey = zmq.curve_public(secret)
            sock.curve_publickey, sock.curve_secretkey = zmq.curve_keypair()
            gevent.spawn(_watch, sock, _Refusal(self))

    def note_connection(self, *, is_there: bool) -> None:
        """Note that a worker's connection to its master was made or lost."""
        self._lost_since = None if is_there else self._lost_since or monotonic()

    def is_lost_for(self, time_s: float) -> bool:
        """Return whether a worker's connection to its master has been lost for at least this time."""
        return self._lost_since is not None and monotonic() - self._lost_since >= time_s

    def describe_strangers(self) -> list[str]:
        """Return a note that others tried to join, if any did; a connection may be gone before its address is known."""
        if not self.strangers:
            return []
        count, known = self.strangers.total(), sorted(self.strangers.keys() - {UNKNOWN_ADDRESS})
        where = f" from {', '.join(known)}" if known else ""
        return [f"processes that tried to join{where} without the token of the run ({count:,} times) took no part"]


JOINING = Joining()


def add_joining_options(parser: argparse.ArgumentParser) -> None:
    """Add the token to Locust's parser; without other orders the master of `--processes` listens on the loopback."""
    RUN_TOKEN.add_to_locust(parser)
    parser.set_defaults(master_bind_host=DefaultHost("*"))
    add_default_ports(parser)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to an option's help
        if action.dest == "master_bind_host":
            action.help = f"Address that the master listens on. Defaults to * (all), with --processes to {LOOPBACK}."
    parse_args = parser.parse_args

    def parse(*args: Any, **kwargs: Any) -> Any:
        options = parse_args(*args, **kwargs)
        if options.processes and isinstance(options.master_bind_host, DefaultHost):
            options.master_bind_host = LOOPBACK
        LISTENING.choose(options)
        try:
            JOINING.read(options)
        except UsageError as error:
            parser.error(str(error))
        return options

    parser.parse_args = parse  # type: ignore[method-assign] # Locust makes the parser, and has no hook for it


def run_token(text: str) -> str:
    """Read a token, or raise ArgumentTypeError."""
    if text and len(text) < LEAST_CHARS:
        raise argparse.ArgumentTypeError(
            f"got {len(text)} characters, expected at least {LEAST_CHARS}: who guesses it takes part in the run"
        )
    return text


RUN_TOKEN = DeclaredOption(
    "--run-token",
    run_token,
    "",
    "text by which workers on other machines prove to their master that they take part, the same for both. Better set "
    f"as {TOKEN_VARIABLE}, since all users of this machine can read command lines. --processes needs none",
    "TOKEN",
    in_web_form=False,
)


def secure_sockets() -> None:
    """Make all sockets that Locust creates from now on take part in the run only."""
    make = zmqrpc.BaseSocket.__init__
    if getattr(make, "is_secure", False):
        return

    def make_secure(self: Any, sock_type: int, *args: Any) -> None:
        make(self, sock_type, *args)
        JOINING.secure(self.socket, sock_type)

    make_secure.is_secure = True  # type: ignore[attr-defined]
    zmqrpc.BaseSocket.__init__ = make_secure


def check_secure(runner: Any) -> None:
    """Raise UsageError if a master or worker speaks in clear: Locust makes its sockets in another way than known."""
    rpc = getattr(runner, "server", None) or runner.client
    if rpc.socket.mechanism != zmq.CURVE:
        raise UsageError("this version of Locust makes its connections in a way that cannot be secured: use 2.47")


class _Strangers:
    """Of a master: notes from where handshakes failed."""

    def __init__(self, strangers: Counter[str]) -> None:
        self._strangers = strangers
        self._peers: dict[int, str] = {}
        self._has_failed = False

    def note(self, event: int, value: int) -> None:
        if event == zmq.Event.ACCEPTED:
            self._peers[value] = _address(value)
        elif event in FAILURES:
            # The event does not name the peer; its connection is closed next.
            self._has_failed = True
        elif event == zmq.Event.DISCONNECTED:
            peer = self._peers.pop(value, UNKNOWN_ADDRESS)
            if self._has_failed:
                self._has_failed = False
                self._add(peer)

    def _add(self, peer: str) -> None:
        if peer not in self._strangers:
            logger.warning("A process at %s tries to join without the token of the run, and takes no part", peer)
        self._strangers[peer] += 1


class _Refusal:
    """Of a worker: notes whether its master is there, and ends it once it is clear that it will never listen."""

    def __init__(self, joining: Joining) -> None:
        self._joining = joining
        self._failures = 0
        self._has_joined = False

    def note(self, event: int, _value: int) -> None:
        self._has_joined |= event == zmq.Event.HANDSHAKE_SUCCEEDED
        if event in {zmq.Event.HANDSHAKE_SUCCEEDED, zmq.Event.DISCONNECTED}:
            self._joining.note_connection(is_there=event == zmq.Event.HANDSHAKE_SUCCEEDED)
        self._failures += event in FAILURES
        if self._failures >= FAILURES_TO_END and not self._has_joined:
            error = self._explained()
            show_error(str(error))
            sys.stderr.flush()
            # Nothing has begun, and Locust would try for five minutes.
            os._exit(error.exit_code)

    def _explained(self) -> UsageError | PortInUseError:
        if self._joining.forks_workers:
            return PortInUseError(
                "what listens at --master-host and --master-port is the master of another run: name a free "
                "--master-bind-port, or none"
            )
        return UsageError(
            "what listens at --master-host and --master-port is no master of this run, or its token is another one: "
            f"set {TOKEN_VARIABLE} to what the master printed"
        )


UNKNOWN_ADDRESS = "an unknown address"


def _watch(sock: Any, watcher: _Strangers | _Refusal) -> None:
    """Pass the connection events of a socket to a watcher until the socket is closed."""
    # A socket that is closed, or never was one's own, ends the watch alone.
    with contextlib.suppress(zmq.ZMQError), sock.get_monitor_socket() as monitor:
        while True:
            found = recv_monitor_message(monitor)
            if found["event"] == zmq.Event.MONITOR_STOPPED:
                return
            watcher.note(found["event"], found["value"])


def _address(descriptor: int) -> str:
    try:
        connection = socket.socket(fileno=descriptor)
    except OSError:
        return UNKNOWN_ADDRESS
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return UNKNOWN_ADDRESS
    finally:
        connection.detach()  # it is 0MQ's
