"""Finding instances and entities: pages over indexes, never a scan and a sort of everything."""

from __future__ import annotations

import base64
import binascii
import contextlib
import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from durable_harness.protocol import TERMINAL_STATUSES, RpcError, RpcStatus, pb, to_ns
from durable_harness.scheduler.entity_records import Entity
from durable_harness.scheduler.instances.instance_state import Instance, state_of
from durable_harness.scheduler.instances.registry import Registry, read_instance
from durable_harness.scheduler.limits.sizes import MESSAGE_BYTES
from durable_harness.scheduler.storage.store import INSTANCE_COLUMNS, Store

DEFAULT_PAGE_SIZE = 100
"""As in Azure, where `top` is 100 if a list does not name it."""
END_OF_TIME_NS = 1 << 62
"""Later than any time that is stored, and an integer for SQLite, whose integers end at 2**63."""

Key = tuple[int, str]
AnyMessage = TypeVar("AnyMessage", bound=Message)


def select_page(store: Store, hub: str, query: pb.InstanceQuery) -> tuple[list[pb.OrchestrationState], str | None]:
    """Return one page of the states that match an InstanceQuery, by creation, and the token of the next page.

    A page ends at the size that the query asks for, or earlier if a client could not receive more.
    """
    size = query.maxInstanceCount if query.maxInstanceCount > 0 else DEFAULT_PAGE_SIZE
    after = _read_token(query.continuationToken.value) if query.continuationToken.value else (-1, "")
    where, values = _created(query)
    where += " AND (created_ns, id) > (?, ?)"
    values += after
    if query.instanceIdPrefix.value:
        where += " AND substr(id, 1, ?) = ?"
        values += [len(query.instanceIdPrefix.value), query.instanceIdPrefix.value]
    statement = f"SELECT {INSTANCE_COLUMNS} FROM instances WHERE hub = ?{where} ORDER BY created_ns, id LIMIT ?"
    with contextlib.closing(store.rows(statement, [hub, *values, size + 1])) as rows:
        found = (state_of(read_instance(store, row), payloads=query.fetchInputsAndOutputs) for row in rows)
        page, more = _fill_page(found, size)
    return page, _make_token((to_ns(page[-1].createdTimestamp), page[-1].instanceId)) if more else None


def select_completed(store: Store, hub: str, request: pb.ListInstanceIdsRequest) -> tuple[list[str], str | None]:
    """Return one page of ids for a ListInstanceIdsRequest, by completion, and the key of the next page."""
    size = request.pageSize if request.pageSize > 0 else DEFAULT_PAGE_SIZE
    after = _read_token(request.lastInstanceKey.value) if request.lastInstanceKey.value else (-1, "")
    since_ns, until_ns = _range(request, "completedTimeFrom", "completedTimeTo")
    where, values = _statuses(request.runtimeStatus)
    statement = (  # the conditions are our own words, the values are bound
        "SELECT completed_ns, id FROM instances WHERE hub = ? AND completed_ns > 0 AND completed_ns BETWEEN ? AND ?"
        f"{where} AND (completed_ns, id) > (?, ?) ORDER BY completed_ns, id LIMIT ?"
    )
    keys = list(store.rows(statement, [hub, since_ns, until_ns, *values, *after, size + 1]))
    if len(keys) <= size:
        return [instance_id for _, instance_id in keys], None
    return [instance_id for _, instance_id in keys[:size]], _make_token(keys[size - 1])


def select_for_purge(store: Store, registry: Registry, hub: str, request: pb.PurgeInstancesRequest) -> list[Instance]:
    """Return the ended instances that a PurgeInstancesRequest means: by id, by batch of ids, or by filter."""
    if request.HasField("purgeInstanceFilter"):
        where, values = _created(request.purgeInstanceFilter)
        statement = f"SELECT {INSTANCE_COLUMNS} FROM instances WHERE hub = ? AND completed_ns > 0{where}"
        chosen = [read_instance(store, row) for row in store.rows(statement, [hub, *values])]
    else:
        ids = [request.instanceId] if request.instanceId else list(request.instanceBatch.instanceIds)
        chosen = [found for instance_id in ids if (found := registry.get(instance_id)) is not None]
    doomed = {instance.instance_id: instance for instance in chosen if instance.status in TERMINAL_STATUSES}
    if request.recursive:
        for instance in list(doomed.values()):
            doomed.update(_ended_descendants(registry, instance))
    return list(doomed.values())


