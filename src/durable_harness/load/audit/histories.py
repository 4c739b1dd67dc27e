"""Learn after a run when operations began and ended, and how many actions they cost, from the durable webhooks'
histories, which have microseconds.

Such a history does not show everything, and what it does not show is left unknown:

- It has the last execution alone. Of an instance that continued as new it gives the end, and neither the beginning nor
  the cost. An execution is known to be the first one if it started before the 202 came, and within the second in which
  the instance was created; no operation of its scenario may show another execution.
- It has no first dispatch. The orchestrator's first task, timer or child stands for it, unless something came for the
  orchestrator before that: then it had been waiting for an unknown time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gevent
import pyarrow as pa
import pyarrow.compute as pc
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import MOST_ANSWER_BYTES, AuditError, get
from durable_harness.load.http import Asker
from durable_harness.operations import OperationPhase, OperationRecord, Workload
from durable_harness.operations.operation_record import HISTORY_CLOCK
from durable_harness.operations.wire import read_epoch_s

CONCURRENT_REQUESTS = 10
WHOLE_SECOND = 1.0
INCOMING = frozenset({"EventRaised", "ExecutionSuspended", "ExecutionResumed", "ExecutionTerminated"})
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
    report_dir: Path, operation_urls: Iterable[OperationUrls], limit: int, timeout_s: float, *, verify_tls: bool
) -> list[Learned]:
    """Return up to `limit` measured operations with what their histories add, spread evenly over the run.

    Only those are requested that the run itself could not split, or whose actions it does not know; the moments
    of the records are seconds since the epoch. Whatever cannot be read in time is left out: never raises.
    """
    known = {where.scenario: where for where in operation_urls if where.history_url("any") is not None}
    try:
        rows = _lacking(read_operations(report_dir).operations, list(known), limit)
    except ConfigurationError:
        return []
    pool = Pool(CONCURRENT_REQUESTS)
    with Asker(verify_tls=verify_tls, max_answer_bytes=MOST_ANSWER_BYTES) as asker:
        try:
            # Adding to a full pool waits: that is part of the time, too.
            with gevent.Timeout(timeout_s, exception=False):
                jobs = [pool.spawn(_read, asker, row, known[row["scenario"]]) for row in rows]
                gevent.joinall(jobs)
        finally:
            pool.kill()
    return learned([job.value for job in jobs if isinstance(job.value, OperationHistory)])


class OperationHistory(NamedTuple):
    """What an operation's history shows; times in seconds since the epoch, by the server's clock."""

    scenario: str
    before: OperationRecord
    created_s: float | None
    """In whole seconds, of the first execution."""
    started_s: float | None
    """Of the execution that the history has."""
    began_s: float | None
    ended_s: float | None
    actions: Mapping[str, int] | None


def learned(histories: Sequence[OperationHistory]) -> list[Learned]:
    """Return what the histories of a run add to its records."""
    ahead_s = _clock_ahead_s(histories)
    continuing = {one.scenario for one in histories if not _is_within_second(one)}
    found = [
        _apply(one, is_first=one.scenario not in continuing and _is_before_acceptance(one, ahead_s))
        for one in histories
    ]
    return [one for one in found if one.now != one.before]


def _clock_ahead_s(histories: Sequence[OperationHistory]) -> float:
    """Return by how much the server's clock is ahead of the one here at least, or behind if below zero.

    It is 0 if the clocks may agree. No operation began before it was sent, or ended after its end was seen.
    """
    least = [
        one.ended_s - one.before.seen for one in histories if one.ended_s is not None and one.before.seen is not None
    ]
    most = [
        one.began_s - one.before.sent for one in histories if one.began_s is not None and one.before.sent is not None
    ]
    return max(0.0, max(least, default=0.0)) + min(0.0, min(most, default=0.0))


def _is_within_second(one: OperationHistory) -> bool:
    return one.created_s is not None and one.started_s is not None and one.started_s - one.created_s < WHOLE_SECOND


def _is_before_acceptance(one: OperationHistory, ahead_s: float) -> bool:
    accepted_s = one.before.accepted
    return accepted_s is not None and one.started_s is not None and one.started_s <= accepted_s + ahead_s


def _apply(one: OperationHistory, *, is_first: bool) -> Learned:
    """Add to a record what is certain."""
    now = one.before
    if now.actions is None and is_first:
        now = replace(now, actions=one.actions)
    if now.execution_ms is None and one.ended_s is not None:
        now = replace(
            now,
            server_created_epoch_s=one.started_s if is_first else None,
            server_running_epoch_s=one.began_s if is_first else None,
            server_updated_epoch_s=one.ended_s,
            server_update_is_coarse=False,
            server_clock=HISTORY_CLOCK,
        )
    return Learned(one.before, now)


def read_history(events: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return when an orchestration began to run and when it ended, in seconds since the epoch; None if unknown."""
    began_s = min((moment for event in events for moment in _scheduled(event)), default=None)
    came_s = min((moment for event in events for moment in _came(event)), default=None)
    ends = [event.get("Timestamp") for event in events if event.get("EventType") == "ExecutionCompleted"]
    has_waited = began_s is not None and came_s is not None and came_s < began_s
    return None if has_waited else began_s, read_epoch_s(ends[-1]) if ends else None


