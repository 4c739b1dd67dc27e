"""Spans of what is sent to an instance or an entity, by a client or by an orchestration."""

from __future__ import annotations

from durable_harness.host.tracing import names
from durable_harness.host.tracing.context import SpanRef
from durable_harness.host.tracing.spans import Span, child_of


def event_span(name: str, target_id: str, parent: SpanRef | None, sender_id: str = "") -> Span:
    """Return the span of an event; `sender_id` is empty for a client."""
    span = Span(names.of_event(name), "PRODUCER", child_of(parent), parent)
    span.attributes = {
        names.TYPE: "event",
        names.NAME: name,
        names.INSTANCE_ID: sender_id,
        names.TARGET_INSTANCE_ID: target_id,
    }
    return span


def signal_span(entity_id: str, operation: str, parent: SpanRef | None, sender_id: str = "") -> Span:
    """Return the span of a signal to an entity; `sender_id` is empty for a client."""
    span = Span(names.of_operation(entity_id, operation), "PRODUCER", child_of(parent), parent)
    span.attributes = {
        names.TYPE: "entity",
        names.OPERATION: names.SIGNAL,
        names.TARGET_INSTANCE_ID: entity_id,
        names.INSTANCE_ID: sender_id,
    }
    return span
