"""What functions wrote to their output bindings: kept in memory, the oldest dropped beyond a limit."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from durable_harness.host.triggers.converting import Encoded

MOST_WRITES = 10_000
MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Written:
    """One message, document or blob that a function wrote."""

    number: int
    at_ns: int
    """When it was written, by the monotonic clock that all processes of this machine share."""
    invocation_id: str
    function: str
    name: str
    """The parameter that it was written by, `$return` for what was returned."""
    type: str
    target: str
    content: Encoded
    size_bytes: int

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "invocationId": self.invocation_id,
            "function": self.function,
            "name": self.name,
            "type": self.type,
            "target": self.target,
            **self.content.as_json(),
        }


class Outputs:
    """Keeps what was written, in order, within `most_writes` and `most_bytes`."""

    def __init__(self, most_writes: int = MOST_WRITES, most_bytes: int = MOST_BYTES) -> None:
        self._most_writes, self._most_bytes = most_writes, most_bytes
        self._kept: deque[Written] = deque()
        self._size_bytes = 0
        self._count = 0
        self.dropped_at_ns: int | None = None
        """When the latest of those that were dropped had been written; None if none was."""

    def add(  # noqa: PLR0913 - what is known of it
        self, content: Encoded, *, invocation_id: str, function: str, name: str, binding_type: str, target: str
    ) -> Written:
        """Keep what a function wrote."""
        self._count += 1
        written = Written(
            self._count,
            time.monotonic_ns(),
            invocation_id,
            function,
            name,
            binding_type,
            target,
            content,
            content.size_bytes,
        )
        self._kept.append(written)
        self._size_bytes += written.size_bytes
        # The last one is kept whatever its size: it is in memory anyway, and a test waits for it.
        while len(self._kept) > self._most_writes or (self._size_bytes > self._most_bytes and len(self._kept) > 1):
            oldest = self._kept.popleft()
            self._size_bytes -= oldest.size_bytes
            self.dropped_at_ns = oldest.at_ns
        return written

    def since(self, at_ns: int) -> Iterator[Written]:
        """Yield what was written from a moment on."""
        return (written for written in self._kept if written.at_ns >= at_ns)

    def of(self, invocation_id: str) -> Iterator[Written]:
        """Yield what one invocation wrote."""
        return (written for written in self._kept if written.invocation_id == invocation_id)
