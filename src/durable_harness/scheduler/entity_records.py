"""What the scheduler knows of an entity, and how it is saved."""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from durable_harness.protocol import pb, to_ns
from durable_harness.scheduler.storage import column_types
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.storage.column_types import INTEGER, TEXT, Row, check_types
from durable_harness.scheduler.storage.journal import Journal, Rows, Source

OPERATION_KINDS = frozenset({"entityOperationSignaled", "entityOperationCalled"})


@dataclass(slots=True)
class LockRequest:
    """An orchestration's wish to hold several entities at once."""

    number: int
    critical_section_id: str
    parent_id: str
    entity_ids: tuple[str, ...]


Numbered = tuple[int, pb.HistoryEvent]
Operation = tuple[int, str, int, pb.HistoryEvent]
"""What waits for an entity: number, entity id, due time, and the event."""


@dataclass(slots=True)
class Entity:
    """One entity. `pending` are numbered operations (history events) not yet done, in the order in which they came."""

    entity_id: str
    modified_ns: int
    state: str | None = None
    pending: deque[Numbered] = field(default_factory=deque)
    dispatched: list[Numbered] = field(default_factory=list)
    lock: LockRequest | None = None
    in_flight: bool = False
    losses: int = 0
    queued: bool = False

    @property
    def name(self) -> str:
        return self.entity_id[1:].partition("@")[0]

    @property
    def idle(self) -> bool:
        return not (self.pending or self.in_flight or self.queued or self.lock)


class EntitySaver:
    """Notes what changes about entities, operations and lock requests, and turns it into rows."""

    def __init__(self, hub_name: str, journal: Journal, source: Source) -> None:
        self._hub_name = hub_name
        self._journal = journal
        self._source = source
        self._store = journal.store
        self._changed: dict[str, Entity] = {}
        self._came: dict[int, tuple[str, int, pb.HistoryEvent]] = {}
        self._rows: Rows = {}

    def mark_changed(self, entity: Entity) -> None:
        self._changed[entity.entity_id] = entity
        self._journal.mark(self._source)

    def operation_came(self, numbered: Numbered, entity_id: str, due_ns: int) -> None:
        self._came[numbered[0]] = (entity_id, due_ns, numbered[1])
        self._journal.mark(self._source)

    def operation_done(self, number: int) -> None:
        if self._came.pop(number, None) is None:
            self._add_row(sql.DELETE_OPERATION, (number,))

    def lock_requested(self, request: LockRequest) -> None:
        self._add_row(sql.PUT_LOCK_REQUEST, (request.number, self._hub_name, _lock_text(request)))

    def lock_request_done(self, request: LockRequest) -> None:
        self._add_row(sql.DELETE_LOCK_REQUEST, (request.number,))

    def _add_row(self, statement: str, row: Row) -> None:
        self._rows.setdefault(statement, []).append(row)
        self._journal.mark(self._source)

    def forget_all(self) -> None:
        """Delete what the store has of this hub's entities, and all that was to be written."""
        self._changed, self._came, self._rows = {}, {}, {}
        hub = (self._hub_name,)
        for statement, query in (
            (sql.DELETE_OPERATION, "SELECT number FROM operations WHERE hub = ?"),
            (sql.DELETE_LOCK_REQUEST, "SELECT number FROM lock_requests WHERE hub = ?"),
            (sql.DELETE_ENTITY, "SELECT hub, id FROM entities WHERE hub = ?"),
        ):
            self._rows[statement] = list(self._store.rows(query, hub))
        self._journal.mark(self._source)

    def collect_rows(self, rows: Rows) -> None:
        """Add the rows of all changes since the last call."""
        for entity in self._changed.values():
            if entity.state is None and entity.lock is None:
                rows[sql.DELETE_ENTITY].append((self._hub_name, entity.entity_id))
            else:
                lock = _lock_text(entity.lock) if entity.lock else None
                row = (self._hub_name, entity.entity_id, entity.modified_ns, entity.state, lock)
                rows[sql.PUT_ENTITY].append(row)
        for number, (entity_id, due_ns, operation) in self._came.items():
            blob = operation.SerializeToString()
            rows[sql.PUT_OPERATION].append((number, self._hub_name, entity_id, due_ns, blob))
        for statement, noted in self._rows.items():
            rows[statement] += noted
        self._changed, self._came, self._rows = {}, {}, {}

    def load_committed(self, now_ns: int, entity_id: str | None = None) -> dict[str, Entity]:
        """Return all entities, or one, as the store has them, with the operations that are due."""
        entities = {entity.entity_id: entity for entity in self.load_entities(entity_id)}
        for number, target, due_ns, operation in self.load_operations(entity_id):
            if due_ns <= now_ns:
                waiting = entities.setdefault(target, Entity(target, to_ns(operation.timestamp)))
                waiting.pending.append((number, operation))
        return entities

    def load_entities(self, only: str | None = None) -> Iterator[Entity]:
        query = "SELECT hub, id, modified_ns, state, lock FROM entities WHERE hub = ? AND id IS IFNULL(?, id)"
        for row in self._store.rows(query, (self._hub_name, only)):
            with self._store.reading(f"entity '{row[1]}'"):
                entity = read_entity(row)
            yield entity

    def load_lock_requests(self) -> list[LockRequest]:
        query = "SELECT number, hub, request FROM lock_requests WHERE hub = ? ORDER BY number"
        requests = []
        for row in self._store.rows(query, (self._hub_name,)):
            with self._store.reading(f"lock request {row[0]}"):
                requests.append(read_lock_request(row))
        return requests

    def load_operations(self, only: str | None = None) -> Iterator[Operation]:
        query = (
            "SELECT number, hub, entity, due_ns, event FROM operations WHERE hub = ? AND entity IS IFNULL(?, entity)"
            " ORDER BY number"
        )
        for row in list(self._store.rows(query, (self._hub_name, only))):
            with self._store.reading(f"operation {row[0]} of entity '{row[2]}'"):
                operation = read_operation(row)
            yield operation


def _lock_text(request: LockRequest) -> str:
    return json.dumps(dataclasses.astuple(request))


# Each raises an error of UNREADABLE for a row without meaning.


def read_entity(row: Row) -> Entity:
    check_types(row, column_types.ENTITY)
    _, entity_id, modified_ns, state, lock = row
    return Entity(entity_id, modified_ns, state, lock=_lock(lock) if lock else None)


def read_operation(row: Row) -> Operation:
    check_types(row, column_types.OPERATION)
    number, _, entity_id, due_ns, blob = row
    operation = pb.HistoryEvent.FromString(blob)
    if operation.WhichOneof("eventType") not in OPERATION_KINDS:
        raise ValueError("not an operation")
    return number, entity_id, due_ns, operation


def read_lock_request(row: Row) -> LockRequest:
    check_types(row, column_types.LOCK_REQUEST)
    return _lock(row[2])


def _lock(text: str) -> LockRequest:
    number, critical_section_id, parent_id, entity_ids = json.loads(text)
    kinds = [INTEGER, TEXT, TEXT, *[TEXT] * len(entity_ids)]
    check_types([number, critical_section_id, parent_id, *entity_ids], kinds)
    return LockRequest(number, critical_section_id, parent_id, tuple(entity_ids))
