"""Ask what operations spent their time on: a durable-harness host, or any other service for their histories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

from gevent.lock import BoundedSemaphore

from durable_harness.load.audit.gathering import asked_in_time
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import AuditError, get
from durable_harness.load.http import Asker
from durable_harness.why import Explanation, explain
from durable_harness.why.webhook_document import document_of

CONCURRENT_REQUESTS = 4
TIMINGS_PATH = "/admin/durable-harness/timings"


class OperationToExplain(NamedTuple):
    """An operation to explain."""

    scenario: str
    instance_id: str


class Service:
    """Where the operations of a scenario can be explained: by a durable-harness host, else by histories."""

    def __init__(self, asker: Asker, where: OperationUrls, histories: Iterator[int]) -> None:
        """Make a service. It takes a number from `histories` for each history that it reads."""
        self._asker, self._where = asker, where
        self._histories = histories
        self._first = BoundedSemaphore()
        self._notes: bool | None = None
        """Whether it is a durable-harness host; None before it was asked."""

    def explain(self, instance_id: str) -> Explanation | None:
        """Return the explanation of an operation; None if there is none."""
        try:
            found = self._from_noting_host(instance_id)
            return self._from_history(instance_id) if found is None and not self._notes else found
        except (AuditError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
            return None  # an answer that has another form than its address promises

    def _from_noting_host(self, instance_id: str) -> Explanation | None:
        """Ask the host, unless it is known to be another one; the first question is alone."""
        if self._notes is None:
            with self._first:
                if self._notes is None:
                    return self._from_host(instance_id)
        return self._from_host(instance_id) if self._notes else None

    def _from_host(self, instance_id: str) -> Explanation | None:
        url = f"{self._where.origin}{TIMINGS_PATH}?instance={quote(instance_id, safe='')}"
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
        events = status.get("historyEvents")
        rows = [row for row in events if isinstance(row, dict)] if isinstance(events, list) else []
        return explain(document_of(instance_id, status, rows)) if rows else None


def all_read(
    services: Mapping[str, Service], wanted: Iterable[OperationToExplain], timeout_s: float
) -> dict[OperationToExplain, Explanation | None]:
    """Return what explains operations, as far as it can be read in time; those that come first are asked first."""
    return asked_in_time(
        lambda one: services[one.scenario].explain(one.instance_id),
        wanted,
        at_once=CONCURRENT_REQUESTS,
        timeout_s=timeout_s,
    )
