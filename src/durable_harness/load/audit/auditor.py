"""Run an audit: from a run's records and the URLs of its operations to the server's account of each."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import gevent
import pyarrow.compute as pc
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.gate.audit import Audit
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.ledger import Ledger, LedgerEntry
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import (
    MOST_ANSWER_BYTES,
    MOST_OTHERS,
    AuditClient,
    AuditError,
    CannotTellError,
)
from durable_harness.load.http import Asker
from durable_harness.operations import ServiceDescription
from durable_harness.platforms.clocks import monotonic
from durable_harness.wording.foreign_text import shown

logger = logging.getLogger(__name__)

MARGIN_S = 2.0
"""Creation times are in whole seconds: the span of a run is asked for with this much on either side."""
CONCURRENT_REQUESTS = 20
MOST_UNANSWERED = CONCURRENT_REQUESTS
"""Requests in a row without an answer after which the server is taken to be gone."""
NOTHING_ACCEPTED = "no operation was accepted"
NO_RECORDS = "the run left no records of its operations"
NOT_KNOWN = "unknown where other operations' URLs lead to, and their own process sent none"


class AuditedService(NamedTuple):
    """How a scenario's service is read."""

    description: ServiceDescription
    echoes: bool
    """Whether its outputs have the tokens of their inputs."""
    is_checked: bool = False
    """Whether the run compared each output that it saw with its start."""


class AuditQuestion(NamedTuple):
    """The subject of an audit."""

    report_dir: Path
    token_prefix: str
    timeout_s: float
    use_listing: bool = True
    verify_tls: bool = True
    tried: frozenset[str] = frozenset()
    """Ids of operations that were made before the run."""


def audit_run(
    question: AuditQuestion, operation_urls: Iterable[OperationUrls], service_of: Callable[[str], AuditedService]
) -> Audit | str:
    """Account for every operation that was accepted; return why there is nothing to account for, if so.

    `operation_urls` has those of each scenario and process. Never raises: the `incomplete` of an audit
    has the reason why it could not be completed.
    """
    try:
        book = _Book.read(question.report_dir, service_of)
    except ConfigurationError:
        return NO_RECORDS
    if not book.accepted:
        return NOTHING_ACCEPTED
    return _Audit(question, _Known(operation_urls), service_of, book).run()


class _Source(NamedTuple):
    """Operations whose URLs are known in the same way."""

    scenario: str
    worker: str


class _Known:
    """Where operations are, by their source."""

    def __init__(self, operation_urls: Iterable[OperationUrls]) -> None:
        self.all = {_Source(where.scenario, where.worker): where for where in operation_urls}
        self._any = {where.scenario: where for where in self.all.values()}

    def of(self, source: _Source) -> OperationUrls | None:
        """Return those of a source; a process that died sent none, and another one's have to do."""
        return self.all.get(source) or self._any.get(source.scenario)


class _Book(NamedTuple):
    """The records of a run, by what an audit needs."""

    accepted: dict[_Source, dict[str, LedgerEntry]]
    """By source, then by key."""
    given_twice: list[str]
    not_accepted: dict[str, str]
    first_s: float

    @classmethod
    def read(cls, report_dir: Path, service_of: Callable[[str], AuditedService]) -> _Book:
        table = read_operations(report_dir).operations
        accepted: dict[_Source, dict[str, LedgerEntry]] = {}
        not_accepted: dict[str, str] = {}
        ids: Counter[str] = Counter()
        checked = {name: _is_checked(service_of, name) for name in pc.unique(table.column("scenario")).to_pylist()}
        columns = ("scenario", "worker", "instance_id", "token", "state", "accepted_s", "seen_s")
        for scenario, worker, instance_id, token, state, accepted_s, seen_s in zip(
            *(table.column(name).to_pylist() for name in columns), strict=True
        ):
            if accepted_s is None:
                not_accepted[token] = state
                continue
            ids[instance_id or token] += 1
            recorded = LedgerEntry(token, state, seen_s, instance_id, checked[scenario], scenario)
            accepted.setdefault(_Source(scenario, worker), {})[instance_id or token] = recorded
        twice = [instance_id for instance_id, count in ids.items() if count > 1]
        return cls(accepted, twice, not_accepted, pc.min(table.column("sent_s")).as_py() or 0.0)


def _is_checked(service_of: Callable[[str], AuditedService], scenario: str) -> bool:
    try:
        return service_of(scenario).is_checked
    except KeyError:  # a worker's records may name a scenario that this process does not have
        return False