def count_actions(events: Iterable[Mapping[str, Any]]) -> Mapping[str, int] | None:
    """Return how many actions of each kind an orchestration cost; None if its history does not show all of them."""
    kinds = [str(event.get("EventType")) for event in events]
    if kinds.count("ExecutionStarted") != 1 or "ExecutionCompleted" not in kinds or not ACTIONS.keys() >= set(kinds):
        return None
    return Counter(action for kind in kinds for action in ACTIONS[kind])


def _scheduled(event: Mapping[str, Any]) -> Iterator[float]:
    """Yield when the orchestrator scheduled the work of an event."""
    texts = [event.get("ScheduledTime"), event.get("Timestamp") if event.get("EventType") in SCHEDULING else None]
    yield from (moment for moment in map(read_epoch_s, texts) if moment is not None)


def _came(event: Mapping[str, Any]) -> Iterator[float]:
    """Yield when something came for the orchestrator that it had not scheduled."""
    moment = read_epoch_s(event.get("Timestamp")) if event.get("EventType") in INCOMING else None
    if moment is not None:
        yield moment


def _lacking(table: pa.Table, scenarios: list[str], limit: int) -> list[dict[str, Any]]:
    """Choose operations whose end was seen, and whose parts or actions are not known."""
    is_known = pc.and_(pc.is_valid(table["server_running_s"]), pc.is_valid(table["server_updated_s"]))
    fine = pc.and_(is_known, pc.invert(table["server_update_is_coarse"]))
    lacking = pc.or_(pc.invert(fine), pc.is_null(table["actions"]))
    wanted = pc.and_(lacking, pc.and_(pc.is_valid(table["seen_s"]), pc.is_valid(table["instance_id"])))
    wanted = pc.and_(wanted, pc.equal(table["phase"], OperationPhase.MEASURED.value))
    wanted = pc.and_(wanted, pc.is_in(table["scenario"], pa.array(scenarios, pa.string())))
    found = table.filter(wanted).sort_by("sent_s")
    count = min(limit, found.num_rows)
    chosen = pa.array([found.num_rows * index // count for index in range(count)], pa.int64())
    rows: list[dict[str, Any]] = found.take(chosen).to_pylist()
    return rows


def _read(asker: Asker, row: Mapping[str, Any], where: OperationUrls) -> OperationHistory | None:
    try:
        url = where.history_url(row["instance_id"]) or ""
        answer = get(asker, url, where.headers_for_webhook(url))
    except AuditError:
        return None
    body = answer.json_object() or {}
    listed = body.get("historyEvents")
    events = [event for event in listed if isinstance(event, dict)] if isinstance(listed, list) else []
    started = (event.get("Timestamp") for event in events if event.get("EventType") == "ExecutionStarted")
    created_s, started_s = read_epoch_s(body.get("createdTime")), read_epoch_s(next(started, None))
    return OperationHistory(
        row["scenario"], _recorded(row), created_s, started_s, *read_history(events), count_actions(events)
    )


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
