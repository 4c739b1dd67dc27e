"""Small conversions between protobuf values and Python ones. Times are integers: nanoseconds since the epoch, UTC."""

from __future__ import annotations

import random
from typing import TypeVar
from uuid import NAMESPACE_OID, uuid5

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import timestamp_pb2, wrappers_pb2
from google.protobuf.message import Message

from durable_harness.wording.lengths import NS_PER_S

M = TypeVar("M", bound=Message)
LATEST_NS = 1 << 62
MAX_PAYLOAD_BYTES = 1_048_576
"""What the service takes as one input, output, event, custom status or entity state."""
MAX_ID_CHARS = 100
"""The longest id of an instance or an entity that the service accepts."""
_ids = random.Random(random.SystemRandom().getrandbits(256))  # noqa: S311 - ids must be unique, not secret; asking the kernel for each costs a syscall

TERMINAL_STATUSES = frozenset(
    {
        pb.ORCHESTRATION_STATUS_COMPLETED,
        pb.ORCHESTRATION_STATUS_FAILED,
        pb.ORCHESTRATION_STATUS_CANCELED,
        pb.ORCHESTRATION_STATUS_TERMINATED,
    }
)


def new_id() -> str:
    """Return a new unique id: 32 lower-case hex digits, as the Durable extension makes them."""
    return f"{_ids.getrandbits(128):032x}"


def child_id(parent_id: str, execution_id: str, task_id: int) -> str:
    """Return the id of a child that its orchestrator did not name: its parent's with its task's.

    Where that is longer than an id may be, it is made of a hash of the same names.
    """
    named = f"{parent_id}:{task_id:04x}"
    return named if len(named) <= MAX_ID_CHARS else uuid5(NAMESPACE_OID, f"{execution_id}:{named}").hex


def from_ns(time_ns: int) -> timestamp_pb2.Timestamp:
    """Return a protobuf Timestamp for nanoseconds since the epoch."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)


def to_ns(stamp: timestamp_pb2.Timestamp) -> int:
    """Return nanoseconds since the epoch for a protobuf Timestamp; times out of the range of 64 bits are its ends."""
    return min(max(int(stamp.seconds) * NS_PER_S + int(stamp.nanos), 0), LATEST_NS)


def is_text(text: str) -> bool:
    """Whether text has an encoding; with half of a surrogate pair, which JSON may bring, it has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def copy_of(message: M) -> M:
    """Return a copy to keep. A part of a message keeps the whole message in memory, with all else that is in it."""
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def wrap_text(text: str | None) -> wrappers_pb2.StringValue | None:
    """Return a StringValue, or None if there is no text (an unset field)."""
    return None if text is None else wrappers_pb2.StringValue(value=text)


def unwrap_text(message: Message, field: str) -> str | None:
    """Return the text of a StringValue field, or None if it is unset. Empty text is text."""
    return str(getattr(message, field).value) if message.HasField(field) else None
