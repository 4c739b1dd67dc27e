"""The instances of a task hub: the living ones in memory, all of them in the store."""

from __future__ import annotations

import asyncio
import functools
import json
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import cast

from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import TERMINAL_STATUSES, Costs, pb
from durable_harness.protocol.costs import ACTION_KINDS
from durable_harness.scheduler.instances.execution_events import Execution, History, Inbox, Saved
from durable_harness.scheduler.instances.instance_state import Instance, Parent, parent_info
from durable_harness.scheduler.storage import column_types
from durable_harness.scheduler.storage import store as sql
from durable_harness.scheduler.storage.column_types import TEXT, Row, check_types
from durable_harness.scheduler.storage.journal import Action, Journal, Rows, Source
from durable_harness.scheduler.storage.store import Store

logger = own_logger("durable_harness.scheduler")

_PACKED = struct.Struct(f"<{len(ACTION_KINDS) + 2}q")
RECENT_INSTANCES = 1000
"""How many ended instances stay in memory, where polls find them. All others are read from the store."""


class Registry:
    """Finds, adds, removes and saves instances. A change of one is saved once it is marked with `mark_changed`."""

    def __init__(self, hub_name: str, journal: Journal, source: Source) -> None:
        self._hub_name = hub_name
        self._journal = journal
        self._source = source
        self._living: dict[str, Instance] = {}
        self._recent: OrderedDict[str, Instance] = OrderedDict()
        self._removed: dict[str, list[int]] = {}
        """The keys whose rows are to be deleted, by id: the store still has them, so `get` must not ask it."""
        self._leaving: dict[str, list[int]] = {}
        """The same for the deletions that are being written, in the store's thread."""
        self._changed: dict[int, Instance] = {}
        self._writing: set[int] = set()
        """The keys of the instances that are being written. One that changes again is in both."""

    def get(self, instance_id: str) -> Instance | None:
        """Return an instance by its id, ended ones too."""
        instance = self._living.get(instance_id) or self._recent.get(instance_id)
        if instance is None and instance_id not in self._removed and instance_id not in self._leaving:
            instance = self.committed(instance_id)
        return instance

    def running(self, instance_id: str, execution_id: str) -> Instance | None:
        """Return an instance if this execution of it still runs. The store is not asked: what runs is in memory."""
        instance = self._living.get(instance_id)
        if instance is None or instance.status in TERMINAL_STATUSES or instance.execution_id != execution_id:
            return None
        return instance

    def is_running(self, instance_id: str, execution_id: str) -> bool:
        return self.running(instance_id, execution_id) is not None

    def is_current(self, instance: Instance, execution: Execution) -> bool:
        """Whether this execution of this very instance (not of one that replaced it) still runs."""
        is_there = self._living.get(instance.instance_id) is instance
        return is_there and instance.execution is execution and instance.status not in TERMINAL_STATUSES

    def committed(self, instance_id: str) -> Instance | None:
        """Return an instance as the store has it, without what is not written yet."""
        row = self._journal.store.row(
            f"SELECT {sql.INSTANCE_COLUMNS} FROM instances WHERE hub = ? AND id = ?", (self._hub_name, instance_id)
        )
        return None if row is None else read_instance(self._journal.store, row)

    def reading(self, instance_id: str) -> AbstractContextManager[None]:
        """Report what the store has of an instance as damaged if it cannot be interpreted."""
        return self._journal.store.reading(f"instance '{instance_id}'")

    def living(self) -> Iterator[Instance]:
        return iter(self._living.values())

    def add(self, instance: Instance) -> None:
        """Keep an instance in memory; `mark_changed` has it saved."""
        self._living[instance.instance_id] = instance

    def remove(self, instance: Instance) -> None:
        """Delete an instance, and its rows with the next batch."""
        self._living.pop(instance.instance_id, None)
        self._recent.pop(instance.instance_id, None)
        self._changed.pop(instance.key, None)
        if instance.is_stored:
            self._removed.setdefault(instance.instance_id, []).append(instance.key)
        self._journal.mark(self._source)

    def forget_all(self) -> None:
        """Delete every instance, and all rows with the next batch."""
        stored = self._journal.store.rows("SELECT id, key FROM instances WHERE hub = ?", (self._hub_name,))
        alive = ((one.instance_id, one.key) for one in self._living.values() if one.is_stored)
        for instance_id, key in {*stored, *alive}:
            self._removed.setdefault(instance_id, []).append(key)
        self._living.clear()
        self._recent.clear()
        self._changed.clear()
        self._journal.mark(self._source)

    def restore(self, instance: Instance) -> None:
        """Take back a removal that is not committed: the instance is written whole once more, with its history."""
        if instance.execution is None:
            instance.execution = Execution(instance.execution_id, history=History(self.history(instance)))
        instance.execution.rewritten = True
        instance.is_stored = False
        self.add(instance)
        self.mark_changed(instance)

    def is_settled(self, instance_id: str) -> bool:
        """Whether all that is known of an instance is committed."""
        if instance_id in self._removed or instance_id in self._leaving:
            return False
        instance = self._living.get(instance_id) or self._recent.get(instance_id)
        return instance is None or not (instance.key in self._changed or instance.key in self._writing)

    def mark_changed(self, instance: Instance) -> None:
        """Note that an instance has changed: it is saved with the next batch."""
        self._changed[instance.key] = instance
        self._journal.mark(self._source)

    def history(self, instance: Instance) -> Iterable[pb.HistoryEvent]:
        """Return the events of an instance's current or last execution."""
        if instance.execution is not None:
            return instance.execution.history
        chunks = self._journal.store.turns(instance.key)
        with self.reading(instance.instance_id):
            return [event for chunk in chunks for event in pb.HistoryChunk.FromString(chunk).events]

    def revive(self, instance: Instance) -> Execution:
        """Bring an ended instance back into memory with its history."""
        if instance.execution is None:
            history = History(self.history(instance))
            with self.reading(instance.instance_id):
                saved = Saved(len(history), self._journal.store.highest_turn(instance.key))
            instance.execution = Execution(instance.execution_id, history=history, saved=saved)
        self._recent.pop(instance.instance_id, None)
        self.add(instance)
        return instance.execution

    def collect_rows(self, rows: Rows) -> Action:
        """Add the rows of all changes; return what to do when they are committed."""
        changed, self._changed = list(self._changed.values()), {}
        removed, self._removed = self._removed, {}
        self._leaving.update(removed)
        for keys in removed.values():
            for key in keys:
                for statement in (sql.DELETE_INSTANCE, sql.DELETE_TURNS, sql.DELETE_INBOX):
                    rows[statement].append((key,))
        for instance in changed:
            try:
                self._collect_instance(instance, rows)
            except Exception as error:  # one that cannot be written as bytes must not keep the others from it
                logger.exception("Instance '%s' cannot be saved.", instance.instance_id)
                problem = f"The instance cannot be saved: {type(error).__name__}: {error}."
                asyncio.get_running_loop().call_soon(self._journal.refuse, instance.key, problem)
        ended = [instance for instance in changed if instance.status in TERMINAL_STATUSES]
        keys = [instance.key for instance in changed]
        self._writing.update(keys)
        return functools.partial(self._were_written, keys, ended, removed)

    def _were_written(self, keys: Iterable[int], ended: Iterable[Instance], removed: Iterable[str]) -> None:
        """Drop instances that have ended from memory, except the latest, which are likely to be polled."""
        self._writing.difference_update(keys)
        for instance_id in removed:
            self._leaving.pop(instance_id, None)
        for instance in ended:
            if (
                instance.status in TERMINAL_STATUSES  # else it was rewound meanwhile
                and self._living.get(instance.instance_id) is instance
                and instance.key not in self._changed
            ):
                instance.execution = None
                del self._living[instance.instance_id]
                self._recent[instance.instance_id] = instance
        while len(self._recent) > RECENT_INSTANCES:
            self._recent.popitem(last=False)

    def is_in_store(self, key: int) -> bool:
        return self._journal.store.row("SELECT 1 FROM instances WHERE key = ?", (key,)) is not None

    def living_by_key(self, key: int) -> Instance | None:
        return next((instance for instance in self._living.values() if instance.key == key), None)

    def load(self) -> list[Instance]:
        """Read the living instances into memory, as they were when the process that had them ended."""
        query = f"SELECT {sql.INSTANCE_COLUMNS} FROM instances WHERE hub = ? AND completed_ns = 0 ORDER BY key"
        for row in list(self._journal.store.rows(query, (self._hub_name,))):
            with self.reading(row[2]):
                instance = from_row(row)
                self._restore(instance, replay_due=bool(row[-1]))
            self.add(instance)
        return list(self._living.values())

    def _restore(self, instance: Instance, *, replay_due: bool) -> None:
        history = History(self.history(instance))
        inbox = self._journal.store.inbox(instance.key)
        first = inbox[0][0] if inbox else 0  # with nothing in the inbox, counting may begin again
        instance.execution = Execution(
            instance.execution_id,
            history=history,
            inbox=Inbox(pb.HistoryEvent.FromString(blob) for _, blob in inbox),
            taken=first,
            replay_due=replay_due,
            not_before_ns=instance.scheduled_start_ns,
            saved=Saved(len(history), self._journal.store.highest_turn(instance.key), first + len(inbox), first),
        )

    def _collect_instance(self, instance: Instance, rows: Rows) -> None:
        execution = instance.execution
        replay_due = bool(execution and execution.replay_due)
        if not instance.is_stored:
            rows[sql.INSERT_INSTANCE].append(_to_row(instance, self._hub_name, replay_due=replay_due))
            instance.is_stored = True
            instance.continued_as_new = False
        else:
            rows[sql.UPDATE_INSTANCE].append(_changes(instance, replay_due=replay_due))
            if instance.continued_as_new:
                rows[sql.UPDATE_BEGINNING].append((instance.version, instance.input, instance.key))
                instance.continued_as_new = False
        if execution is not None:
            _collect_execution(instance, execution, rows)


