"""Finding instances and entities: pages over an index by creation time, never a scan and a sort of everything."""

from __future__ import annotations

import base64
import binascii
import bisect
import heapq
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from durable_harness.protocol import RpcError, Status, to_ns

if TYPE_CHECKING:
    from durable_harness.scheduler.entities import Entity
    from durable_harness.scheduler.instances import Instance

DEFAULT_PAGE_SIZE = 100
END_OF_TIME_NS = 1 << 62

Key = tuple[int, str]


class CreationIndex:
    """The ids of all instances in the order of their creation."""

    def __init__(self) -> None:
        self._keys: list[Key] = []

    def add(self, created_ns: int, instance_id: str) -> None:
        bisect.insort(self._keys, (created_ns, instance_id))

    def remove(self, created_ns: int, instance_id: str) -> None:
        position = bisect.bisect_left(self._keys, (created_ns, instance_id))
        if position < len(self._keys) and self._keys[position] == (created_ns, instance_id):
            del self._keys[position]

    def between(self, after: Key, before_ns: int) -> Iterator[Key]:
        """Yield the keys greater than `after` that were created before or at `before_ns`."""
        for position in range(bisect.bisect_right(self._keys, after), len(self._keys)):
            key = self._keys[position]
            if key[0] > before_ns:
                return
            yield key


def select_page(
    index: CreationIndex, instances: Mapping[str, Instance], query: Any
) -> tuple[list[Instance], str | None]:
    """Return one page of the instances that match an InstanceQuery, and the token of the next page."""
    size = query.maxInstanceCount if query.maxInstanceCount > 0 else DEFAULT_PAGE_SIZE
    statuses, prefix = set(query.runtimeStatus), query.instanceIdPrefix.value
    after = (to_ns(query.createdTimeFrom) - 1, "\U0010ffff") if query.HasField("createdTimeFrom") else (0, "")
    if query.continuationToken.value:
        after = max(after, _read_token(query.continuationToken.value))
    before_ns = to_ns(query.createdTimeTo) if query.HasField("createdTimeTo") else END_OF_TIME_NS
    page: list[Instance] = []
    last: Key = after
    for key in index.between(after, before_ns):
        instance = instances[key[1]]
        if (statuses and instance.status not in statuses) or not key[1].startswith(prefix):
            continue
        if len(page) == size:
            return page, _make_token(last)
        page.append(instance)
        last = key
    return page, None


def select_for_purge(index: CreationIndex, instances: Mapping[str, Instance], request: Any) -> list[Instance]:
    """Return the ended instances that a PurgeInstancesRequest means: by id, by batch of ids, or by filter."""
    if request.HasField("purgeInstanceFilter"):
        chosen = _filtered(index, instances, request.purgeInstanceFilter)
    else:
        ids = [request.instanceId] if request.instanceId else list(request.instanceBatch.instanceIds)
        chosen = [instances[instance_id] for instance_id in ids if instance_id in instances]
    doomed = {instance.instance_id: instance for instance in chosen if instance.ended}
    if request.recursive:
        for instance in list(doomed.values()):
            doomed.update(_ended_descendants(instances, instance))
    return list(doomed.values())


def _filtered(index: CreationIndex, instances: Mapping[str, Instance], purge: Any) -> list[Instance]:
    after = (to_ns(purge.createdTimeFrom) - 1, "\U0010ffff") if purge.HasField("createdTimeFrom") else (0, "")
    before_ns = to_ns(purge.createdTimeTo) if purge.HasField("createdTimeTo") else END_OF_TIME_NS
    statuses = set(purge.runtimeStatus)
    found = (instances[instance_id] for _, instance_id in index.between(after, before_ns))
    return [instance for instance in found if not statuses or instance.status in statuses]


def _ended_descendants(instances: Mapping[str, Instance], instance: Instance) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    for past in instance.history():
        child = instances.get(past.subOrchestrationInstanceCreated.instanceId)
        if child is not None and child.ended and child.parent and child.parent.instance_id == instance.instance_id:
            found[child.instance_id] = child
            found.update(_ended_descendants(instances, child))
    return found


def select_entities(entities: Mapping[str, Entity], query: Any) -> tuple[list[Entity], str | None]:
    """Return one page of the entities that match an EntityQuery, in the order of their ids, and the next token."""
    size = query.pageSize.value if query.HasField("pageSize") and query.pageSize.value > 0 else DEFAULT_PAGE_SIZE
    prefix, after = query.instanceIdStartsWith.value, query.continuationToken.value
    since_ns = to_ns(query.lastModifiedFrom) if query.HasField("lastModifiedFrom") else 0
    until_ns = to_ns(query.lastModifiedTo) if query.HasField("lastModifiedTo") else END_OF_TIME_NS
    matching = (
        entity
        for entity in entities.values()
        if entity.entity_id > after
        and entity.entity_id.startswith(prefix)
        and since_ns <= entity.modified_ns <= until_ns
        and (entity.state is not None or query.includeTransient)
    )
    page = heapq.nsmallest(size + 1, matching, key=lambda entity: entity.entity_id)
    if len(page) > size:
        return page[:size], page[size - 1].entity_id
    return page, None


def _make_token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str) -> Key:
    try:
        created_ns, instance_id = json.loads(base64.urlsafe_b64decode(token.encode()))
        return int(created_ns), str(instance_id)
    except (ValueError, TypeError, binascii.Error):
        raise RpcError(
            Status.INVALID_ARGUMENT,
            f"'{token[:60]}' is not a continuation token. Send the one that the page before came with.",
        ) from None
