"""Durable entities: their state, the operations that wait for them, batches, locks, and delayed signals."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import Message

from durable_harness.protocol import TERMINAL_STATUSES, copy_of, from_ns, new_id, pb, to_ns, unwrap_text, wrap_text
from durable_harness.protocol import timings as noted
from durable_harness.protocol.overview import EntityInside
from durable_harness.protocol.work_kinds import Kind
from durable_harness.scheduler import queries
from durable_harness.scheduler.entity_records import Entity, EntitySaver, LockRequest, Numbered
from durable_harness.scheduler.entity_views import inside
from durable_harness.scheduler.hub_interface import EntityMessage, Hub
from durable_harness.scheduler.instances.execution_events import NO_ACTION_ID, event
from durable_harness.scheduler.instances.instance_state import Instance
from durable_harness.scheduler.limits.sizes import MESSAGE_BYTES, is_undeliverable, undeliverable
from durable_harness.scheduler.timings import WorkTimes

MAX_BATCH_OPERATIONS = 5000
"""The documented default of `maxEntityOperationBatchSize` in host.json outside the Consumption plan."""


@dataclass(slots=True)
class BatchWork:
    """The next batch of an entity's operations, made when a worker has room."""

    store: EntityStore
    entity: Entity
    kind: Kind = Kind.ENTITY
    version: str = ""
    times: WorkTimes = field(default_factory=functools.partial(WorkTimes, kind=noted.BATCH))

    @property
    def name(self) -> str:
        return self.entity.name

    @property
    def is_awaited(self) -> bool:
        return self.store.is_current(self.entity)

    def make_item(self, *, keeps_executions: bool) -> pb.WorkItem | None:  # noqa: ARG002 - entities have no history
        entity = self.entity
        entity.queued = False
        entity.dispatched = _take_batch(entity) if self.is_awaited else []
        if not entity.dispatched:
            return None
        entity.in_flight = True
        request = pb.EntityRequest(
            instanceId=entity.entity_id,
            executionId=new_id(),
            entityState=wrap_text(entity.state),
            operationRequests=[operation for _, operation in entity.dispatched],
        )
        return pb.WorkItem(entityRequestV2=request)

    def give_back(self) -> None:
        self.entity.pending.extendleft(reversed(self.entity.dispatched))
        self.entity.dispatched = []
        self.entity.in_flight = False
        self.entity.queued = True

    def will_be_repeated(self) -> None:
        """Nothing to note: only activities are counted."""

    def was_lost(self) -> None:
        """Fail the operation that breaks the connection of every worker, by itself or by the state it needs."""
        entity = self.entity
        entity.losses += 1
        batch = _take_batch(entity)
        size = sum(operation.ByteSize() for _, operation in batch) + len((entity.state or "").encode())
        if is_undeliverable(entity.losses, size):
            entity.dispatched = batch
            failure = undeliverable("EntityBatchTooLarge", f"batch of entity '{entity.name}'", size, entity.losses)
            self.store.finish_batch(entity, pb.EntityBatchResult(failureDetails=failure))
        else:
            entity.pending.extendleft(reversed(batch))


def _may_run(entity: Entity, operation: pb.HistoryEvent) -> bool:
    """A locked entity serves only the orchestration that holds it."""
    if entity.lock is None:
        return True
    called = operation.entityOperationCalled
    is_call = operation.HasField("entityOperationCalled")
    return is_call and called.parentInstanceId.value == entity.lock.parent_id


def _take_batch(entity: Entity) -> list[Numbered]:
    """Take the operations that may run now, as many as a worker can receive together, one at least."""
    batch: list[Numbered] = []
    kept: deque[Numbered] = deque()
    room = MESSAGE_BYTES - len((entity.state or "").encode())
    while entity.pending and len(batch) < MAX_BATCH_OPERATIONS:
        numbered = entity.pending.popleft()
        if not _may_run(entity, numbered[1]):
            kept.append(numbered)
            continue
        room -= numbered[1].ByteSize()
        if batch and room < 0:
            kept.append(numbered)
            break
        batch.append(numbered)
    kept.extend(entity.pending)
    entity.pending = kept
    return batch