def _collect_execution(instance: Instance, execution: Execution, rows: Rows) -> None:
    key, saved = instance.key, execution.saved
    if execution.rewritten:
        rows[sql.DELETE_TURNS].append((key,))
        rows[sql.DELETE_INBOX].append((key,))
        saved.history = saved.turns = saved.received = saved.taken = 0
        execution.rewritten = False
    length = len(execution.history)
    if length > saved.history:
        chunk = pb.HistoryChunk(events=execution.history.since(saved.history)).SerializeToString()
        saved.turns += 1
        saved.history = length
        rows[sql.INSERT_TURN].append((key, saved.turns, chunk))
    # Execution has the picture of these numbers. Rows of the inbox hold what is received and not in the history yet: of
    # an ended instance nothing. What was taken before it was ever saved never had a row.
    has_ended = instance.status in TERMINAL_STATUSES
    received = execution.taken if has_ended else execution.received
    first_new = max(saved.received, execution.taken)
    new = [] if has_ended else execution.received_since(first_new)
    for number, event in enumerate(new, first_new):
        rows[sql.INSERT_EVENT].append((key, number, event.SerializeToString()))
    if saved.received > saved.taken and (has_ended or execution.taken > saved.taken):
        rows[sql.DELETE_EVENTS].append((key, saved.received if has_ended else execution.taken))
    saved.taken = execution.taken
    saved.received = received


