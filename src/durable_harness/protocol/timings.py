"""When the work of an instance became ready, was handed out and was answered, and its history in short.

The scheduler notes its own moments, the host adds those of its functions; `durable_harness.why` reads both. All times
of one document are nanoseconds since the epoch on the clock of the instance. `isTimed` is false if that clock was moved
or set: no difference of its times is a duration then.
"""

from __future__ import annotations

from collections.abc import Mapping

from durabletask.internal import orchestrator_service_pb2 as pb

from durable_harness.documents import JsonObject
from durable_harness.protocol.values import to_ns

TIMINGS_METHOD = "/durable_harness.Measuring/InstanceTimings"
"""The gRPC method by which a host asks a scheduler of this project, in a process of its own: an id -> a JSON object."""

TURN, ACTIVITY, BATCH = "turn", "activity", "batch"
"""The kinds of work in the words of this document, which a host and a scheduler of two versions exchange."""
SLOT, WORKER = "slot", "worker"
"""What ready work had to wait for: room at a host that takes it, or a host that takes it at all."""

Document = JsonObject
"""A JSON object of these times: of an instance, of a piece of its work, or of an event in short."""

_SHORT: Mapping[str, tuple[str, ...]] = {
    "executionStarted": ("name",),
    "taskScheduled": ("name",),
    "taskCompleted": ("taskScheduledId",),
    "taskFailed": ("taskScheduledId",),
    "subOrchestrationInstanceCreated": ("name", "instanceId"),
    "subOrchestrationInstanceCompleted": ("taskScheduledId",),
    "subOrchestrationInstanceFailed": ("taskScheduledId",),
    "timerFired": ("timerId",),
    "eventRaised": ("name",),
    "entityOperationCalled": ("requestId", "operation"),
    "entityOperationCompleted": ("requestId",),
    "entityOperationFailed": ("requestId",),
    "entityLockRequested": ("criticalSectionId",),
    "entityLockGranted": ("criticalSectionId",),
}
"""What is kept of each kind of event, beside its id and its time. No payload is among it."""


def short_event(event: pb.HistoryEvent) -> Document:
    """Return what a critical path needs of a history event."""
    kind = event.WhichOneof("eventType")
    body = getattr(event, kind)
    short = {"kind": kind, "id": event.eventId, "timeNs": to_ns(event.timestamp)}
    short |= {field: getattr(body, field) for field in _SHORT.get(kind, ())}
    if kind == "timerCreated":
        short["dueNs"] = to_ns(body.fireAt)
    elif kind == "entityOperationCalled":
        short["entity"] = body.targetInstanceId.value
    elif kind == "entityLockRequested":
        short["entities"] = list(body.lockSet)
    elif kind == "executionStarted" and body.HasField("scheduledStartTimestamp"):
        short["dueNs"] = to_ns(body.scheduledStartTimestamp)
    return short
