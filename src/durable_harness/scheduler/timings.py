"""When each piece of work became ready, was offered, handed out and answered: kept in memory, for the latest work only.

The moments are those of the steady clock, which nothing sets. `document_of` turns them into times of the instance; it
refuses to where the clock was moved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol import pb
from durable_harness.protocol.timings import Document, short_event

if TYPE_CHECKING:
    from durable_harness.scheduler.core import HubCore
    from durable_harness.scheduler.instances import Instance

MOST_WORK = 30_000
"""How many pieces of work are remembered, about 300 bytes each; those of the instances idle longest go first."""
MOST_OF_ONE = 5_000
"""How many of one instance or entity: an eternal one would otherwise push out all others."""
MOST_INSTANCES = 200
"""How many instances of a tree are described in one answer."""


@dataclass(slots=True)
class WorkTimes:
    """The moments of one piece of work; 0 for what has not happened. Work that comes back begins again at `offered`."""

    ready_ns: int = 0
    offered_ns: int = 0
    sent_ns: int = 0
    done_ns: int = 0
    waited_for: str = ""
    token: str = ""
    kind: str = ""
    task_id: int = 0
    is_void: bool = False
    """Whether there was nothing left to do when a worker had room for it."""

    def offered(self, waits_for: str) -> None:
        """Note that workers could take it, and what it must wait for if none does."""
        self.offered_ns, self.sent_ns, self.done_ns = steady_ns(), 0, 0
        self.waited_for = waits_for

    def sent(self, token: str) -> None:
        self.sent_ns, self.token = steady_ns(), token

    def done(self) -> None:
        self.done_ns = steady_ns()

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

    def of(self, subject_id: str) -> list[WorkTimes]:
        """Return the remembered work of an instance or entity, in the order in which it became ready."""
        return [times for times in self._noted.get(subject_id, ()) if not times.is_void]


@dataclass
class _Describing:
    """One answer: a tree of instances, up to MOST_INSTANCES."""

    hub: HubCore
    seen: set[str] = field(default_factory=set)

    def document(self, instance: Instance) -> Document:
        self.seen.add(instance.instance_id)
        events = [short_event(event) for event in self.hub.instances.history(instance)]
        execution = instance.execution
        came = execution.received_since(execution.taken) if execution is not None and not instance.ended else []
        offset_ns = self._offset_ns(instance)
        return {
            "instanceId": instance.instance_id,
            "orchestrator": instance.name,
            "status": pb.OrchestrationStatus.Name(instance.status).removeprefix("ORCHESTRATION_STATUS_"),
            "createdNs": instance.created_ns,
            "endedNs": instance.completed_ns or None,
            "nowNs": steady_ns() + offset_ns,
            "isTimed": not (instance.is_modelled or self.hub.clock.is_moved),
            "events": events,
            "came": [short_event(event) for event in came],
            "work": [times.as_json(offset_ns) for times in self.hub.timings.of(instance.instance_id)],
            "entities": dict(self._entities(events, offset_ns)),
            "children": list(self._children(events)),
            "repeats": {str(task): count for task, count in self.hub.repeats.of(instance).items()},
        }

    def _offset_ns(self, instance: Instance) -> int:
        """Return what to add to the steady clock for the time of an instance; of an ended one the present epoch's."""
        epoch_ns = instance.epoch_ns or self.hub.clock.epoch_ns
        return self.hub.clock.elapsed_ns() - steady_ns() + epoch_ns

    def _entities(self, events: Iterable[Document], offset_ns: int) -> Iterator[tuple[str, list[Document]]]:
        called = {event["entity"] for event in events if event["kind"] == "entityOperationCalled"}
        for entity_id in sorted(called):
            yield entity_id, [times.as_json(offset_ns) for times in self.hub.timings.of(entity_id)]

    def _children(self, events: Iterable[Document]) -> Iterator[Document]:
        for event in events:
            if event["kind"] == "subOrchestrationInstanceCreated" and len(self.seen) < MOST_INSTANCES:
                child = self.hub.instances.get(event["instanceId"])
                if child is not None and child.instance_id not in self.seen:
                    yield self.document(child)


def document_of(hub: HubCore, instance: Instance) -> Document:
    """Return the times of an instance and its sub-orchestrations, with their histories in short."""
    return _Describing(hub).document(instance)
