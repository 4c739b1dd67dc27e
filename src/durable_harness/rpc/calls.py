"""What a method of the gRPC service is and what it may do with a call, whichever server carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import grpc


class RpcCall(Protocol):
    """A call: its method, metadata, the bytes of its request, and `finish` for its last answer."""

    method: str
    metadata: Sequence[tuple[str, str | bytes]]
    body: bytes

    def finish(
        self, message: bytes | None = None, code: grpc.StatusCode = grpc.StatusCode.OK, details: str = ""
    ) -> None:
        """End the call with a status, after a last message if there is one."""


class LastingRpcCall(RpcCall, Protocol):
    """A call that may be answered with many messages, and is cancelled when its client gives up."""

    def send(self, message: bytes) -> Awaitable[None]:
        """Send a message. Returns at once unless very many wait to be sent."""


Handler = Callable[[LastingRpcCall], Awaitable[None]]
"""One of a method that is not lasting takes an `RpcCall`, and so a lasting one too."""


class Method(NamedTuple):
    """A method of the service. Only a lasting one can send many messages and is cancelled when its client gives up."""

    handler: Handler
    is_lasting: bool = False


class Server(Protocol):
    """A gRPC server. Must be made, started and stopped on one event loop."""

    def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError if it is taken."""

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, let the running ones end for `grace_s`, then cancel them."""


Methods = Mapping[str, Method]
"""Methods by their name, as in `/Service/Method`."""
Options = Sequence[tuple[str, int]]
"""Arguments of the gRPC core, for example `("grpc.so_reuseport", 0)`."""
MAX_DETAILS_CHARS = 600
"""Clients take 8 KB of trailers by default, where each byte beyond ASCII needs three."""
NO_SUCH_METHOD = "There is no such method."


def describe(error: Exception) -> str:
    """Return the details by which a client learns of an exception in a handler."""
    return f"{type(error).__name__}: {error}"


def sendable_details(details: str) -> str:
    """Return details as a status can carry them: text without UTF-8 or too long for a header never arrives."""
    return details[:MAX_DETAILS_CHARS].encode("utf-8", "backslashreplace").decode()
