"""The sub-orchestrations of an instance, with the status of each, however many there are."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from durable_harness.dashboard.visit import Visit
from durable_harness.protocol import TERMINAL_STATUSES, pb
from durable_harness.why.facts import Event, Facts

RUNNING, COMPLETED, FAILED = (
    getattr(pb, f"ORCHESTRATION_STATUS_{name}") for name in ("RUNNING", "COMPLETED", "FAILED")
)
STARTS = "subOrchestrationInstanceCreated"
OUTCOMES: Mapping[str, int] = {"subOrchestrationInstanceCompleted": COMPLETED, "subOrchestrationInstanceFailed": FAILED}
MOST_CHILDREN = 100
"""How many sub-orchestrations of one instance are shown."""
MOST_ASKED = 200
"""How many are asked for one by one, of those that the times of the instance leave out."""


@dataclass(frozen=True)
class TreeNode:
    """An instance in the tree of an orchestration. `status` None: it is no longer kept."""

    instance_id: str
    name: str
    status: int | None
    children: Sequence[TreeNode] = ()
    is_read: bool = True
    """Whether it was looked at. The status of one that was not is what its parent knows, its children are unknown."""
    left_out: Sequence[tuple[int, int]] = ()
    """The statuses of the children that are not among `children`, with how many have each."""

    @property
    def rank(self) -> int:
        """Where it stands if not all have room: what failed first, then what lives."""
        if self.status is None or self.status in TERMINAL_STATUSES:
            return 0 if self.status == FAILED else 2
        return 1

    @property
    def left_out_count(self) -> int:
        return sum(count for _, count in self.left_out)

    def all(self) -> Iterator[TreeNode]:
        """Yield it and all below it."""
        yield self
        for child in self.children:
            yield from child.all()


def children_of(facts: Facts) -> list[TreeNode]:
    """Return all that an instance started, in the order in which it did."""
    outcomes: dict[object, list[Event]] = {}
    for event in (*facts.events, *facts.came):
        if event.kind in OUTCOMES:
            outcomes.setdefault(event.fields.get("taskScheduledId"), []).append(event)
    return [_node(facts, event, outcomes.get(event.event_id, ())) for event in facts.events if event.kind == STARTS]


def _node(facts: Facts, start: Event, outcomes: Sequence[Event]) -> TreeNode:
    instance_id = str(start.fields.get("instanceId", ""))
    child = facts.children.get(instance_id)
    if child is None:
        return TreeNode(instance_id, start.name, _status_by(start, outcomes), is_read=False)
    status = pb.OrchestrationStatus.Value(f"ORCHESTRATION_STATUS_{child.status}")
    return TreeNode(instance_id, child.orchestrator, status, children_of(child))


def _status_by(start: Event, outcomes: Sequence[Event]) -> int:
    """Return what a parent knows of its child. SDK 2.x has all attempts under one id, so later outcomes only count."""
    own = next((outcome for outcome in outcomes if outcome.time_ns >= start.time_ns), None)
    return RUNNING if own is None else OUTCOMES[own.kind]


async def read_tree(visit: Visit, root: TreeNode) -> TreeNode:
    """Return a tree with as much as a page has room for, failed and living ones first, and their present statuses."""
    cut = _cut(root)
    unread = dict.fromkeys(node.instance_id for node in cut.all() if not node.is_read)
    asked = list(unread)[:MOST_ASKED]
    statuses = dict(zip(asked, await asyncio.gather(*(_status(visit, one) for one in asked)), strict=True))
    return _with_statuses(cut, statuses)


def _cut(node: TreeNode) -> TreeNode:
    chosen = node.children
    if len(chosen) > MOST_CHILDREN:
        chosen = sorted(chosen, key=lambda child: child.rank)[:MOST_CHILDREN]
    statuses = Counter(child.status for child in node.children)
    statuses.subtract(child.status for child in chosen)
    left_out = [(status, count) for status, count in statuses.items() if status is not None and count]
    return dataclasses.replace(node, children=[_cut(child) for child in chosen], left_out=left_out)


async def _status(visit: Visit, instance_id: str) -> int | None:
    answer = await visit.scheduler.get_instance(pb.GetInstanceRequest(instanceId=instance_id))
    return int(answer.orchestrationState.orchestrationStatus) if answer.exists else None


def _with_statuses(node: TreeNode, statuses: dict[str, int | None]) -> TreeNode:
    children = [_with_statuses(child, statuses) for child in node.children]
    status = node.status if node.is_read else statuses.get(node.instance_id, node.status)
    return dataclasses.replace(node, status=status, children=children)