class EntityStore:
    """All entities of a task hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._entities: dict[str, Entity] = {}
        self._waiting_locks: list[LockRequest] = []
        self.saver = EntitySaver(hub.name, hub.journal, hub)

    def load(self) -> None:
        """Continue what the store holds. Due times count from when the operation was sent, as those of instances."""
        for entity in self.saver.load_entities():
            self._entities[entity.entity_id] = entity
        self._waiting_locks = self.saver.load_lock_requests()
        for number, entity_id, due_ns, operation in self.saver.load_operations():
            epoch_ns = self._hub.epoch_not_before(to_ns(operation.timestamp))
            if due_ns > self._hub.clock.elapsed_ns(epoch_ns):
                self._enqueue_later(entity_id, (number, operation), due_ns, epoch_ns)
            else:
                self._entity(entity_id).pending.append((number, operation))
        for entity in self._entities.values():
            self._settle(entity)

    def receive(self, kind: str, message: EntityMessage, epoch_ns: int) -> None:
        """Take an entity message that an orchestration sent, whose time is counted from this epoch."""
        if isinstance(message, pb.EntityLockRequestedEvent):
            request = LockRequest(
                next(self._hub.journal.lock_numbers),
                message.criticalSectionId,
                message.parentInstanceId.value,
                tuple(sorted(set(message.lockSet))),
            )
            self._waiting_locks.append(request)
            self.saver.lock_requested(request)
            self._grant_locks()
        elif isinstance(message, pb.EntityUnlockSentEvent):
            self._unlock(self._entities.get(message.targetInstanceId.value), message.criticalSectionId)
        else:
            due_ns = to_ns(message.scheduledTime) if message.HasField("scheduledTime") else 0
            if due_ns:
                due_ns += self._hub.clock.epoch_ns - epoch_ns
            operation = event(self._hub.clock.now_ns(), NO_ACTION_ID, **{kind: message})
            self._enqueue_at(message.targetInstanceId.value, operation, due_ns)

    def signal(self, entity_id: str, *, operation: str, input_text: str | None, request_id: str, due_ns: int) -> None:
        """Send a one-way operation, now or when its time comes."""
        signaled = pb.EntityOperationSignaledEvent(
            requestId=request_id,
            operation=operation,
            input=wrap_text(input_text),
            targetInstanceId=wrap_text(entity_id),
        )
        if due_ns:
            signaled.scheduledTime.CopyFrom(from_ns(due_ns))
        self._enqueue_at(entity_id, event(self._hub.clock.now_ns(), entityOperationSignaled=signaled), due_ns)

    def finish_batch(self, entity: Entity, result: pb.EntityBatchResult) -> None:
        """Take a worker's answer: the new state, an outcome for each operation, and what the operations asked for.

        The answer of an entity that was forgotten meanwhile changes nothing.
        """
        if not self.is_current(entity):
            return
        batch, entity.dispatched = entity.dispatched, []
        entity.in_flight = False
        entity.losses = 0
        entity.modified_ns = self._hub.clock.now_ns()
        if result.HasField("failureDetails"):
            outcomes = [pb.OperationResult(failure={"failureDetails": result.failureDetails})] * len(batch)
        else:
            entity.state = unwrap_text(result, "entityState")
            outcomes = list(result.results)
        for (number, operation), outcome in zip(batch, outcomes, strict=False):
            self._answer(operation, outcome)
            self.saver.operation_done(number)
        entity.pending.extendleft(reversed(batch[len(outcomes) :]))
        for action in result.actions:
            self._carry_out(action)
        self._settle(entity)
        self._grant_locks()

    def is_current(self, entity: Entity) -> bool:
        """Whether this is the entity of its ID, and not one that was forgotten."""
        return self._entities.get(entity.entity_id) is entity

    def forget_all(self) -> None:
        """Forget every entity with its state, its locks and its operations, those whose time is yet to come too."""
        self._entities = {}
        self._waiting_locks = []
        self.saver.forget_all()

    def release_locks_of(self, parent_id: str) -> None:
        """Free what an orchestration that has ended still holds or waits for."""
        if not self._waiting_locks and not self._entities:
            return
        for request in [request for request in self._waiting_locks if request.parent_id == parent_id]:
            self._waiting_locks.remove(request)
            self.saver.lock_request_done(request)
        for entity in [e for e in self._entities.values() if e.lock is not None and e.lock.parent_id == parent_id]:
            self._unlock(entity, entity.lock.critical_section_id if entity.lock else "")
        self._grant_locks()

    def get(self, request: pb.GetEntityRequest) -> pb.GetEntityResponse:
        return _answer_get(self._entities.get(request.instanceId), request)

    def get_committed(self, request: pb.GetEntityRequest) -> pb.GetEntityResponse:
        """Answer with what the store has of an entity, without what is not written yet."""
        committed = self.saver.load_committed(self._hub.clock.now_ns(), request.instanceId)
        return _answer_get(committed.get(request.instanceId), request)

    def query(self, query: pb.EntityQuery) -> pb.QueryEntitiesResponse:
        """Return one page of entities in the order of their ids."""
        return _answer_query(self._entities, query)

    def inside(self, entity_id: str) -> EntityInside:
        """Return what an entity has to do, and who keeps it from that: for people, so the first operations only."""
        return inside(self._entities.get(entity_id), entity_id, self._waiting_locks)

    def query_committed(self, query: pb.EntityQuery) -> pb.QueryEntitiesResponse:
        """Return one page of the entities that the store has, without what is not written yet."""
        return _answer_query(self.saver.load_committed(self._hub.clock.now_ns()), query)

    def clean(self, request: pb.CleanEntityStorageRequest) -> pb.CleanEntityStorageResponse:
        """Forget entities without state or work, and locks whose holders are gone.

        The answer counts nothing: the service cleans by itself and always answers 0.
        """
        if request.releaseOrphanedLocks:
            holders = {e.lock.parent_id for e in self._entities.values() if e.lock is not None}
            for holder in filter(self._is_orphan, holders):
                self.release_locks_of(holder)
        if request.removeEmptyEntities:
            empty = [entity_id for entity_id, e in self._entities.items() if e.state is None and e.idle]
            for entity_id in empty:
                self.saver.mark_changed(self._entities.pop(entity_id))
        return pb.CleanEntityStorageResponse()

    def _is_orphan(self, holder: str) -> bool:
        instance = self._hub.instances.get(holder)
        return instance is None or instance.status in TERMINAL_STATUSES

    def _enqueue_at(self, entity_id: str, operation: pb.HistoryEvent, due_ns: int) -> None:
        numbered = (next(self._hub.journal.operation_numbers), operation)
        self.saver.operation_came(numbered, entity_id, due_ns)
        if due_ns > self._hub.clock.now_ns():
            self._enqueue_later(entity_id, numbered, due_ns)
        else:
            self._enqueue(entity_id, numbered)

    def _enqueue_later(self, entity_id: str, numbered: Numbered, due_ns: int, epoch_ns: int | None = None) -> None:
        entities = self._entities  # another one is in its place once all are forgotten

        def enqueue() -> None:
            if self._entities is entities:
                self._enqueue(entity_id, numbered)

        self._hub.clock.call_at(due_ns, enqueue, epoch_ns)

    def _enqueue(self, entity_id: str, numbered: Numbered) -> None:
        entity = self._entity(entity_id)
        entity.pending.append(numbered)
        self._settle(entity)

    def _entity(self, entity_id: str) -> Entity:
        entity = self._entities.get(entity_id)
        if entity is None:
            entity = self._entities[entity_id] = Entity(entity_id, self._hub.clock.now_ns())
        return entity

    def _settle(self, entity: Entity) -> None:
        """Save a change of an entity and offer its next batch, if it has one that may run now."""
        self.saver.mark_changed(entity)
        ready = any(_may_run(entity, operation) for _, operation in entity.pending)
        if ready and not entity.in_flight and not entity.queued:
            entity.queued = True
            self._hub.offer(entity.entity_id, BatchWork(self, entity))

    def _answer(self, operation: pb.HistoryEvent, outcome: pb.OperationResult) -> None:
        if not operation.HasField("entityOperationCalled"):
            return
        called = operation.entityOperationCalled
        caller = self._hub.instances.get(called.parentInstanceId.value)
        if caller is None or not self._awaits(caller, called):
            return
        answer = _answer_event(called.requestId, outcome)
        if caller.status == pb.ORCHESTRATION_STATUS_FAILED:
            self._hub.remember(caller, **answer)
        else:
            self._hub.deliver(caller, **answer)

    def _awaits(self, caller: Instance, called: pb.EntityOperationCalledEvent) -> bool:
        """Whether the execution that runs, or may after a rewind, is the one that called: rewinding renames it."""
        return caller.execution_id == called.parentExecutionId.value or any(
            past.entityOperationCalled.requestId == called.requestId
            for past in self._hub.instances.history(caller)
            if past.HasField("entityOperationCalled")
        )

    def _carry_out(self, action: pb.OperationAction) -> None:
        if action.HasField("sendSignal"):
            signal = action.sendSignal
            self.signal(
                signal.instanceId,
                operation=signal.name,
                input_text=unwrap_text(signal, "input"),
                request_id=new_id(),
                due_ns=to_ns(signal.scheduledTime) if signal.HasField("scheduledTime") else 0,
            )
        elif action.HasField("startNewOrchestration"):
            start = action.startNewOrchestration
            instance_id = start.instanceId or new_id()
            if self._hub.instances.get(instance_id) is None:
                self._hub.create(
                    instance_id,
                    start.name,
                    version=unwrap_text(start, "version"),
                    input_text=unwrap_text(start, "input"),
                    scheduled_start_ns=to_ns(start.scheduledTime) if start.HasField("scheduledTime") else 0,
                    trace_context=copy_of(start.parentTraceContext) if start.HasField("parentTraceContext") else None,
                )

    def _grant_locks(self) -> None:
        """Grant each waiting request whose entities are free and not wanted by an earlier one, so that none starves."""
        wanted: set[str] = set()
        still_waiting = []
        for request in self._waiting_locks:
            entities = [self._entity(entity_id) for entity_id in request.entity_ids]
            if wanted.isdisjoint(request.entity_ids) and all(e.lock is None and not e.in_flight for e in entities):
                for entity in entities:
                    entity.lock = request
                    self.saver.mark_changed(entity)
                self.saver.lock_request_done(request)
                granted = pb.EntityLockGrantedEvent(criticalSectionId=request.critical_section_id)
                holder = self._hub.instances.get(request.parent_id)
                if holder is not None:
                    self._hub.deliver(holder, entityLockGranted=granted)
            else:
                wanted.update(request.entity_ids)
                still_waiting.append(request)
        self._waiting_locks = still_waiting

    def _unlock(self, entity: Entity | None, critical_section_id: str) -> None:
        if entity is None or entity.lock is None or entity.lock.critical_section_id != critical_section_id:
            return
        entity.lock = None
        self._settle(entity)
        self._grant_locks()


def _answer_get(entity: Entity | None, request: pb.GetEntityRequest) -> pb.GetEntityResponse:
    if entity is None or (entity.state is None and entity.idle):
        return pb.GetEntityResponse(exists=False)
    metadata = _metadata(entity, include_state=request.includeState)
    return pb.GetEntityResponse(exists=entity.state is not None, entity=metadata)


def _answer_query(entities: Mapping[str, Entity], query: pb.EntityQuery) -> pb.QueryEntitiesResponse:
    describe = functools.partial(_metadata, include_state=query.includeState)
    page, token = queries.select_entities(entities, query, describe)
    return pb.QueryEntitiesResponse(entities=page, continuationToken=wrap_text(token))


def _answer_event(request_id: str, outcome: pb.OperationResult) -> dict[str, Message]:
    """Return the event that answers a call, by its kind."""
    if outcome.HasField("failure"):
        details = outcome.failure.failureDetails
        failed = pb.EntityOperationFailedEvent(requestId=request_id, failureDetails=details)
        return {"entityOperationFailed": failed}
    output = outcome.success.result if outcome.success.HasField("result") else None
    completed = pb.EntityOperationCompletedEvent(requestId=request_id, output=output)
    return {"entityOperationCompleted": completed}


def _metadata(entity: Entity, *, include_state: bool) -> pb.EntityMetadata:
    return pb.EntityMetadata(
        instanceId=entity.entity_id,
        lastModifiedTime=from_ns(entity.modified_ns),
        backlogQueueSize=len(entity.pending),
        lockedBy=wrap_text(entity.lock.parent_id if entity.lock else None),
        serializedState=wrap_text(entity.state if include_state else None),
    )
