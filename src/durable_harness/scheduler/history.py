"""The history of an execution, as the bytes that it is stored and sent in.

An event that came in a request is a part of its message, and keeps all of that in memory for as long as it is kept
itself. Bytes keep nothing but themselves, and take a tenth of what a message takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from durable_harness.protocol import pb

NO_ACTION_ID = -1
"""The id of events that no action asked for: what came in, and ends that the scheduler itself makes."""

EVENTS_AT_ONCE = 1000
"""How many events are messages at a time while a history is read: a message takes ten times the memory of its bytes."""


class History:
    """Events in order. Reading the last ones costs nothing for those before them.

    `_wire` is a serialised OrchestratorRequest that has nothing but past events; `_starts` says where each begins.
    `last_action_id` is the highest id of an action, -1 without any.
    """

    __slots__ = ("_starts", "_wire", "last_action_id")

    def __init__(self, events: Iterable[pb.HistoryEvent] = ()) -> None:
        self._wire = bytearray()
        self._starts = array("Q")
        self.last_action_id = NO_ACTION_ID
        self.extend(events)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[pb.HistoryEvent]:
        """Yield the events that there are now, reading a part at a time: as messages all would take ten times more."""
        length = len(self)
        for position in range(0, length, EVENTS_AT_ONCE):
            yield from self.since(position, min(position + EVENTS_AT_ONCE, length))

    @property
    def size_bytes(self) -> int:
        """How large the history is when it is sent."""
        return len(self._wire)

    def append(self, event: pb.HistoryEvent) -> None:
        if event.eventId > self.last_action_id and not event.HasField("executionStarted"):
            self.last_action_id = event.eventId
        self._starts.append(len(self._wire))
        self._wire += pb.OrchestratorRequest(pastEvents=(event,)).SerializeToString()

    def extend(self, events: Iterable[pb.HistoryEvent]) -> None:
        for event in events:
            self.append(event)

    def since(self, position: int, end: int | None = None) -> list[pb.HistoryEvent]:
        """Return the events from a position to an end, as messages that share nothing with this history."""
        request = pb.OrchestratorRequest()
        self.add_to(request, position, end)
        return list(request.pastEvents)

    def add_to(self, request: pb.OrchestratorRequest, position: int = 0, end: int | None = None) -> None:
        """Add the events from a position to an end to the past events of an OrchestratorRequest."""
        if position < len(self._starts):
            last_byte = len(self._wire) if end is None or end >= len(self._starts) else self._starts[end]
            with memoryview(self._wire) as wire:
                request.MergeFromString(wire[self._starts[position] : last_byte])  # type: ignore[arg-type]  # any buffer
