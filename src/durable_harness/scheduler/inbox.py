"""What was sent to an execution and is not part of its history yet."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any

CONTROLS = frozenset({"executionSuspended", "executionResumed", "executionTerminated"})


class Inbox:
    """Events in the order in which they came. Each costs the same however many wait: none is looked at twice."""

    __slots__ = ("_controls", "_events")

    def __init__(self, events: Iterable[Any] = ()) -> None:
        self._events: deque[Any] = deque()
        self._controls: Counter[str] = Counter()
        for event in events:
            self.append(event)

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def append(self, event: Any) -> None:
        self._events.append(event)
        self._count(event, 1)

    def has_any(self, controls: Collection[str]) -> bool:
        """Whether an event of one of these CONTROLS waits."""
        return any(self._controls[control] for control in controls)

    def take_through(self, kind: str) -> list[Any]:
        """Take the events up to the first of a kind, which is taken too; all of them if there is none."""
        taken: list[Any] = []
        while self._events:
            taken.append(self._events.popleft())
            self._count(taken[-1], -1)
            if taken[-1].HasField(kind):
                break
        return taken

    def put_back(self, events: Collection[Any]) -> None:
        """Put events that were taken back to the front."""
        self._events.extendleft(reversed(list(events)))
        for event in events:
            self._count(event, 1)

    def since(self, position: int) -> list[Any]:
        """Return the events from a position on, at the cost of these alone."""
        latest = itertools.islice(reversed(self._events), len(self._events) - position)
        return list(latest)[::-1]

    def _count(self, event: Any, by: int) -> None:
        kind = event.WhichOneof("eventType")
        if kind in CONTROLS:
            self._controls[kind] += by
