"""Learn after a run when operations began and ended, and how many actions they cost, from the durable webhooks'
histories, which have microseconds.

An operation began when its orchestrator first ran, which is when it scheduled its first task, timer or child. One that
never scheduled anything does not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gevent
import pyarrow as pa
import pyarrow.compute as pc
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.client import AuditError, get
from durable_harness.load.audit.whereabouts import Whereabouts
from durable_harness.operations import OperationPhase, OperationRecord, Workload
from durable_harness.operations.record import HISTORY_CLOCK
from durable_harness.operations.wire import read_epoch_s

CONCURRENT_REQUESTS = 10
WHOLE_SECOND = 1.0
SCHEDULING = frozenset({"TaskScheduled", "TimerCreated", "SubOrchestrationInstanceCreated", "EventSent"})
MOMENTS = {"intended": "intended_s", "sent": "sent_s", "accepted": "accepted_s", "seen": "seen_s"}
SERVER_TIMES = {name: f"server_{name}_s" for name in ("created", "running", "updated")}
TASK = ("activity", "result")
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "ExecutionStarted": ("orchestration",),
    "TaskScheduled": ("activity",),
    "TaskCompleted": TASK,
    "TaskFailed": TASK,
    "TimerFired": ("timer",),
    "EventRaised": ("event",),
    "ExecutionSuspended": ("control",),
    "ExecutionResumed": ("control",),
    "ExecutionTerminated": ("control",),
    **dict.fromkeys(("OrchestratorStarted", "OrchestratorCompleted", "TimerCreated", "ExecutionCompleted"), ()),
}
"""The kinds of actions that an event of the webhooks' history stands for. There the end of an activity stands for its
start too. The cost of a history with any other event is not known: those of children and entities are not in it."""


class Learned(NamedTuple):
    """An operation as the run recorded it, and with what its history adds."""

    before: OperationRecord
    now: OperationRecord


def learn_from_histories(
    report_dir: Path, whereabouts: Iterable[Whereabouts], limit: int, timeout_s: float
) -> list[Learned]:
    """Return up to `limit` measured operations with what their histories add, spread evenly over the run.

    Only those are asked for that the run itself could not split, or of which it does not know the actions; the moments
    of the records are seconds since the epoch. Whatever cannot be read in time is left out: never raises.
    """
    known = {where.scenario: where for where in whereabouts if where.history_url("any") is not None}
    try:
        rows = _lacking(read_operations(report_dir).operations, list(known), limit)
    except ConfigurationError:
        return []
    pool = Pool(CONCURRENT_REQUESTS)
    jobs = [pool.spawn(_learn, row, known[row["scenario"]]) for row in rows]
    try:
        gevent.joinall(jobs, timeout=timeout_s)
    finally:
        pool.kill()
    learned = [job.value for job in jobs if isinstance(job.value, Learned)]
    return [one for one in learned if one.now != one.before]


def read_history(events: Iterable[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return when an orchestration began to run and when it ended, in seconds since the epoch; None if not told."""
    began = [moment for event in events for moment in _scheduled(event)]
    ends = [event.get("Timestamp") for event in events if event.get("EventType") == "ExecutionCompleted"]
    return min(began, default=None), read_epoch_s(ends[-1]) if ends else None


def count_actions(events: Iterable[Mapping[str, Any]]) -> Mapping[str, int] | None:
    """Return how many actions of each kind an orchestration cost; None if its history does not show all of them."""
    kinds = [str(event.get("EventType")) for event in events]
    if kinds.count("ExecutionStarted") != 1 or "ExecutionCompleted" not in kinds or not ACTIONS.keys() >= set(kinds):
        return None
    return Counter(action for kind in kinds for action in ACTIONS[kind])


def _is_first_execution(created_s: float | None, started_s: float | None) -> bool:
    """Tell whether a history, which has the last execution alone, is that of the instance from its creation on.

    The creation is known in whole seconds, so an instance that continued as new within its first one passes for it.
    """
    return created_s is not None and started_s is not None and started_s - created_s < WHOLE_SECOND


def _scheduled(event: Mapping[str, Any]) -> Iterator[float]:
    told = [event.get("ScheduledTime"), event.get("Timestamp") if event.get("EventType") in SCHEDULING else None]
    yield from (moment for moment in map(read_epoch_s, told) if moment is not None)


def _lacking(table: pa.Table, scenarios: list[str], limit: int) -> list[dict[str, Any]]:
    """Choose operations whose end was seen, and whose parts or actions are not known."""
    told = pc.and_(pc.is_valid(table["server_running_s"]), pc.is_valid(table["server_updated_s"]))
    fine = pc.and_(told, pc.invert(table["server_update_is_coarse"]))
    lacking = pc.or_(pc.invert(fine), pc.is_null(table["actions"]))
    wanted = pc.and_(lacking, pc.and_(pc.is_valid(table["seen_s"]), pc.is_valid(table["instance_id"])))
    wanted = pc.and_(wanted, pc.equal(table["phase"], OperationPhase.MEASURED.value))
    wanted = pc.and_(wanted, pc.is_in(table["scenario"], pa.array(scenarios, pa.string())))
    found = table.filter(wanted).sort_by("sent_s")
    count = min(limit, found.num_rows)
    chosen = pa.array([found.num_rows * index // count for index in range(count)], pa.int64())
    rows: list[dict[str, Any]] = found.take(chosen).to_pylist()
    return rows


def _learn(row: Mapping[str, Any], where: Whereabouts) -> Learned | None:
    try:
        answer = get(where.history_url(row["instance_id"]) or "", {})
    except AuditError:
        return None
    body = answer.json_object() or {}
    events = [event for event in body.get("historyEvents") or () if isinstance(event, dict)]
    before = _recorded(row)
    started = (event.get("Timestamp") for event in events if event.get("EventType") == "ExecutionStarted")
    started_s, created_s = read_epoch_s(next(started, None)), read_epoch_s(body.get("createdTime"))
    actions = count_actions(events) if _is_first_execution(created_s, started_s) else None
    now = replace(before, actions=actions if before.actions is None else before.actions)
    began_s, ended_s = read_history(events)
    if before.execution_ms is None and ended_s is not None:
        now = replace(
            now,
            server_created_epoch_s=started_s,
            server_running_epoch_s=began_s,
            server_updated_epoch_s=ended_s,
            server_update_is_coarse=False,
            server_clock=HISTORY_CLOCK,
        )
    return Learned(before, now)


def _recorded(row: Mapping[str, Any]) -> OperationRecord:
    """Return a row of the records as far as what is learned depends on it."""
    return OperationRecord(
        token=row["token"],
        epoch_offset_s=0.0,
        workload=Workload(row["workload"]),
        server_update_is_coarse=row["server_update_is_coarse"],
        server_clock=row["server_clock"] or "",
        actions=None if row["actions"] is None else {},
        **{name: row[column] for name, column in MOMENTS.items()},
        **{f"server_{name}_epoch_s": row[column] for name, column in SERVER_TIMES.items()},
    )
