"""When each piece of work became ready, was offered, handed out and answered: kept in memory, for the latest work only.

The moments are those of the steady clock, which nothing sets. `timings_document` turns them into times of the instance.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol.timings import Document

MOST_WORK = 30_000
"""How many pieces of work are remembered, about 300 bytes each; those of the instances idle longest go first."""
MOST_OF_ONE = 5_000
"""How many of one instance or entity: an eternal one would otherwise push out all others."""


@dataclass(slots=True)
class WorkTimes:
    """The moments of one piece of work; 0 for what has not happened. Work that comes back is offered again."""

    ready_ns: int = 0
    offered_ns: int = 0
    sent_ns: int = 0
    done_ns: int = 0
    waited_for: str = ""
    """What it had to wait for when it was offered, "" if a worker took it at once."""
    token: str = ""
    kind: str = ""
    task_id: int = 0
    is_void: bool = False
    """Whether there was nothing left to do when a worker had room for it."""

    def as_json(self, offset_ns: int) -> Document:
        moments = {
            "readyNs": self.ready_ns,
            "offeredNs": self.offered_ns,
            "sentNs": self.sent_ns,
            "doneNs": self.done_ns,
        }
        times = {name: at_ns + offset_ns if at_ns else None for name, at_ns in moments.items()}
        return {"kind": self.kind, "task": self.task_id, **times, "waitedFor": self.waited_for, "token": self.token}


class Timings:
    """The work of all instances and entities of a hub, as far as it is remembered."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self._most = most
        self._count = 0
        self._noted: OrderedDict[str, list[WorkTimes]] = OrderedDict()

    def note(self, subject_id: str, times: WorkTimes) -> None:
        """Remember work that has become ready."""
        times.ready_ns = steady_ns()
        works = self._noted.setdefault(subject_id, [])
        self._noted.move_to_end(subject_id)
        works.append(times)
        self._count += 1
        if len(works) > MOST_OF_ONE:
            del works[0]
            self._count -= 1
        while self._count > self._most:
            self._count -= len(self._noted.popitem(last=False)[1])

    def forget(self, subject_id: str) -> None:
        self._count -= len(self._noted.pop(subject_id, ()))

    def forget_all(self) -> None:
        self._count = 0
        self._noted.clear()

    def of(self, subject_id: str) -> list[WorkTimes]:
        """Return the remembered work of an instance or entity, in the order in which it became ready."""
        return [times for times in self._noted.get(subject_id, ()) if not times.is_void]
