"""Show requests and operations in Locust's own tables, charts and web UI.

    GET, POST, …   route               a request as it was sent: a start, a poll, a request of the scenario's own
    OP             Steady completion   an operation of the scenario, until its end was seen

Requests alone are in Locust's totals, so that its requests per second, its failures and its charts are the service's
own. A redirect that is followed is one more request of the same row, without a time. Operations that did not complete
are among Locust's failures, by their reasons. Locust rounds these figures; the summary and the gates have their own
histograms.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Any

from locust.env import Environment
from locust.event import EventHook
from locust.stats import StatsEntry, StatsError, bucket_response_time

from durable_harness.gate.reasons import grouped
from durable_harness.load.http import Exchange
from durable_harness.operations import HttpResponse, OperationRecord, OperationState

OPERATION = "OP"
NOT_ACCEPTED = (OperationState.REFUSED, OperationState.UNREACHABLE)
FLUSH_S = 0.5
"""How often Locust's statistics hear of what went well. Locust shows them every second or two."""
MOST_ROWS, MOST_ERRORS = 500, 500
"""Rows of the table, and errors listed below it, that a service can bring about by its URLs and words. Those beyond
are counted together."""
OTHER_ROW, OTHER_ERROR = "(other routes)", "(other errors)"
LOCUST_MODULE = "locust.runners"
"""Where Locust's runner listens to its request event itself."""


class OperationError(Exception):
    """Why an operation or a poll failed, as Locust lists it."""


class LocustEntries:
    """Adds requests and operations to Locust's statistics.

    An event for every poll would cost more than the poll: what went well is added up and handed over together, unless
    another listener of Locust's request event needs each of them.
    """

    def __init__(self, environment: Environment) -> None:
        self._stats = environment.stats
        self._request_event = environment.events.request
        self._requests: defaultdict[tuple[str, str], _Pending] = defaultdict(_Pending)
        self._operations: defaultdict[tuple[str, str], _Pending] = defaultdict(_Pending)
        self._rows, self._errors = Few(MOST_ROWS, OTHER_ROW), Few(MOST_ERRORS, OTHER_ERROR)

    def started(self, record: OperationRecord) -> None:
        """Nothing to show yet."""

    def accepted(self, record: OperationRecord) -> None:
        """The request that started it is shown."""

    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None:
        """Likewise the poll."""

    def requested(self, method: str, route: str, exchange: Exchange, problem: str | None) -> None:
        result = exchange.result
        length = len(result.body) if isinstance(result, HttpResponse) else 0
        name = self._rows.of(route)
        if problem is None and len(self._request_event._handlers) <= 1:  # noqa: SLF001 - nothing public has it
            self._requests[name, method].add(exchange.elapsed_ms, length)
        else:
            self._request_event.fire(**self._event(method, name, exchange.elapsed_ms, length, problem))
        if exchange.redirects:
            self._requests[name, method].untimed += exchange.redirects

    def ended(self, record: OperationRecord) -> None:
        if record.state is OperationState.TERMINATED:
            return
        name = f"{record.scenario} completion".lstrip()
        elapsed_ms = record.completion_ms if record.seen is not None else record.elapsed_ms
        pending = self._operations[name, OPERATION]
        if record.state in NOT_ACCEPTED or elapsed_ms is None:
            pending.untimed += 1
        else:
            pending.add(elapsed_ms, record.bytes_received)
        if record.error is not None:
            self._fail(name, record.error)
        self._tell_others(name, elapsed_ms or 0.0, record)

    def flush(self) -> None:
        """Hand over what was added up: it happened in the second that the last moments were in."""
        now = time.time()
        requests, self._requests = self._requests, defaultdict(_Pending)
        operations, self._operations = self._operations, defaultdict(_Pending)
        for (name, method), values in requests.items():
            entry = values.to_entry(self._stats, name, method, now)
            self._stats.entries[name, method].extend(entry)
            self._stats.total.extend(entry)
        for (name, method), values in operations.items():
            self._stats.entries[name, method].extend(values.to_entry(self._stats, name, method, now))

    def _fail(self, name: str, error: str) -> None:
        """List an operation's failure as Locust lists a request's, but not in the totals."""
        self._stats.entries[name, OPERATION].log_error(error)
        failure = OperationError(self._errors.of(grouped(error)))
        errors, key = self._stats.errors, StatsError.create_key(OPERATION, name, failure)
        if key not in errors:
            errors[key] = StatsError(OPERATION, name, failure)
        errors[key].occurred()

    def _tell_others(self, name: str, elapsed_ms: float, record: OperationRecord) -> None:
        """Fire Locust's request event for an operation, but not for Locust's own listener, whose total excludes it."""
        handlers = self._request_event._handlers  # noqa: SLF001 - as above
        if len(handlers) > 1:
            others = EventHook()
            for handler in handlers:
                if getattr(handler, "__module__", None) != LOCUST_MODULE:
                    others.add_listener(handler)
            others.fire(**self._event(OPERATION, name, elapsed_ms, record.bytes_received, record.error))

    def _event(self, method: str, name: str, elapsed_ms: float, length: int, error: str | None) -> dict[str, Any]:
        return {
            "request_type": method,
            "name": name,
            "response_time": elapsed_ms,
            "response_length": length,
            "exception": None if error is None else OperationError(self._errors.of(grouped(error))),
            "context": {},
        }


class Few:
    """The most names; further ones share one name."""

    def __init__(self, most: int, other: str) -> None:
        self._most, self._other = most, other
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        if name not in self._known and len(self._known) < self._most:
            self._known.add(name)
        return name if name in self._known else self._other


class _Pending:
    """What happened in one row since the last flush."""

    __slots__ = ("length", "untimed", "values")

    def __init__(self) -> None:
        self.values: list[float] = []
        self.untimed = 0
        """How many have no time."""
        self.length = 0

    def add(self, value: float, length: int) -> None:
        self.values.append(value)
        self.length += length

    def to_entry(self, stats: Any, name: str, method: str, now: float) -> Any:
        """Return what Locust would have counted had it received them one by one."""
        entry = StatsEntry(stats, name, method)
        entry.num_requests, entry.num_none_requests = len(self.values) + self.untimed, self.untimed
        if self.values:
            entry.total_response_time = sum(self.values)
            entry.min_response_time, entry.max_response_time = min(self.values), max(self.values)
            entry.total_content_length = self.length
            entry.response_times = Counter(map(bucket_response_time, self.values))
        entry.num_reqs_per_sec = {int(now - FLUSH_S / 2): entry.num_requests}
        entry.last_request_timestamp = now
        return entry


def seconds_to_flush() -> float:
    """Return for how long to wait until the next flush. Flushes are in step with the clock.

    So there are as many of them in every second, and none has requests of two.
    """
    return FLUSH_S - time.time() % FLUSH_S
