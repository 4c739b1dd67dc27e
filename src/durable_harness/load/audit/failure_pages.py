"""Keep the pages of the first stuck and failed operations of a run, while their host is still there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from durable_harness.errors import ConfigurationError
from durable_harness.gate.audit import Audit, AuditProblem
from durable_harness.gate.records import read_operations
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.trace_links import FOLDER_NAME, TracePage
from durable_harness.load.audit.gathering import asked_in_time
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import AuditError, get
from durable_harness.load.http import Asker
from durable_harness.operations import OperationState
from durable_harness.operations.trace_page import page_in, trace_path
from durable_harness.whole_files import write_whole
from durable_harness.wording.foreign_text import shown

DASHBOARD_HEADER = "durable-harness-dashboard"
MOST_OF_KIND = 3
MOST_PAGES = 12
MOST_PAGE_BYTES = 8 * 1024 * 1024
"""A page has at most 5 MB of histories and payloads, and the mark-up around them."""
CONCURRENT_REQUESTS = 2
TIMEOUT_S = 15.0
"""For all pages: a report waits for them."""
STATES = (OperationState.FAILED, OperationState.TIMED_OUT, OperationState.WRONG_OUTPUT)
PROBLEMS = (AuditProblem.STUCK, AuditProblem.CONTRADICTED, AuditProblem.WRONG_OUTPUT, AuditProblem.DUPLICATED)


class Subject(NamedTuple):
    """An operation whose page is wanted."""

    scenario: str
    instance_id: str
    kind: str


class Page(NamedTuple):
    """What a host answered."""

    text: str
    dashboard_url: str


Pages = Mapping[Subject, Page | None]


def keep_traces(
    report_dir: Path,
    operation_urls: Iterable[OperationUrls],
    audit: Audit | str,
    stuck: Sequence[StuckOperation],
    *,
    verify_tls: bool,
) -> tuple[TracePage, ...]:
    """Write the pages of the first operations of each kind of failure; return what was written. Never raises.

    Only a durable-harness host makes such pages: of any other there are none.
    """
    homes = {where.scenario: where for where in operation_urls}
    subjects = [one for one in _subjects(report_dir, audit, stuck) if one.scenario in homes]
    with Asker(verify_tls=verify_tls, max_answer_bytes=MOST_PAGE_BYTES) as asker:
        pages = _asked(asker, homes, subjects)
    return tuple(_written(report_dir, subjects, pages))


def _subjects(report_dir: Path, audit: Audit | str, stuck: Sequence[StuckOperation]) -> Iterator[Subject]:
    """Yield the first operations of each kind and scenario, each operation once."""
    seen, counts = set[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in _suspects(report_dir, audit, stuck):
        operation, kind = (one.scenario, one.instance_id), (one.scenario, one.kind)
        if operation not in seen and counts[kind] < MOST_OF_KIND and counts.total() < MOST_PAGES:
            seen.add(operation)
            counts[kind] += 1
            yield one


def _suspects(report_dir: Path, audit: Audit | str, stuck: Sequence[StuckOperation]) -> Iterator[Subject]:
    yield from (Subject(one.scenario, one.instance_id, AuditProblem.STUCK.value) for one in stuck)
    findings = audit.findings if isinstance(audit, Audit) else ()
    for finding in findings:
        if finding.problem in PROBLEMS and finding.instance_id:
            yield Subject(finding.scenario, finding.instance_id, finding.problem.value)
    yield from _recorded(report_dir)


def _recorded(report_dir: Path) -> Iterator[Subject]:
    """Yield operations that the records show as failed. A state has enough rows for every scenario of a run."""
    try:
        table = read_operations(report_dir).operations
    except ConfigurationError:
        return
    for state in STATES:
        rows = table.filter(pc.and_(pc.equal(table["state"], state.value), pc.is_valid(table["instance_id"])))
        for scenario in pc.unique(rows["scenario"]).to_pylist():
            yield from _first(rows, scenario, state)


def _first(rows: pa.Table, scenario: str, state: OperationState) -> Iterator[Subject]:
    own = rows.filter(pc.equal(rows["scenario"], scenario)).slice(0, MOST_OF_KIND)
    yield from (Subject(scenario, instance_id, state.value) for instance_id in own["instance_id"].to_pylist())


def _asked(asker: Asker, homes: Mapping[str, OperationUrls], subjects: Sequence[Subject]) -> Pages:
    """Return the pages that came in time. A host that makes none is asked once."""
    without = set[str]()

    def ask(subject: Subject) -> Page | None:
        where = homes[subject.scenario]
        if where.origin in without:
            return None
        url = f"{where.origin}{trace_path(subject.instance_id)}"
        try:
            answer = get(asker, url, where.headers_for(url))
        except AuditError:
            return None
        if page := page_in(answer):
            return Page(page, answer.headers.get(DASHBOARD_HEADER, ""))
        if "instance" not in (answer.json_object() or {}):
            without.add(where.origin)
        return None

    return asked_in_time(ask, subjects, at_once=CONCURRENT_REQUESTS, timeout_s=TIMEOUT_S)


def _written(
    report_dir: Path, subjects: Sequence[Subject], pages: Mapping[Subject, Page | None]
) -> Iterator[TracePage]:
    numbers = {kind: count(1) for kind in {one.kind for one in subjects}}
    for one in subjects:
        if (page := pages.get(one)) is None:
            continue
        name = f"{FOLDER_NAME}/{_file_name(one, next(numbers[one.kind]))}"
        try:
            (report_dir / FOLDER_NAME).mkdir(exist_ok=True)
            write_whole(report_dir / name, page.text)
        except OSError:
            return  # The report goes to the same disk, and reports that it is full.
        yield TracePage(name, one.kind, shown(one.instance_id), one.scenario, page.dashboard_url)


def _file_name(subject: Subject, number: int) -> str:
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{subject.kind}-{number}-{subject.instance_id}")
    return f"{words[:100]}.html"
