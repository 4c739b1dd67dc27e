"""Ask a server about operations: all of a time by the durable webhooks' paged query, or one by its status."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import gevent
from geventhttpclient import HTTPClient

from durable_harness.load.audit.ledger import AtServer
from durable_harness.load.audit.whereabouts import Whereabouts
from durable_harness.operations import Answer, ServiceDescription
from durable_harness.operations.wire import SERVER_ERROR, UNKNOWN_STATUSES, UnreadableAnswerError, read_status

PAGE_SIZE = 500
CONTINUATION = "x-ms-continuation-token"
ATTEMPTS = 3
PAUSE_S = 0.5
ANSWER_TIMEOUT_S = 20.0
OK, TOO_MANY_REQUESTS = 200, 429


class AuditError(Exception):
    """Raised when the server cannot be asked; the message says why."""


class AuditClient:
    """Reads what one service says, in one greenlet at a time or several. Finds tokens by their common beginning."""

    def __init__(self, where: Whereabouts, service: ServiceDescription, token_prefix: str, *, echoes: bool) -> None:
        self._where, self._service, self._echoes = where, service, echoes
        self._token = re.compile(r"[\w-]*" + token_prefix + "[0-9a-f]{24}") if token_prefix else None
        self.clock_offset_s = 0.0
        """How far the server's clock is ahead; 0 if less than the two seconds that its header can tell."""

    def has_listing(self) -> bool:
        """Tell whether the service has the durable webhooks' paged query and lets us use it."""
        url = self._where.listing_url(top="1")
        if url is None:
            return False
        asked_s = time.time()
        answer = get(url, {})
        self._note_clock(answer, (asked_s + time.time()) / 2)
        return answer.status == OK and isinstance(answer.json_value(), list)

    def list(self, from_s: float, to_s: float) -> Iterator[AtServer]:
        """Yield all operations that were created in a time, given by the clock here."""
        span = {
            "createdTimeFrom": _iso(from_s + self.clock_offset_s),
            "createdTimeTo": _iso(to_s + self.clock_offset_s),
        }
        url = self._where.listing_url(top=str(PAGE_SIZE), showInput="true", **span) or ""
        token, used = "", set()
        while token not in used:
            used.add(token)
            answer = get(url, {CONTINUATION: token} if token else {})
            rows = answer.json_value()
            if answer.status != OK or not isinstance(rows, list):
                raise AuditError(f"the listing answered {answer.status}")
            yield from (self._from_row(row) for row in rows if isinstance(row, dict))
            token = answer.headers.get(CONTINUATION, "")
            if token in ("", "null"):
                return
        raise AuditError("the listing repeats its pages")

    def ask(self, instance_id: str) -> AtServer | None:
        """Return what the status of one operation says; None if it is unknown."""
        url = self._where.status_url_of(instance_id)
        if url is None:
            raise AuditError("the status URL does not show how it depends on the id")
        answer = get(url, self._where.headers)
        if answer.status in UNKNOWN_STATUSES:
            return None
        try:
            status = read_status(answer, self._service.status, url)
        except UnreadableAnswerError as error:
            raise AuditError(f"a status cannot be read: {error}") from error
        body = answer.json_value()
        row = body if isinstance(body, dict) else {}
        return AtServer(
            *(instance_id, status.phase, status.word, row.get("name")),
            token=self._token_in(row.get("input")),
            updated_s=status.updated_epoch_s if status.update_is_coarse else None,
        )

    def _from_row(self, row: Mapping[str, Any]) -> AtServer:
        status = read_status(Answer(OK, {}, json.dumps(row).encode()), self._service.status)
        token = self._token_in(row.get("input"))
        echoes = token in json.dumps(row.get("output")) if token and self._echoes else None
        return AtServer(
            *(str(row.get("instanceId")), status.phase, status.word, row.get("name"), token, echoes),
            updated_s=_moment(row.get("lastUpdatedTime")),
            created_s=_moment(row.get("createdTime")),
        )

    def _token_in(self, value: Any) -> str | None:
        found = self._token.search(json.dumps(value)) if self._token else None
        return found[0] if found else None

    def _note_clock(self, answer: Answer, here_s: float) -> None:
        try:
            offset_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - here_s
        except (TypeError, ValueError):
            return
        self.clock_offset_s = offset_s if abs(offset_s) > 2 else 0.0  # noqa: PLR2004 - see the attribute


def get(url: str, headers: Mapping[str, str]) -> Answer:
    """Send a GET, a few times if it gets no proper answer; raise AuditError if it never does."""
    problem = ""
    for attempt in range(ATTEMPTS):
        gevent.sleep(PAUSE_S * attempt)
        try:
            answer = _get_once(url, headers)
        except Exception as error:  # noqa: BLE001 - the HTTP client raises whatever its layers raise
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
            continue
        if answer.status < SERVER_ERROR and answer.status != TOO_MANY_REQUESTS:
            return answer
        problem = f"status {answer.status}"
    raise AuditError(f"no answer from {urlsplit(url).hostname}: {problem}")


def _get_once(url: str, headers: Mapping[str, str]) -> Answer:
    client = HTTPClient.from_url(
        url, insecure=True, connection_timeout=ANSWER_TIMEOUT_S, network_timeout=ANSWER_TIMEOUT_S
    )
    try:
        parts = urlsplit(url)
        response = client.get(f"{parts.path}?{parts.query}" if parts.query else parts.path, dict(headers))
        body = bytes(response.read())
        return Answer(response.status_code, {key.lower(): value for key, value in response.headers}, body)
    finally:
        client.close()


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
