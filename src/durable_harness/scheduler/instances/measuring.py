"""Times and costs of operations: what was counted for each instance, added up over its sub-orchestrations.

Read from the store, where rows name their parent: a handful of indexed queries for any number of instances, children of
earlier executions included.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from durable_harness.protocol import Costs, Measurement, pb
from durable_harness.scheduler.instances.registry import unpack_costs
from durable_harness.scheduler.storage.store import Store

_NODE_COLUMNS = "key, parent_key, completed_ns, children, costs"


@dataclass(frozen=True, slots=True)
class _Node:
    """An instance in the tree of an operation, with its own costs."""

    key: int
    parent_key: int
    completed_ns: int
    children: int
    costs: bytes | None

    @property
    def is_countable(self) -> bool:
        return self.completed_ns > 0 and self.costs is not None


def measure(store: Store, hub: str, ids: Collection[str]) -> dict[str, Measurement]:
    """Return the times and costs of instances by their ids, as far as the store has them."""
    statement = (
        f"SELECT {_NODE_COLUMNS}, id, created_ns, begun_ns, modelled, status,"
        " IFNULL(LENGTH(CAST(output AS BLOB)), 0) FROM instances"
        " WHERE hub = ? AND id IN (SELECT value FROM json_each(?))"
    )
    rows = [(_Node(*row[:5]), row[5:]) for row in store.rows(statement, (hub, json.dumps(list(ids))))]
    totals = _totals(store, [node for node, _ in rows])
    measured = {}
    for node, (instance_id, created_ns, begun_ns, modelled, status, output_bytes) in rows:
        costs = _with_output(totals[node.key], status, output_bytes)
        measured[instance_id] = Measurement(
            created_ns=None if modelled else created_ns,
            begun_ns=None if modelled else begun_ns or None,
            ended_ns=None if modelled else node.completed_ns or None,
            costs=costs,
        )
    return measured


def _with_output(total: Costs | None, status: int, output_bytes: int) -> Costs | None:
    """Add the output of the instance that was asked for; of one that failed it is the failure's text."""
    if total is None or status != pb.ORCHESTRATION_STATUS_COMPLETED:
        return total
    costs = Costs(payload_bytes=output_bytes)
    costs.add(total)
    return costs


def _totals(store: Store, roots: Iterable[_Node]) -> dict[int, Costs | None]:
    """Return the costs of whole trees by the key of each node, None if a part is missing or not countable."""
    nodes = {node.key: node for node in roots}
    children: dict[int, list[int]] = defaultdict(list)
    level = [node.key for node in nodes.values() if node.children and node.is_countable]
    while level:
        found = _children_of(store, level)
        for child in found:
            children[child.parent_key].append(child.key)
        fresh = [child for child in found if child.key not in nodes]
        nodes |= {child.key: child for child in fresh}
        level = [child.key for child in fresh if child.children and child.is_countable]
    totals: dict[int, Costs | None] = {}
    for key in sorted(nodes, reverse=True):  # a child's key is higher than its parent's
        totals[key] = _sum(store, nodes[key], [totals.get(child) for child in children[key]])
    return totals


def _children_of(store: Store, keys: Collection[int]) -> list[_Node]:
    statement = (
        f"SELECT {_NODE_COLUMNS} FROM instances WHERE parent_key > 0 AND parent_key IN (SELECT value FROM json_each(?))"
    )
    return [_Node(*row) for row in store.rows(statement, (json.dumps(list(keys)),))]


def _sum(store: Store, node: _Node, children: list[Costs | None]) -> Costs | None:
    with store.reading(f"what was counted for the instance with key {node.key}"):
        costs = unpack_costs(node.costs)
    if costs is None or not node.is_countable or len(children) != node.children:
        return None
    for child in children:
        if child is None:
            return None
        costs.add(child)
    return costs
