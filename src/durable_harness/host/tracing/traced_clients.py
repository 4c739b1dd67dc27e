"""Spans of what clients ask for: starts of orchestrations, events, signals to entities."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from durable_harness.host.tracing import names
from durable_harness.host.tracing.context import from_message
from durable_harness.host.tracing.sendings import event_span, signal_span
from durable_harness.host.tracing.spans import Span, Spans, child_of, current_ref
from durable_harness.host.tracing.traced_operations import TracedOperations
from durable_harness.protocol import Scheduler, new_id, pb

A = TypeVar("A")


class TracedClients:
    """A scheduler as the clients of a host see it. What they ask for is in the trace of whoever asked."""

    def __init__(self, scheduler: Scheduler, spans: Spans, operations: TracedOperations) -> None:
        self._scheduler = scheduler
        self._spans = spans
        self._operations = operations

    def __getattr__(self, name: str) -> Any:  # type: ignore[explicit-any]  # all other methods of a Scheduler
        return getattr(self._scheduler, name)

    async def start_instance(self, request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        """Start an instance, whose orchestration is a child of the start."""
        request.instanceId = request.instanceId or new_id()
        parent = from_message(request) or current_ref()
        version = request.version.value
        span = Span(names.of_start(request.name, version), "PRODUCER", child_of(parent), parent)
        span.attributes = {
            names.TYPE: "orchestration",
            names.NAME: request.name,
            names.VERSION: version,
            names.INSTANCE_ID: request.instanceId,
        }
        request.parentTraceContext.CopyFrom(span.at.to_message())
        return await self._sent(span, self._scheduler.start_instance(request))

    async def raise_event(self, request: pb.RaiseEventRequest) -> pb.RaiseEventResponse:
        """Raise an event."""
        span = event_span(request.name, request.instanceId, current_ref())
        return await self._sent(span, self._scheduler.raise_event(request))

    async def signal_entity(self, request: pb.SignalEntityRequest) -> pb.SignalEntityResponse:
        """Signal an entity, whose operation is a child of the signal."""
        request.requestId = request.requestId or new_id()
        span = signal_span(request.instanceId, request.name, from_message(request) or current_ref())
        request.parentTraceContext.CopyFrom(span.at.to_message())
        self._operations.begun(request.requestId, span.at)
        return await self._sent(span, self._scheduler.signal_entity(request))

    async def _sent(self, span: Span, call: Awaitable[A]) -> A:
        """Return the answer of a call. Its span ends with it, as a failure if the scheduler refuses it."""
        try:
            return await call
        except Exception as error:
            span.error = str(error)
            raise
        finally:
            self._spans.emit(span)
