"""Ask a server about operations: all of a period by the durable webhooks' paged query, or one by its status."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import gevent

from durable_harness.load.audit.ledger import AtServer, LedgerEntry
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.http import Asker
from durable_harness.load.http.client import MAX_ANSWER_BYTES
from durable_harness.load.http.connection import TOO_LARGE
from durable_harness.network.redirects import MAX_REDIRECTS, REDIRECTS, BadUrlError, follow
from durable_harness.operations import HttpResponse, NoResponse, ServiceDescription
from durable_harness.operations.description import at_pointer
from durable_harness.operations.http_messages import SERVER_ERROR, UNKNOWN_STATUSES
from durable_harness.operations.wire import (
    OperationStatus,
    Phase,
    UnreadableAnswerError,
    carries_failure,
    location_of,
    read_status,
)
from durable_harness.wording.foreign_text import shown

PAGE_SIZES = (500, 50, 5, 1)
"""Rows of a page to ask for: fewer once a page was larger than what is read."""
MOST_OTHERS = 1_000_000
"""A listing with that many more operations than the run had is treated as endless."""
MOST_ANSWER_BYTES = MAX_ANSWER_BYTES
"""As in the load: what counted there can be read again."""
MOST_OFFSET_S = 365 * 24 * 3600
CONTINUATION = "x-ms-continuation-token"
ATTEMPTS = 3
PAUSE_S = 0.5
ANSWER_TIMEOUT_S = 20.0
OK, TOO_MANY_REQUESTS, GONE = 200, 429, 410
NOT_KEPT = "status URLs that do not follow from ids, too many to keep"
NO_URL = "the status URL does not follow from the id"
MOST_WORD_CHARS = 60


class AuditError(Exception):
    """Raised when the server cannot be asked; the message says why."""


class CannotTellError(Exception):
    """Raised when what became of one operation cannot be known; the message says why."""


class AnswerTooLargeError(AuditError):
    """Raised for an answer that is too long to be read to its end."""


class AuditClient:
    """Reads the answers of one service, in one greenlet or several. Finds tokens by their common beginning."""

    def __init__(
        self, asker: Asker, where: OperationUrls, service: ServiceDescription, token_prefix: str, *, echoes: bool
    ) -> None:
        self._asker, self._where, self._service, self._echoes = asker, where, service, echoes
        # The part before it has a limit: without one, a long word takes the square of its length.
        self._token = re.compile(r"[\w-]{0,64}" + token_prefix + "[0-9a-f]{24}") if token_prefix else None
        self.clock_offset_s = 0.0
        """How far the server's clock is ahead; 0 if less than the two seconds that its header can show."""

    def has_listing(self) -> bool:
        """Return whether the service has the durable webhooks' paged query and permits its use."""
        url = self._where.listing_url(top="1")
        if url is None:
            return False
        asked_s = time.time()
        answer = get(self._asker, url, self._where.headers_for_webhook(url))
        self._note_clock(answer, (asked_s + time.time()) / 2)
        return answer.status == OK and isinstance(answer.json_value(), list)

    def listed(self, from_s: float, to_s: float, most: int) -> Iterator[AtServer]:
        """Yield all operations that were created in a period by the clock here; raise AuditError beyond `most`."""
        span = {
            "createdTimeFrom": _iso(from_s + self.clock_offset_s),
            "createdTimeTo": _iso(to_s + self.clock_offset_s),
        }
        token, used, count, sizes = "", set(), 0, list(PAGE_SIZES)
        while token not in used:
            used.add(token)
            rows, token = self._page(sizes, token, span)
            count += len(rows)
            if count > most:
                raise AuditError(f"the listing does not end: it had {count:,} operations of the run's time")
            yield from filter(None, (self._from_row(row) for row in rows if isinstance(row, dict)))
            if token in ("", "null"):
                return
        raise AuditError("the listing repeats its pages")

    def _page(self, sizes: list[int], token: str, span: Mapping[str, str]) -> tuple[list[Any], str]:
        """Return the rows of a page and the token of the next one; drop page sizes that turn out too large."""
        while True:
            url = self._where.listing_url(top=str(sizes[0]), showInput="true", **span) or ""
            try:
                more = {CONTINUATION: token} if token else {}
                answer = get(self._asker, url, {**self._where.headers_for_webhook(url), **more})
            except AnswerTooLargeError:
                if len(sizes) == 1:
                    raise
                sizes.pop(0)
                continue
            rows = answer.json_value()
            if answer.status != OK or not isinstance(rows, list):
                raise AuditError(f"the listing answered {answer.status}")
            return rows, answer.headers.get(CONTINUATION, "")

    def ask(self, key: str, recorded: LedgerEntry) -> AtServer | None:
        """Return the status of one operation; None if the server does not know the operation.

        Raises CannotTellError if the status does not say how the operation stands.
        """
        url = self._where.status_url_of(key, recorded.instance_id)
        if url is None:
            raise CannotTellError(NOT_KEPT if self._where.not_kept else NO_URL)
        answer, url = self._follow(url)
        if answer.status == GONE and recorded.seen_s is not None:
            raise CannotTellError("410: the service no longer keeps what has ended")
        if answer.status in UNKNOWN_STATUSES:
            return None
        try:
            status = read_status(answer, self._service.status, url)
        except UnreadableAnswerError as error:
            raise CannotTellError(f"a status cannot be read: {error}") from error
        body = answer.json_value()
        row = body if isinstance(body, dict) else {}
        return AtServer(
            *(key, status.phase, shown(status.word, MOST_WORD_CHARS), _text(row.get("name"))),
            token=self._token_in(row.get("input")),
            has_token_in_output=self._has_token(status, recorded.token),
            updated_s=status.updated_epoch_s if status.update_is_coarse else None,
        )

    def _follow(self, url: str) -> tuple[HttpResponse, str]:
        """Return the answer of a status that may have moved, and where it was found."""
        headers = self._where.headers_for(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = get(self._asker, url, headers, self._is_status)
            if answer.status not in REDIRECTS - self._service.status.result:
                return answer, url
            try:
                following = follow(answer.status, location_of(answer, url), "GET", url, headers)
            except (UnreadableAnswerError, BadUrlError) as error:
                raise CannotTellError(f"a status has moved, but cannot be followed: {error}") from error
            url, headers = following.url, following.headers
        raise CannotTellError(f"a status was not found after {MAX_REDIRECTS} redirects in a row")

    def _is_status(self, answer: HttpResponse) -> bool:
        return carries_failure(answer, self._service.status)

    def _has_token(self, status: OperationStatus, token: str) -> bool | None:
        """Return whether an output is that of its start; None if that cannot be known."""
        if not self._echoes or status.phase is not Phase.SUCCEEDED or status.result_url is not None:
            return None
        place = self._service.status.token
        return at_pointer(status.output, place) == token if place is not None else token in json.dumps(status.output)

    def _from_row(self, row: Mapping[str, Any]) -> AtServer | None:
        """Return a row's operation; None if the row cannot be read: its operation is asked for by itself."""
        try:
            status = read_status(HttpResponse(OK, {}, json.dumps(row).encode()), self._service.status)
            token = self._token_in(row.get("input"))
            echoes = token in json.dumps(row.get("output")) if token and self._echoes else None
        except (UnreadableAnswerError, RecursionError):
            return None
        word, name = shown(status.word, MOST_WORD_CHARS), _text(row.get("name"))
        return AtServer(
            *(str(row.get("instanceId")), status.phase, word, name, token, echoes),
            updated_s=_moment(row.get("lastUpdatedTime")),
            created_s=_moment(row.get("createdTime")),
        )

    def _token_in(self, value: Any) -> str | None:
        found = self._token.search(json.dumps(value)) if self._token else None
        return found[0] if found else None

    def _note_clock(self, answer: HttpResponse, here_s: float) -> None:
        try:
            offset_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - here_s
        except (TypeError, ValueError, OverflowError):
            return
        # A clock that is years off is a broken header.
        self.clock_offset_s = offset_s if 2 < abs(offset_s) < MOST_OFFSET_S else 0.0  # noqa: PLR2004 - see the attribute


def get(
    asker: Asker, url: str, headers: Mapping[str, str], is_status: Callable[[HttpResponse], bool] = lambda _: False
) -> HttpResponse:
    """Send a GET, a few times if it gets no proper answer; raise AuditError if it never does.

    `is_status` returns whether an error is a proper answer.
    """
    problem = ""
    for attempt in range(ATTEMPTS):
        gevent.sleep(PAUSE_S * attempt)
        answer = asker.get(url, headers, ANSWER_TIMEOUT_S)
        if isinstance(answer, NoResponse):
            problem = answer.reason
            if problem == TOO_LARGE:
                raise AnswerTooLargeError(f"{problem} ({MOST_ANSWER_BYTES:,} bytes)")
        elif (answer.status < SERVER_ERROR and answer.status != TOO_MANY_REQUESTS) or is_status(answer):
            return answer
        else:
            problem = f"status {answer.status}"
    raise AuditError(f"no answer from {urlsplit(url).hostname}: {problem}")


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