class _Audit:
    def __init__(
        self,
        question: AuditQuestion,
        known: _Known,
        service_of: Callable[[str], AuditedService],
        book: _Book,
    ) -> None:
        self._question, self._known, self._service_of, self._book = question, known, service_of, book
        everything = {key: value for one in book.accepted.values() for key, value in one.items()}
        self._ledger = Ledger(
            everything, book.given_twice, book.not_accepted, began_s=book.first_s, tried=question.tried
        )
        self._methods: list[str] = []
        self._unanswered = 0
        self._asker = Asker(verify_tls=question.verify_tls, max_answer_bytes=MOST_ANSWER_BYTES)

    def run(self) -> Audit:
        began = monotonic()
        incomplete = None
        # It is not an Exception, so that no handler on the way up catches it.
        limit = gevent.Timeout(self._question.timeout_s)
        try:
            with self._asker, limit:
                self._ask_servers()
        except gevent.Timeout as error:
            if error is not limit:
                raise
            incomplete = f"it was stopped after {self._question.timeout_s:g} s"
        except AuditError as error:
            incomplete = shown(str(error))
        except KeyboardInterrupt:
            incomplete = "it was interrupted"
        except Exception as error:
            logger.exception("The audit")
            incomplete = f"an answer could not be read ({type(error).__name__}, see the log)"
        missing = len(self._ledger.missing())
        if incomplete is not None or missing:
            incomplete = f"{incomplete or 'not asked'}: {missing:,} operations are not accounted for"
        incomplete = "; ".join(filter(None, (incomplete, self._ledger.unknown_reasons))) or None
        method = " and ".join(dict.fromkeys(self._methods)) or "nothing was asked"
        return self._ledger.close(method, monotonic() - began, incomplete)

    def _ask_servers(self) -> None:
        """List each server once, then ask for those one by one that no listing had."""
        listings: dict[str, bool] = {}
        for source, where in self._known.all.items():
            client = self._client(source.scenario, where)
            listing = where.listing_url() if self._question.use_listing else None
            if listing is not None and listing not in listings:
                listings[listing] = client.has_listing()
                if listings[listing]:
                    self._list(client)
        self._ledger.has_listing = bool(listings) and all(listings.values()) and self._are_all_listed()
        missing = set(self._ledger.missing())
        for source, accepted in self._book.accepted.items():
            known = self._known.of(source)
            if known is not None and not missing.isdisjoint(accepted):
                client = self._client(source.scenario, known)
                self._ask_each(client, source, sorted(missing.intersection(accepted)))

    def _are_all_listed(self) -> bool:
        """Return whether the operations of each scenario have a listing; one that others have does not show them."""
        found = map(self._known.of, self._book.accepted)
        return all(where is not None and where.listing_url() is not None for where in found)

    def _client(self, scenario: str, where: OperationUrls) -> AuditClient:
        service = self._service_of(scenario)
        prefix = self._question.token_prefix
        return AuditClient(self._asker, where, service.description, prefix, echoes=service.echoes)

    def _list(self, client: AuditClient) -> None:
        self._methods.append("by a paged query")
        self._ledger.clock_offset_s = client.clock_offset_s
        most = len(self._ledger.accepted) + MOST_OTHERS
        for found in client.listed(self._book.first_s - MARGIN_S, time.time() + MARGIN_S, most):
            self._ledger.note(found)

    def _ask_each(self, client: AuditClient, source: _Source, keys: list[str]) -> None:
        self._methods.append("by a status request for each")
        pool, accepted = Pool(CONCURRENT_REQUESTS), self._book.accepted[source]
        jobs = [pool.spawn(self._ask_one, client, source, key, accepted[key]) for key in keys]
        try:
            for job in gevent.iwait(jobs):
                if (problem := job.get()) is not None:
                    raise problem
        finally:
            pool.kill()

    def _ask_one(self, client: AuditClient, source: _Source, key: str, recorded: LedgerEntry) -> AuditError | None:
        """Note what became of an operation; return why no other one can be asked either.

        (gevent prints what a greenlet raises.)
        """
        try:
            found = client.ask(key, recorded)
        except CannotTellError as error:
            self._ledger.mark_unknown(key, str(error))
            return None
        except AuditError as error:
            self._unanswered += 1
            if self._unanswered > MOST_UNANSWERED:
                return error
            self._ledger.mark_unknown(key, str(error))
            return None
        self._unanswered = 0
        if found is not None:
            self._ledger.note(found)
        elif source in self._known.all:
            self._ledger.lost(key, "its status is unknown to the server")
        else:
            self._ledger.mark_unknown(key, NOT_KNOWN)
        return None