def children_of(registry: Registry, instance: Instance) -> Iterator[Instance]:
    """Yield the sub-orchestrations that an instance's current or last execution started and that still exist."""
    for past in registry.history(instance):
        if past.HasField("subOrchestrationInstanceCreated"):
            child = registry.get(past.subOrchestrationInstanceCreated.instanceId)
            if child is not None and child.parent and child.parent.instance_id == instance.instance_id:
                yield child


def _ended_descendants(registry: Registry, instance: Instance) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    to_visit = [instance]
    while to_visit:
        for child in children_of(registry, to_visit.pop()):
            if child.status in TERMINAL_STATUSES and child.instance_id not in found:
                found[child.instance_id] = child
                to_visit.append(child)
    return found


def _created(query: pb.InstanceQuery | pb.PurgeInstanceFilter) -> tuple[str, list[object]]:
    """Return the conditions on creation time (both ends included) and status."""
    since_ns, until_ns = _range(query, "createdTimeFrom", "createdTimeTo")
    where, values = _statuses(query.runtimeStatus)
    return f" AND created_ns BETWEEN ? AND ?{where}", [since_ns, until_ns, *values]


def _statuses(statuses: Iterable[int]) -> tuple[str, list[object]]:
    chosen: list[object] = [*sorted(set(statuses))]
    return (f" AND status IN ({', '.join('?' * len(chosen))})", chosen) if chosen else ("", [])


def _range(query: Message, since: str, until: str) -> tuple[int, int]:
    """Return both ends, included. Clients know times in microseconds: the last one they name counts to its end."""
    return (
        _storable(to_ns(getattr(query, since))) if query.HasField(since) else 0,
        _storable(to_ns(getattr(query, until)) + 999) if query.HasField(until) else END_OF_TIME_NS,
    )


def _storable(time_ns: int) -> int:
    """Return a time as SQLite can compare it: clients name year 1 or 9999 for "no limit"."""
    return min(max(time_ns, -1), END_OF_TIME_NS)


def select_entities(
    entities: Mapping[str, Entity], query: pb.EntityQuery, describe: Callable[[Entity], pb.EntityMetadata]
) -> tuple[list[pb.EntityMetadata], str | None]:
    """Return one page of the descriptions of the entities that match a query, by their ids, and the next token."""
    size = query.pageSize.value if query.HasField("pageSize") and query.pageSize.value > 0 else DEFAULT_PAGE_SIZE
    prefix, after = query.instanceIdStartsWith.value, query.continuationToken.value
    since_ns, until_ns = _range(query, "lastModifiedFrom", "lastModifiedTo")
    matching = (
        entity
        for entity in entities.values()
        if entity.entity_id > after
        and entity.entity_id.startswith(prefix)
        and since_ns <= entity.modified_ns <= until_ns
        and (entity.state is not None or query.includeTransient)
    )
    found = heapq.nsmallest(size + 1, matching, key=lambda entity: entity.entity_id)
    page, more = _fill_page(map(describe, found), size)
    return page, page[-1].instanceId if more else None


def _fill_page(messages: Iterable[AnyMessage], size: int) -> tuple[list[AnyMessage], bool]:
    """Return as many messages as are wanted and can be received together, and whether there are more."""
    page: list[AnyMessage] = []
    weight = 0
    for message in messages:
        weight += message.ByteSize()
        if len(page) == size or (page and weight > MESSAGE_BYTES):
            return page, True
        page.append(message)
    return page, False


def _make_token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str) -> Key:
    try:
        time_ns, instance_id = json.loads(base64.urlsafe_b64decode(token.encode()))
        instance_id.encode()  # half of a surrogate pair, for which SQLite has no text, is a ValueError
        return min(max(int(time_ns), -1), END_OF_TIME_NS), instance_id
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error):
        raise RpcError(
            RpcStatus.INVALID_ARGUMENT,
            f"'{token[:60]}' is not a continuation token. Send the one that the page before came with.",
        ) from None
