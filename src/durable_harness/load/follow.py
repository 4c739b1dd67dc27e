"""Drive one operation to its end with a Locust HTTP session: the one place that sends its requests and sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import gevent
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

from durable_harness.operations import Answer, NoAnswer, Operation, OperationRecord, redact_keys

LAST_REQUEST_S = 1.0
"""What a request may take at least, also when the operation's own time is up: the last poll is made at the deadline."""


class Watcher(Protocol):
    """Is told what happens to operations, at the moment it happens."""

    def started(self, record: OperationRecord) -> None: ...
    def accepted(self, record: OperationRecord) -> None: ...
    def polled(self, record: OperationRecord, poll_ms: float, problem: str | None) -> None: ...
    def ended(self, record: OperationRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Follower:
    """Sends an operation's requests over a session and tells the watchers."""

    session: Any
    watchers: tuple[Watcher, ...]

    def follow(self, operation: Operation, why_stopped: Callable[[], str]) -> None:
        """Run an operation to its end. If this greenlet is killed, the record says `why_stopped()`."""
        operation.sent(time.monotonic())
        self._tell("started", operation.record)
        try:
            self._start(operation)
            while operation.next_poll is not None:
                gevent.sleep(max(0.0, operation.next_poll - time.monotonic()))
                self._poll(operation)
        finally:
            # Whatever ends this greenlet, an operation that was started must be accounted for.
            operation.give_up(time.monotonic(), why_stopped())
            self._tell("ended", operation.record)

    def _start(self, operation: Operation) -> None:
        request = operation.plan.start_request()
        options = {"name": urlsplit(request.url).path, "headers": request.headers, "data": request.body}
        answer = self._request(operation, request.method, request.url, options)
        operation.start_answered(answer, time.monotonic())
        if operation.record.accepted is not None:
            self._tell("accepted", operation.record)

    def _poll(self, operation: Operation) -> None:
        url = operation.status_url or ""
        options = {"name": _route(url, operation.record.instance_id), "headers": operation.poll_headers}
        asked = time.monotonic()
        answer = self._request(operation, "GET", url, options)
        answered = time.monotonic()
        poll_ms = (answered - asked) * 1000
        operation.record.poll_ms += poll_ms
        problem = operation.poll_answered(answer, answered)
        for watcher in self.watchers:
            watcher.polled(operation.record, poll_ms, problem)

    def _request(self, operation: Operation, method: str, url: str, options: Mapping[str, Any]) -> Answer | NoAnswer:
        """Send a request; what takes longer than the operation's time got no answer."""
        limit_s = max(operation.deadline - time.monotonic(), LAST_REQUEST_S)
        try:
            with gevent.Timeout(limit_s):
                response = self.session.request(method, url, allow_redirects=False, **options)
                body = response.content or b""
        except (*FAILURE_EXCEPTIONS, ValueError) as error:
            return NoAnswer(_words(error))
        if not response.status_code:
            return NoAnswer(_words(response.error))
        return Answer(response.status_code, {key.lower(): value for key, value in response.headers.items()}, body)

    def _tell(self, event: str, record: OperationRecord) -> None:
        for watcher in self.watchers:
            getattr(watcher, event)(record)


def _route(url: str, instance_id: str | None) -> str:
    """Name a status URL for Locust's table: one row for all instances, and no key."""
    path = urlsplit(url).path
    return path.replace(quote(instance_id, safe=""), "{instanceId}") if instance_id else path


def _words(error: BaseException) -> str:
    """Say why there was no answer, in words that do not differ from one operation to the next."""
    if isinstance(error, gevent.Timeout):
        return "no answer in time"
    cause = getattr(error, "original", None)
    if isinstance(cause, BaseException):
        return _words(cause)
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    text = getattr(error, "text", None) or str(error)
    return redact_keys(f"{type(error).__name__}: {text}" if text else type(error).__name__)
