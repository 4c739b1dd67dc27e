"""Messages that can be received: a gRPC client or worker takes 4 MiB by default, and one larger ends its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

from durable_harness.protocol import pb

M = TypeVar("M", bound=Message)
RECEIVE_BYTES = 4 * 1024 * 1024
"""The default of gRPC's `max_receive_message_length`, in all its languages."""
MESSAGE_BYTES = RECEIVE_BYTES - 256 * 1024
"""What is filled at most where several things share a message; the rest is for what frames them."""
CHUNK_EVENTS = 1000
"""How many events share a message at most, so that neither side has all of a long history in messages at once."""
MAX_LOSSES = 3
"""After how many lost workers the size of their common work counts as the cause. One or two may have other reasons."""


def chunks(messages: Iterable[M]) -> Iterator[list[M]]:
    """Yield messages in lists that fit into one message each; one that is too large by itself goes alone."""
    chunk: list[M] = []
    size = 0
    for message in messages:
        own = message.ByteSize()
        if chunk and (size + own > MESSAGE_BYTES or len(chunk) >= CHUNK_EVENTS):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += own
    if chunk:
        yield chunk


def is_undeliverable(losses: int, size: int) -> bool:
    """Whether work breaks the connection of every worker that gets it: too large, and several were lost with it."""
    return losses >= MAX_LOSSES and size > RECEIVE_BYTES


def undeliverable(error_type: str, what: str, size: int, losses: int) -> pb.TaskFailureDetails:
    """Return the failure of work that is not sent again, with what its user can do."""
    return pb.TaskFailureDetails(
        errorType=error_type,
        errorMessage=f"The {what} has {size} bytes and {losses} workers were lost when it was sent to them: a gRPC"
        f" client receives {RECEIVE_BYTES} bytes by default. Raise the worker's max_receive_message_length, or keep"
        " large data elsewhere and pass a reference to it.",
    )
