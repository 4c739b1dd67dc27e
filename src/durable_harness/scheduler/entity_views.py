"""An entity as a person sees it: the operations that wait, the lock, and who wants it next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from durable_harness.protocol import pb, to_ns, unwrap_text
from durable_harness.protocol.overview import EntityInside, PendingOperation
from durable_harness.scheduler.entity_records import Entity, LockRequest

MOST_SHOWN = 100
"""How many operations are listed; the others are counted."""


def inside(entity: Entity | None, entity_id: str, wishes: Sequence[LockRequest]) -> EntityInside:
    """Return what an entity has to do; `wishes` are the locks that wait, in their order."""
    wanted_by = [wish.parent_id for wish in wishes if entity_id in wish.entity_ids][:MOST_SHOWN]
    if entity is None:
        return EntityInside(wanted_by=wanted_by)
    lock = entity.lock
    return EntityInside(
        pending=[_operation(pending) for _, pending in itertools.islice(entity.pending, MOST_SHOWN)],
        pending_count=len(entity.pending),
        in_hand=len(entity.dispatched),
        locked_by=lock.parent_id if lock is not None else "",
        locked_with=[other for other in lock.entity_ids if other != entity_id] if lock is not None else [],
        wanted_by=wanted_by,
    )


def _operation(pending: pb.HistoryEvent) -> PendingOperation:
    kind = pending.WhichOneof("eventType")
    body = getattr(pending, kind)
    caller_id = body.parentInstanceId.value if kind == "entityOperationCalled" else ""
    return PendingOperation(body.operation, to_ns(pending.timestamp), caller_id, unwrap_text(body, "input"))
