"""Events of a history that a test writes."""

from datetime import UTC, datetime, timedelta

from durable_harness.protocol import from_ns, pb

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(at_s=0.0, event_id=-1, **kind):
    """Return a history event, a number of seconds after the start."""
    moment_ns = round((START + timedelta(seconds=at_s)).timestamp() * 1000) * 1_000_000
    return pb.HistoryEvent(eventId=event_id, timestamp=from_ns(moment_ns), **kind)
