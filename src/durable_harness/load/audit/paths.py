"""Learn after a run where operations near its percentiles spent their time, from their critical paths.

A host of ours answers with the moments of all work; of any other service the durable webhooks' history is read, and
what it does not say is not known. What lies between the clock here and that of the service is one part, unless both are
on this machine: no difference of two machines' clocks is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import gevent
import pyarrow as pa
import pyarrow.compute as pc
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.gate.paths import PERCENTILES, PathPart, PathsAt
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.client import MOST_ANSWER_BYTES, AuditError, get
from durable_harness.load.audit.whereabouts import Whereabouts
from durable_harness.load.http import Asker
from durable_harness.operations import OperationPhase, OperationState, Workload
from durable_harness.why import LABELS, Explanation, Part, Segment, explain
from durable_harness.why.findings import findings_of
from durable_harness.why.segments import totals
from durable_harness.why.webhook import document_of

MOST_OPERATIONS = 9
"""Near each percentile."""
SPREAD = 50
"""One operation of so many in the scenario is near a percentile, at most."""
CONCURRENT_REQUESTS = 4
TIMINGS_PATH = "/admin/durable-harness/timings"
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
MS = 1_000_000
NO_PATH = "neither the notes of a host nor a history of these operations could be read"


class _Operation(NamedTuple):
    """One operation of the records; moments in seconds since the epoch, by the clock here."""

    instance_id: str
    from_s: float
    sent_s: float
    seen_s: float

    @property
    def completion_ms(self) -> float:
        return (self.seen_s - self.from_s) * 1000


class _Service:
    """Where the operations of a scenario can be explained: by their host if it is one of ours, else by histories."""

    def __init__(self, asker: Asker, where: Whereabouts, histories: Iterator[int]) -> None:
        """Make a service. It takes a number from `histories` for each history that it reads."""
        self._asker, self._where = asker, where
        self._histories = histories
        self._first = BoundedSemaphore()
        self._notes: bool | None = None
        """Whether its host is one of ours; None before it was asked."""

    def explain(self, instance_id: str) -> Explanation | None:
        """Return what explains an operation; None if nothing does."""
        try:
            found = self._from_noting_host(instance_id)
            return self._from_history(instance_id) if found is None and not self._notes else found
        except (AuditError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
            return None  # an answer that is not what its address promises

    def _from_noting_host(self, instance_id: str) -> Explanation | None:
        """Ask its host, unless that is known not to be one of ours; the first question is alone."""
        if self._notes is None:
            with self._first:
                if self._notes is None:
                    return self._from_host(instance_id)
        return self._from_host(instance_id) if self._notes else None

    def _from_host(self, instance_id: str) -> Explanation | None:
        home = urlsplit(self._where.home or self._where.status_url)
        url = f"{home.scheme}://{home.netloc}{TIMINGS_PATH}?instance={quote(instance_id, safe='')}"
        body = get(self._asker, url, self._where.headers_for(url)).json_object() or {}
        if "events" in body and "work" in body:
            self._notes = True
            return explain(body)
        self._notes = bool(self._notes)  # any other host is not asked again
        return None

    def _from_history(self, instance_id: str) -> Explanation | None:
        url = self._where.history_url(instance_id)
        if url is None or next(self._histories, None) is None:
            return None
        status = get(self._asker, url, self._where.headers_for_webhook(url)).json_object() or {}
        rows = [row for row in status.get("historyEvents") or () if isinstance(row, dict)]
        return explain(document_of(instance_id, status, rows)) if rows else None


def learn_paths(
    report_dir: Path, whereabouts: Iterable[Whereabouts], timeout_s: float, *, most_histories: int, verify_tls: bool
) -> dict[str, tuple[PathsAt, ...]]:
    """Return the paths near each percentile by scenario; whatever cannot be read in time is unknown. Never raises.

    Of services that are not ours `most_histories` are read at most.
    """
    try:
        table = read_operations(report_dir).operations
    except ConfigurationError:
        return {}
    known = {where.scenario: where for where in whereabouts}
    with Asker(verify_tls=verify_tls, max_answer_bytes=MOST_ANSWER_BYTES) as asker:
        chosen = {name: _near_percentiles(_completed(table, name)) for name in known}
        wanted = {(name, one) for name, groups in chosen.items() for group in groups for one in group}
        histories = iter(range(most_histories))
        services = {name: _Service(asker, where, histories) for name, where in known.items()}
        explained = _all_read(services, wanted, timeout_s)
    return {
        name: tuple(
            _paths_at(percent, group, [explained.get((name, one)) for one in group], known[name].home)
            for percent, group in zip(PERCENTILES, groups, strict=True)
            if group
        )
        for name, groups in chosen.items()
    }


def _all_read(
    services: Mapping[str, _Service], wanted: Iterable[tuple[str, _Operation]], timeout_s: float
) -> dict[tuple[str, _Operation], Explanation | None]:
    pool = Pool(CONCURRENT_REQUESTS)
    jobs: dict[tuple[str, _Operation], Any] = {}
    try:
        # Pools hold up whoever adds to a full one: that is part of the time, too.
        with gevent.Timeout(timeout_s, exception=False):
            for name, one in wanted:
                jobs[name, one] = pool.spawn(services[name].explain, one.instance_id)
            gevent.joinall(list(jobs.values()))
    finally:
        pool.kill()
    return {key: job.value if isinstance(job.value, Explanation) else None for key, job in jobs.items()}


def _completed(table: pa.Table, scenario: str) -> list[_Operation]:
    """Return the measured operations of a scenario that completed, the fastest first."""
    wanted = pc.and_(pc.equal(table["scenario"], scenario), pc.equal(table["state"], OperationState.COMPLETED.value))
    wanted = pc.and_(wanted, pc.equal(table["phase"], OperationPhase.MEASURED.value))
    wanted = pc.and_(wanted, pc.and_(pc.is_valid(table["seen_s"]), pc.is_valid(table["sent_s"])))
    columns = ["instance_id", "intended_s", "sent_s", "seen_s", "workload"]
    rows = table.filter(pc.and_(wanted, pc.is_valid(table["instance_id"]))).select(columns).to_pylist()
    found = (
        _Operation(
            row["instance_id"],
            row["intended_s"] if row["workload"] == Workload.OPEN.value and row["intended_s"] else row["sent_s"],
            row["sent_s"],
            row["seen_s"],
        )
        for row in rows
    )
    return sorted(found, key=lambda one: one.completion_ms)


def _near_percentiles(operations: Sequence[_Operation]) -> list[Sequence[_Operation]]:
    """Return a few operations around each percentile."""
    size = max(1, min(MOST_OPERATIONS, len(operations) // SPREAD))
    groups = []
    for percent in PERCENTILES:
        place = min(len(operations) * percent // 100, len(operations) - 1) - size // 2
        begin = max(0, min(place, len(operations) - size))
        groups.append(operations[begin : begin + size])
    return groups


def _paths_at(percent: int, group: Sequence[_Operation], explained: Sequence[Explanation | None], home: str) -> PathsAt:
    known = [(one, found) for one, found in zip(group, explained, strict=True) if found is not None and found.path]
    if not known:
        mean_ms = sum(one.completion_ms for one in group) / len(group)
        return PathsAt(percent, mean_ms, len(group), unknown=NO_PATH)
    is_here = urlsplit(home).hostname in HERE
    whole = [segment for one, found in known for segment in _whole_path(one, found, is_here=is_here)]
    means = {part: ns / MS / len(known) for part, ns in totals(whole).items()}
    middle = known[len(known) // 2][1]
    return PathsAt(
        percent,
        sum(one.completion_ms for one, _ in known) / len(known),
        len(known),
        tuple(PathPart(part.value, LABELS[part], mean_ms) for part, mean_ms in means.items() if mean_ms > 0),
        tuple(finding.text for finding in findings_of(middle.facts, whole, len(known))),
        unknown="; ".join(middle.not_known),
    )


def _whole_path(one: _Operation, found: Explanation, *, is_here: bool) -> Iterator[Segment]:
    """Yield the path of an operation from where its completion counts until its end was seen."""
    yield from found.path
    yield _lasting(Part.SLIP, (one.sent_s - one.from_s) * 1e9)
    request_ns = found.facts.created_ns - one.sent_s * 1e9
    lag_ns = one.seen_s * 1e9 - found.facts.until_ns
    if is_here and request_ns >= 0 and lag_ns >= 0:
        yield _lasting(Part.START, request_ns)
        yield _lasting(Part.DETECTION, lag_ns)
    else:
        yield _lasting(Part.REQUESTS, (one.seen_s - one.sent_s) * 1e9 - (found.total_ns or 0))


def _lasting(part: Part, length_ns: float) -> Segment:
    return Segment(part, 0, max(0, round(length_ns)))
