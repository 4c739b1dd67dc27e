"""Learn after a run when operations began and ended, from the durable webhooks' histories, which tell microseconds.

An operation began when its orchestrator first ran, which is when it scheduled its first task, timer or child. One that
never scheduled anything does not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gevent
import pyarrow as pa
import pyarrow.compute as pc
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.client import AuditError, get
from durable_harness.load.audit.whereabouts import Whereabouts
from durable_harness.operations import OperationPhase, OperationRecord, Workload
from durable_harness.operations.wire import read_epoch_s

CONCURRENT_REQUESTS = 10
SCHEDULING = frozenset({"TaskScheduled", "TimerCreated", "SubOrchestrationInstanceCreated", "EventSent"})
MOMENTS = {"intended": "intended_s", "sent": "sent_s", "accepted": "accepted_s", "seen": "seen_s"}


def learn_from_histories(
    report_dir: Path, whereabouts: Iterable[Whereabouts], limit: int, timeout_s: float
) -> list[OperationRecord]:
    """Return up to `limit` measured operations with the times that their histories tell, spread evenly over the run.

    Only those that the run itself could not split are asked for; the moments of the records are seconds since the
    epoch. Whatever cannot be read in time is left out: never raises.
    """
    known = {where.scenario: where for where in whereabouts if where.history_url("any") is not None}
    try:
        rows = _unsplit(read_operations(report_dir).operations, list(known), limit)
    except ConfigurationError:
        return []
    pool, learned = Pool(CONCURRENT_REQUESTS), []
    jobs = [pool.spawn(_learn, row, known[row["scenario"]]) for row in rows]
    try:
        gevent.joinall(jobs, timeout=timeout_s)
    finally:
        pool.kill()
    learned = [job.value for job in jobs if isinstance(job.value, OperationRecord)]
    return [record for record in learned if record.split_ms() is not None]


def read_history(events: Iterable[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return when an orchestration began to run and when it ended, in seconds since the epoch; None if not told."""
    began = [moment for event in events for moment in _scheduled(event)]
    ends = [event.get("Timestamp") for event in events if event.get("EventType") == "ExecutionCompleted"]
    return min(began, default=None), read_epoch_s(ends[-1]) if ends else None


def _scheduled(event: Mapping[str, Any]) -> Iterator[float]:
    told = [event.get("ScheduledTime"), event.get("Timestamp") if event.get("EventType") in SCHEDULING else None]
    yield from (moment for moment in map(read_epoch_s, told) if moment is not None)


def _unsplit(table: pa.Table, scenarios: list[str], limit: int) -> list[dict[str, Any]]:
    """Choose operations whose end was seen and whose parts are not known."""
    told = pc.and_(pc.is_valid(table["server_running_s"]), pc.is_valid(table["server_updated_s"]))
    fine = pc.and_(told, pc.invert(table["server_update_is_coarse"]))
    wanted = pc.and_(pc.invert(fine), pc.and_(pc.is_valid(table["seen_s"]), pc.is_valid(table["instance_id"])))
    wanted = pc.and_(wanted, pc.equal(table["phase"], OperationPhase.MEASURED.value))
    wanted = pc.and_(wanted, pc.is_in(table["scenario"], pa.array(scenarios, pa.string())))
    found = table.filter(wanted).sort_by("sent_s")
    count = min(limit, found.num_rows)
    chosen = pa.array([found.num_rows * index // count for index in range(count)], pa.int64())
    rows: list[dict[str, Any]] = found.take(chosen).to_pylist()
    return rows


def _learn(row: Mapping[str, Any], where: Whereabouts) -> OperationRecord | None:
    try:
        answer = get(where.history_url(row["instance_id"]) or "", {})
    except AuditError:
        return None
    body = answer.json_object() or {}
    events = [event for event in body.get("historyEvents") or () if isinstance(event, dict)]
    began_s, ended_s = read_history(events)
    return OperationRecord(
        token=row["token"],
        epoch_offset_s=0.0,
        workload=Workload(row["workload"]),
        server_running_epoch_s=began_s,
        server_updated_epoch_s=ended_s,
        **{name: row[column] for name, column in MOMENTS.items()},
    )
