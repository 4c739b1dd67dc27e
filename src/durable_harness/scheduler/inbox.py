"""What was sent to an execution and is not part of its history yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from durable_harness.protocol import pb

CONTROLS = frozenset({"executionSuspended", "executionResumed", "executionTerminated"})


class Inbox:
    """Events in the order in which they came. Each costs the same however many wait: none is looked at twice.

    Every living instance has one, so it is small: a deque alone would take ten times what a list takes.
    """

    __slots__ = ("_controls", "_events")

    def __init__(self, events: Iterable[pb.HistoryEvent] = ()) -> None:
        self._events: list[pb.HistoryEvent] = []
        self._controls: dict[str, int] = {}
        for event in events:
            self.append(event)

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[pb.HistoryEvent]:
        return iter(self._events)

    def append(self, event: pb.HistoryEvent) -> None:
        self._events.append(event)
        self._count(event, 1)

    def has_any(self, controls: Collection[str]) -> bool:
        """Whether an event of one of these CONTROLS waits."""
        return any(self._controls.get(control) for control in controls)

    def take_through(self, kind: str) -> list[pb.HistoryEvent]:
        """Take the events up to the first of one of CONTROLS, which is taken too; all of them if there is none."""
        length = len(self._events)
        if self._controls.get(kind):
            length = 1 + next(i for i, event in enumerate(self._events) if event.HasField(kind))
        taken, self._events = self._events[:length], self._events[length:]
        if any(self._controls.values()):  # seldom: else there is nothing to count
            for event in taken:
                self._count(event, -1)
        return taken

    def put_back(self, events: Collection[pb.HistoryEvent]) -> None:
        """Put events that were taken back to the front."""
        self._events[:0] = events
        for event in events:
            self._count(event, 1)

    def since(self, position: int) -> list[pb.HistoryEvent]:
        """Return the events from a position on, at the cost of these alone."""
        return self._events[position:]

    def _count(self, event: pb.HistoryEvent, by: int) -> None:
        kind = event.WhichOneof("eventType")
        if kind in CONTROLS:
            self._controls[kind] = self._controls.get(kind, 0) + by
