"""Times from the history of another vendor's scheduler: no moment of its work is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_harness.protocol import RpcError, RpcStatus, pb, to_ns
from durable_harness.protocol.timings import Document, short_event

if TYPE_CHECKING:
    from durable_harness.protocol import Scheduler

MOST_INSTANCES = 50


async def timings_from_history(scheduler: Scheduler, instance_id: str) -> Document:
    """Return the document of an instance without what only a scheduler of this project notes; NOT_FOUND if unknown."""
    document = await _read(scheduler, instance_id, set())
    if document is None:
        raise RpcError(RpcStatus.NOT_FOUND, f"There is no orchestration instance with the id '{instance_id}'.")
    return document


async def _read(scheduler: Scheduler, instance_id: str, seen: set[str]) -> Document | None:
    seen.add(instance_id)
    answer = await scheduler.get_instance(pb.GetInstanceRequest(instanceId=instance_id))
    if not answer.exists:
        return None
    state = answer.orchestrationState
    events = [short_event(event) for event in await _history(scheduler, instance_id)]
    children = []
    for event in events:
        if event["kind"] == "subOrchestrationInstanceCreated" and len(seen) < MOST_INSTANCES:
            child = await _read(scheduler, event["instanceId"], seen) if event["instanceId"] not in seen else None
            children += [child] if child is not None else []
    return {
        "instanceId": instance_id,
        "orchestrator": state.name,
        "status": pb.OrchestrationStatus.Name(state.orchestrationStatus).removeprefix("ORCHESTRATION_STATUS_"),
        "createdNs": to_ns(state.createdTimestamp),
        "endedNs": to_ns(state.completedTimestamp) if state.HasField("completedTimestamp") else None,
        "nowNs": None,
        "isTimed": all(event["timeNs"] > 0 for event in events),  # some schedulers stamp only a part of them
        "events": events,
        "came": [],
        "work": [],
        "entities": {},
        "children": children,
    }


async def _history(scheduler: Scheduler, instance_id: str) -> list[pb.HistoryEvent]:
    request = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
    return [event async for chunk in scheduler.stream_instance_history(request) for event in chunk.events]
