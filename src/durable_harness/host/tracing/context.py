"""W3C trace contexts: the parts of a `traceparent`, and contexts of spans that are emitted later."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from durable_harness.protocol import pb

VERSION = "00"
SAMPLED = 0x01
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_ids = random.Random(random.SystemRandom().getrandbits(128))  # noqa: S311 - ids must be unique, not secret


@dataclass(frozen=True, slots=True)
class SpanRef:
    """The place of one span: its trace, its own ID, whether it is sampled."""

    trace_id: int
    span_id: int
    flags: int = SAMPLED
    state: str = ""

    def child(self) -> SpanRef:
        """Return the place of a new span in the same trace."""
        return replace(self, span_id=new_span_id())

    @property
    def trace_parent(self) -> str:
        """The value of the `traceparent` header."""
        return f"{VERSION}-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"

    def to_message(self) -> pb.TraceContext:
        """Return the protobuf TraceContext."""
        message = pb.TraceContext(traceParent=self.trace_parent, spanID=f"{self.span_id:016x}")
        if self.state:
            message.traceState.value = self.state
        return message


def new_span_id() -> int:
    """Return a random span ID, which is never zero."""
    return _ids.getrandbits(64) or 1


def new_root() -> SpanRef:
    """Return the place of the first span of a new trace."""
    return SpanRef(_ids.getrandbits(128) or 1, new_span_id())


def parse(trace_parent: str, trace_state: str = "") -> SpanRef | None:
    """Read the two headers of W3C Trace Context. None if they are not one."""
    found = _PARENT.fullmatch(trace_parent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanRef(trace_id, span_id, flags, trace_state)


def from_message(holder: Message, field: str = "parentTraceContext") -> SpanRef | None:
    """Read the TraceContext in a field of a message. None if there is none."""
    if not holder.HasField(field):
        return None
    message = getattr(holder, field)
    return parse(message.traceParent, message.traceState.value)
