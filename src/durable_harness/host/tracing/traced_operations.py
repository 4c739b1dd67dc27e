"""The spans that caused operations of entities: the protocol carries no trace with these."""

from __future__ import annotations

from collections import OrderedDict

from durable_harness.host.tracing.context import SpanRef

MOST_OPERATIONS = 10_000
"""Beyond that many operations under way the oldest lose their parent, and have no span."""


class TracedOperations:
    """The spans of calls and signals of this host, by their request IDs."""

    def __init__(self) -> None:
        self._causes: OrderedDict[str, SpanRef] = OrderedDict()

    def begun(self, request_id: str, cause: SpanRef) -> None:
        """Note the span that an operation is a child of."""
        self._causes[request_id] = cause
        if len(self._causes) > MOST_OPERATIONS:
            self._causes.popitem(last=False)

    def cause_of(self, request_id: str) -> SpanRef | None:
        """Return the span that an operation is a child of, and forget it. None if this host does not know it."""
        return self._causes.pop(request_id, None)