def _to_row(instance: Instance, hub_name: str, *, replay_due: bool) -> Row:
    return (
        instance.key,
        hub_name,
        instance.instance_id,
        instance.name,
        instance.version,
        instance.input,
        instance.created_ns,
        instance.updated_ns,
        instance.completed_ns,
        instance.scheduled_start_ns,
        instance.execution_id,
        instance.status,
        instance.output,
        instance.custom_status,
        instance.failure and instance.failure.SerializeToString(),
        instance.parent and parent_info(instance.parent).SerializeToString(),
        json.dumps(instance.tags) if instance.tags else None,
        instance.trace_context and instance.trace_context.SerializeToString(),
        instance.begun_ns,
        instance.is_modelled,
        instance.parent.key if instance.parent else 0,
        instance.children,
        pack_costs(instance.costs),
        replay_due,
    )


def _changes(instance: Instance, *, replay_due: bool) -> Row:
    return (
        instance.updated_ns,
        instance.completed_ns,
        instance.execution_id,
        instance.status,
        instance.output,
        instance.custom_status,
        instance.failure and instance.failure.SerializeToString(),
        instance.parent and parent_info(instance.parent).SerializeToString(),
        instance.begun_ns,
        instance.is_modelled,
        instance.children,
        pack_costs(instance.costs),
        replay_due,
        instance.key,
    )


def read_instance(store: Store, row: Row) -> Instance:
    """Return the instance of a row of this store."""
    with store.reading(f"instance '{row[2]}'"):
        return from_row(row)


def from_row(row: Row) -> Instance:
    """Return the instance of a row; raise an error of UNREADABLE for one without meaning."""
    check_types(row, column_types.INSTANCE)
    (key, _, instance_id, name, version, text, created, updated, completed, scheduled, execution_id, *rest) = row
    status, output, custom_status, failure, parent, tags, trace, begun, modelled, parent_key, children, costs, _ = rest
    return Instance(
        key,
        instance_id,
        name,
        version,
        text,
        created,
        updated,
        execution_id,
        status=_status(status),
        output=output,
        custom_status=custom_status,
        failure=None if failure is None else pb.TaskFailureDetails.FromString(failure),
        completed_ns=completed,
        scheduled_start_ns=scheduled,
        parent=None if parent is None else _parent(pb.ParentInstanceInfo.FromString(parent), parent_key),
        tags=_tags(tags) if tags else None,
        trace_context=None if trace is None else pb.TraceContext.FromString(trace),
        is_stored=True,
        begun_ns=begun,
        is_modelled=bool(modelled),
        children=children,
        costs=unpack_costs(costs),
    )


def _status(number: int) -> pb.OrchestrationStatus:
    status = cast("pb.OrchestrationStatus", number)
    pb.OrchestrationStatus.Name(status)
    return status


def _tags(text: str) -> dict[str, str]:
    tags = json.loads(text)
    check_types([tags, *tags.values()], [(dict,), *[TEXT] * len(tags)])
    return dict(tags)


def _parent(info: pb.ParentInstanceInfo, key: int) -> Parent:
    return Parent(
        info.orchestrationInstance.instanceId,
        info.orchestrationInstance.executionId.value,
        info.taskScheduledId,
        info.name.value,
        info.version.value if info.HasField("version") else None,
        key,
    )


def pack_costs(costs: Costs | None) -> bytes | None:
    """Return counts as they are stored: 64-bit integers, the actions by kind, replayed events, payload bytes."""
    return None if costs is None else _PACKED.pack(*costs.actions, costs.replayed_events, costs.payload_bytes)


def unpack_costs(packed: bytes | None) -> Costs | None:
    """Return counts as they were packed."""
    if packed is None:
        return None
    *actions, replayed_events, payload_bytes = _PACKED.unpack(packed)
    return Costs(actions, replayed_events, payload_bytes)
