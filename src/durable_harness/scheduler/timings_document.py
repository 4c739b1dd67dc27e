"""When what happened to an instance and its sub-orchestrations, as one document.

Moments of the steady clock become times of the instance. Where its clock was moved they are marked as no measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from durable_harness.platforms.clocks import steady_ns
from durable_harness.protocol import TERMINAL_STATUSES, pb
from durable_harness.protocol.timings import Document, short_event
from durable_harness.scheduler.hub_state import HubState
from durable_harness.scheduler.instances.instance_state import Instance

MOST_INSTANCES = 200
"""How many instances of a tree are described in one answer."""


@dataclass
class _Describing:
    """One answer: a tree of instances, up to MOST_INSTANCES."""

    hub: HubState
    seen: set[str] = field(default_factory=set)

    def document(self, instance: Instance) -> Document:
        self.seen.add(instance.instance_id)
        events = [short_event(event) for event in self.hub.instances.history(instance)]
        execution = instance.execution
        came = (
            execution.received_since(execution.taken)
            if execution is not None and instance.status not in TERMINAL_STATUSES
            else []
        )
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


def document_of(hub: HubState, instance: Instance) -> Document:
    """Return the times of an instance and its sub-orchestrations, with their histories in short."""
    return _Describing(hub).document(instance)
