"""All that is known of one instance, read once for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.dashboard.timeline import Timeline, timeline_of
from durable_harness.dashboard.tree import TreeNode, children_of
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import TERMINAL_STATUSES, RpcError, RpcStatus, pb, to_ns, unwrap_text
from durable_harness.protocol.costs import costs_of
from durable_harness.why import Explanation, explain

MOST_ANCESTORS = 20


@dataclass(frozen=True)
class KnownInstance:
    """One instance with its history, its times and its relatives."""

    state: Any
    events: Sequence[Any]
    explained: Explanation | None
    """None if the scheduler does not report its times."""
    ancestors: Sequence[TreeNode]
    actions: int
    is_whole_cost: bool
    """Whether the actions are those of its sub-orchestrations and earlier executions too."""

    @property
    def created_ns(self) -> int:
        return to_ns(self.state.createdTimestamp)

    @property
    def completed_ns(self) -> int:
        return to_ns(self.state.completedTimestamp) if self.state.HasField("completedTimestamp") else 0

    @property
    def updated_ns(self) -> int:
        return to_ns(self.state.lastUpdatedTimestamp)

    @property
    def has_ended(self) -> bool:
        return self.state.orchestrationStatus in TERMINAL_STATUSES

    @property
    def took_ns(self) -> int | None:
        """How long it took, or has taken so far; None if its end or the present is not known."""
        if self.completed_ns or self.has_ended:
            return (self.completed_ns or self.updated_ns) - self.created_ns
        now_ns = self.explained.facts.now_ns if self.explained is not None else None
        return None if now_ns is None else now_ns - self.created_ns

    @property
    def repeats(self) -> Mapping[int, int]:
        """How often activities were handed out again, by their ids, as far as that is known."""
        return self.explained.facts.repeats if self.explained is not None else {}

    def text(self, field: str) -> str | None:
        """Return its input, output or custom status."""
        return unwrap_text(self.state, field)

    @property
    def timeline(self) -> Timeline | None:
        if self.explained is None or not self.explained.facts.events:
            return None
        return timeline_of(self.explained.facts)

    @property
    def node(self) -> TreeNode:
        """It and all that it started, as far as its scheduler says."""
        children = children_of(self.explained.facts) if self.explained is not None else []
        return TreeNode(self.state.instanceId, self.state.name, self.state.orchestrationStatus, children)


async def find_state(visit: Visit, instance_id: str) -> Any:
    """Return the state of an instance with its payloads. Raises PageError for an unknown id."""
    asked = pb.GetInstanceRequest(instanceId=instance_id, getInputsAndOutputs=True)
    answer = await visit.scheduler.get_instance(asked)
    if not answer.exists:
        raise PageError(404, f"There is no instance '{instance_id}' in '{visit.hub}'. It may have been purged.")
    return answer.orchestrationState


async def history_of(visit: Visit, instance_id: str) -> list[Any]:
    """Return the events of the current or last execution of an instance."""
    request = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
    return [event async for chunk in visit.scheduler.stream_instance_history(request) for event in chunk.events]


async def read_instance(visit: Visit, instance_id: str) -> KnownInstance:
    """Return all that is known of an instance. Raises PageError for an unknown id."""
    state = await find_state(visit, instance_id)
    events = await history_of(visit, instance_id)
    actions, is_whole = await _actions(visit, instance_id, events)
    return KnownInstance(
        state, events, await _explained(visit, instance_id), await _ancestors(visit, state), actions, is_whole
    )


async def _explained(visit: Visit, instance_id: str) -> Explanation | None:
    try:
        return explain(await visit.source.timings(visit.hub, visit.scheduler, instance_id))
    except RpcError as error:
        if error.status in {RpcStatus.UNIMPLEMENTED, RpcStatus.NOT_FOUND}:
            return None
        raise


async def _actions(visit: Visit, instance_id: str, events: Sequence[Any]) -> tuple[int, bool]:
    """Return how many actions an instance cost: its whole tree if that has ended and was counted, else its history."""
    measured = (await visit.scheduler.measure_instances([instance_id])).get(instance_id)
    if measured is not None and measured.costs is not None:
        return sum(measured.costs.actions), True
    return sum(costs_of(events).actions), False


async def _ancestors(visit: Visit, state: Any) -> list[TreeNode]:
    """Return the parents of an instance, the topmost first."""
    found: list[TreeNode] = []
    known = {state.instanceId}
    parent_id = state.parentInstanceId.value
    while parent_id and parent_id not in known and len(found) < MOST_ANCESTORS:
        known.add(parent_id)
        answer = await visit.scheduler.get_instance(pb.GetInstanceRequest(instanceId=parent_id))
        if not answer.exists:
            found.append(TreeNode(parent_id, "", None))
            break
        parent = answer.orchestrationState
        found.append(TreeNode(parent_id, parent.name, parent.orchestrationStatus))
        parent_id = parent.parentInstanceId.value
    return found[::-1]
