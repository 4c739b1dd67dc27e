"""Lead an audit: from a run's records and the whereabouts of its operations to what the server says of each."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gevent
import pyarrow.compute as pc
from gevent.pool import Pool

from durable_harness.errors import ConfigurationError
from durable_harness.foreign_text import shown
from durable_harness.gate.audit import Audit
from durable_harness.gate.records import read_operations
from durable_harness.load.audit.client import MOST_ANSWER_BYTES, MOST_OTHERS, AuditClient, AuditError
from durable_harness.load.audit.ledger import Ledger, Recorded
from durable_harness.load.audit.whereabouts import Whereabouts
from durable_harness.load.http import Asker
from durable_harness.operations import ServiceDescription

logger = logging.getLogger(__name__)

MARGIN_S = 2.0
"""Creation times are in whole seconds: the span of a run is asked for with this much on either side."""
CONCURRENT_REQUESTS = 20


class AuditedService(NamedTuple):
    """How a scenario's service is read."""

    description: ServiceDescription
    echoes: bool
    """Whether its outputs have the tokens of their inputs."""


class Question(NamedTuple):
    """What an audit is about."""

    report_dir: Path
    token_prefix: str
    timeout_s: float
    use_listing: bool = True
    verify_tls: bool = True


def audit_run(
    question: Question, whereabouts: Iterable[Whereabouts], service_of: Callable[[str], AuditedService]
) -> Audit | None:
    """Account for every operation that was accepted; None if none was.

    `whereabouts` has an operation of each scenario, or more of them. Never raises: what keeps an audit from its end is
    in its `incomplete`.
    """
    known = {where.scenario: where for where in whereabouts}
    try:
        book = _Book.read(question.report_dir)
    except ConfigurationError:
        return None
    if not book.accepted:
        return None
    return _Audit(question, known, service_of, book).run()


class _Book(NamedTuple):
    """The records of a run, by what an audit needs."""

    accepted: dict[str, dict[str, Recorded]]
    """By scenario, then by instance id."""
    given_twice: list[str]
    not_accepted: dict[str, str]
    first_s: float

    @classmethod
    def read(cls, report_dir: Path) -> _Book:
        table = read_operations(report_dir).operations
        accepted: dict[str, dict[str, Recorded]] = {}
        not_accepted: dict[str, str] = {}
        ids: Counter[str] = Counter()
        columns = ("scenario", "instance_id", "token", "state", "seen_s")
        for scenario, instance_id, token, state, seen_s in zip(
            *(table.column(name).to_pylist() for name in columns), strict=True
        ):
            if instance_id is None:
                not_accepted[token] = state
                continue
            ids[instance_id] += 1
            accepted.setdefault(scenario, {})[instance_id] = Recorded(token, state, seen_s)
        twice = [instance_id for instance_id, count in ids.items() if count > 1]
        return cls(accepted, twice, not_accepted, pc.min(table.column("sent_s")).as_py() or 0.0)


class _Audit:
    def __init__(
        self,
        question: Question,
        known: Mapping[str, Whereabouts],
        service_of: Callable[[str], AuditedService],
        book: _Book,
    ) -> None:
        self._question, self._known, self._service_of, self._book = question, known, service_of, book
        everything = {key: value for one in book.accepted.values() for key, value in one.items()}
        self._ledger = Ledger(everything, book.given_twice, book.not_accepted, began_s=book.first_s)
        self._methods: list[str] = []
        self._asker = Asker(verify_tls=question.verify_tls, max_answer_bytes=MOST_ANSWER_BYTES)

    def run(self) -> Audit:
        began = time.monotonic()
        incomplete = None
        # It is no Exception: nothing on the way up takes it for its own.
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
        method = " and ".join(dict.fromkeys(self._methods)) or "nothing was asked"
        return self._ledger.close(method, time.monotonic() - began, incomplete)

    def _ask_servers(self) -> None:
        """List each server once, then ask for those one by one that no listing told of."""
        listed: set[str | None] = set()
        for scenario, where in self._known.items():
            client = self._client(scenario, where)
            listing = where.listing_url() if self._question.use_listing else None
            if listing is not None and listing not in listed and client.has_listing():
                listed.add(listing)
                self._list(client)
        missing = set(self._ledger.missing())
        for scenario, accepted in self._book.accepted.items():
            if scenario in self._known and not missing.isdisjoint(accepted):
                client = self._client(scenario, self._known[scenario])
                self._ask_each(client, sorted(missing.intersection(accepted)))

    def _client(self, scenario: str, where: Whereabouts) -> AuditClient:
        service = self._service_of(scenario)
        prefix = self._question.token_prefix
        return AuditClient(self._asker, where, service.description, prefix, echoes=service.echoes)

    def _list(self, client: AuditClient) -> None:
        self._methods.append("by a paged query")
        self._ledger.clock_offset_s = client.clock_offset_s
        most = len(self._ledger.accepted) + MOST_OTHERS
        for found in client.listed(self._book.first_s - MARGIN_S, time.time() + MARGIN_S, most):
            self._ledger.note(found)

    def _ask_each(self, client: AuditClient, instance_ids: list[str]) -> None:
        self._methods.append("by a status request for each")
        pool = Pool(CONCURRENT_REQUESTS)
        jobs = [pool.spawn(self._ask_one, client, instance_id) for instance_id in instance_ids]
        try:
            for job in gevent.iwait(jobs):
                if (problem := job.get()) is not None:
                    raise problem
        finally:
            pool.kill()

    def _ask_one(self, client: AuditClient, instance_id: str) -> Exception | None:
        """Note what became of an operation; return why it cannot be known. (gevent prints what a greenlet raises.)"""
        try:
            found: Any = client.ask(instance_id)
            if found is None:
                self._ledger.lost(instance_id, "its status is unknown to the server")
            else:
                self._ledger.note(found)
        except Exception as error:  # noqa: BLE001 - who waits for all of them raises the first
            return error
        return None
