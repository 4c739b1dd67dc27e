"""Read a server's answers by its description: where to poll, and the status of an operation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from urllib.parse import quote, urljoin, urlsplit

from durable_harness.network.redirects import DEFAULT_PORTS
from durable_harness.operations.description import (
    EventDescription,
    ServiceDescription,
    StatusDescription,
    TerminateDescription,
    UrlKind,
    UrlSource,
    at_pointer,
)
from durable_harness.operations.excerpts import excerpt
from durable_harness.operations.http_messages import HttpResponse
from durable_harness.wording.foreign_text import HIDDEN, is_plain, shown

MEMBERS_SHOWN, MEMBER_CHARS = 8, 30
"""Of a body that is no status: enough to recognize it, on one line of a report."""
MOST_ID_CHARS, MOST_URL_CHARS = 1024, 16_384
"""What is longer is no id, and no URL: servers and proxies refuse request lines beyond 8 to 16 KB."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A start that was accepted: which instance to follow, and where."""

    instance_id: str | None
    status_url: str
    is_own_route: bool
    """Whether the status URL was made from the description's own path, not returned by the server."""
    terminate_url: str | None
    event_url: str | None
    retry_after_s: float | None


class Phase(Enum):
    """How far an operation is."""

    ACTIVE = "active"
    """Not ended; the service does not report whether it has started."""
    NOT_BEGUN = "not begun"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TERMINATED = "terminated"

    @property
    def is_terminal(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.TERMINATED)


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """The status of an operation. Times are seconds since the epoch, None if the server does not report them."""

    phase: Phase
    word: str
    """The state in the service's own words, or its HTTP code."""
    output: object = None
    result_url: str | None = None
    """Where the output is, if not in this answer."""
    created_epoch_s: float | None = None
    updated_epoch_s: float | None = None
    update_is_coarse: bool = False
    running_epoch_s: float | None = None
    """When the work itself began."""


class UnreadableAnswerError(Exception):
    """Raised when an answer is not one that the description allows; the message is what came instead."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


def read_accepted(answer: HttpResponse, service: ServiceDescription, start_url: str, base_url: str = "") -> Accepted:
    """Read the answer to a start.

    `base_url` is the service's, to which the description's own paths are added. Raises UnreadableAnswerError if the
    start was not accepted, or has no URL to poll.
    """
    if answer.status not in service.start.accepted:
        hint = f"; if {answer.status} accepts it, write accepted = [{answer.status}] below [start] for --service"
        found = f"{answer.status} {excerpt(answer.body)}".strip()
        raise UnreadableAnswerError(found + (hint if answer.is_success else ""))
    body = answer.json_value()
    instance_id = _read_id(answer, at_pointer(body, service.start.id))
    finder = _UrlFinder(answer, body, instance_id, start_url, base_url)
    source, status_url = finder.first(service)
    return Accepted(
        instance_id=instance_id,
        status_url=status_url,
        is_own_route=source.kind is UrlKind.PATH,
        terminate_url=finder.own_request(service.terminate, status_url),
        event_url=finder.own_request(service.event, status_url),
        retry_after_s=read_retry_after_s(answer.headers),
    )


def _read_id(answer: HttpResponse, value: object) -> str | None:
    """Return the id of a start; None if it has no id. An id that no URL can have is refused."""
    if isinstance(value, bool) or value == "" or not isinstance(value, str | int):
        return None
    instance_id = str(value)
    if len(instance_id) > MOST_ID_CHARS or not is_plain(instance_id):
        raise UnreadableAnswerError(f"{answer.status} with an id that cannot be asked for: '{shown(instance_id, 60)}'")
    return instance_id


@dataclass(frozen=True, slots=True)
class _UrlFinder:
    answer: HttpResponse
    body: object
    instance_id: str | None
    start_url: str
    base_url: str

    def first(self, service: ServiceDescription) -> tuple[UrlSource, str]:
        sources = service.start.status_url
        for source in sources:
            url = self.find(source)
            if url is not None:
                return source, url
        needs_id = any(source.kind is UrlKind.PATH for source in sources)
        if needs_id and self.instance_id is None:
            why = f": {problem}" if (problem := self.answer.json_problem()) else ""
            raise UnreadableAnswerError(f"{self.answer.status} without an id, which the status route needs{why}")
        raise UnreadableAnswerError(
            f"{self.answer.status} without {' or '.join(map(_shown, sources))}{self._why(sources)}"
        )

    def _why(self, sources: Sequence[UrlSource]) -> str:
        """Return the reason if what should have been in the body is missing because the body cannot be read."""
        problem = self.answer.json_problem() if any(source.kind is UrlKind.BODY for source in sources) else None
        return f": {problem}" if problem else ""

    def find(self, source: UrlSource, status_url: str | None = None) -> str | None:
        match source.kind:
            case UrlKind.STATUS:
                return status_url
            case UrlKind.PATH:
                return self._own(source.value)
            case UrlKind.HEADER:
                location: object = self.answer.headers.get(source.value)
            case UrlKind.BODY:
                location = at_pointer(self.body, source.value)
        return joined_url(self.answer.url or self.start_url, location) if isinstance(location, str) else None

    def own_request(self, request: TerminateDescription | EventDescription | None, status_url: str) -> str | None:
        """Return where to send a request about the operation; None without such a URL, or if it cannot be asked for."""
        try:
            return None if request is None else self.find(request.url, status_url)
        except UnreadableAnswerError:
            return None

    def _own(self, path: str) -> str | None:
        if "{id}" in path and self.instance_id is None:
            return None
        return joined_url(self.start_url, self.base_url + path.replace("{id}", quote(self.instance_id or "", safe="")))


def joined_url(base: str, url: str) -> str:
    """Return a URL that a server named, made absolute; raise UnreadableAnswerError if it cannot be asked for."""
    joined, problem = _join(base, url)
    if problem:
        # The URL itself is another one for each operation, and may carry a key.
        raise UnreadableAnswerError(f"a URL {problem}, which cannot be asked for")
    return joined


def _join(base: str, url: str) -> tuple[str, str]:
    """Return a URL made absolute, and what is wrong with it."""
    if len(url) > MOST_URL_CHARS:
        return url, f"of {len(url):,} characters"
    if hidden := HIDDEN.search(url):
        return url, f"with {shown(hidden[0])} in it"
    try:
        joined = urljoin(base, url)
        parts = urlsplit(joined)
        if parts.scheme not in DEFAULT_PORTS:
            return url, f"of the scheme '{shown(parts.scheme, MEMBER_CHARS)}'"
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    return joined if has_host else url, "" if has_host else "without a valid host or port"


def read_status(answer: HttpResponse, status: StatusDescription, url: str = "") -> OperationStatus:
    """Read the answer to a poll of `url`; raise UnreadableAnswerError if it is no status."""
    if answer.status in status.result:
        return OperationStatus(Phase.SUCCEEDED, str(answer.status), result_url=location_of(answer, url))
    body = answer.json_value()
    word = None if status.state is None else _word(at_pointer(body, status.state))
    if word is not None and _carries_status(answer, word, status):
        return _read_body(body, word, status)
    if answer.status in status.pending:
        return OperationStatus(Phase.ACTIVE, str(answer.status))
    if status.state is None and answer.is_success:
        return _read_body(output_of(answer), None, status)
    if status.state is not None and answer.is_success:
        if (problem := answer.json_problem()) is not None:
            raise UnreadableAnswerError(f"{answer.status}, {problem}")
        found = f"{answer.status} without a state at '{status.state}': {_shape(answer, body)}"
        raise UnreadableAnswerError(f"{found}; name the state's place in a file for --service")
    hint = "; if that is its end, name the code in status.failed_codes" if _is_bad_end(word, status) else ""
    raise UnreadableAnswerError(f"{answer.status} {excerpt(answer.body)}".strip() + hint)


def carries_failure(answer: HttpResponse, status: StatusDescription) -> bool:
    """Return whether an error is the status of an operation that ended badly, and no failed poll."""
    if answer.status not in status.failed_codes or status.state is None:
        return False
    return _is_bad_end(_word(at_pointer(answer.json_value(), status.state)), status)


def _carries_status(answer: HttpResponse, word: str, status: StatusDescription) -> bool:
    """Return whether the state in a body counts: that of an error is what a cache or a broken service has left."""
    if answer.is_success:
        return True
    is_allowed = answer.status in status.failed_codes and _is_bad_end(word, status)
    return is_allowed or (answer.status in status.pending and word in status.terminal)


def _is_bad_end(word: str | None, status: StatusDescription) -> bool:
    return word in status.failed or word in status.terminated


def _shape(answer: HttpResponse, body: object) -> str:
    """Describe a body without the values that differ from one operation to the next."""
    if isinstance(body, dict) and body:
        more = ", …" if len(body) > MEMBERS_SHOWN else ""
        names = (shown(name, MEMBER_CHARS) for name in itertools.islice(body, MEMBERS_SHOWN))
        return f"the body has {', '.join(names)}{more}"
    return f"the body is {excerpt(answer.body)}"


def _read_body(body: object, word: str | None, status: StatusDescription) -> OperationStatus:
    phase = Phase.SUCCEEDED if word is None else _phase(word, status)
    updated_epoch_s, is_coarse = _finished_at(body, status) if phase.is_terminal else (None, False)
    return OperationStatus(
        phase=phase,
        word=word or phase.value,
        output=at_pointer(body, status.output) if phase.is_terminal else None,
        created_epoch_s=_time_at(body, status.created),
        updated_epoch_s=updated_epoch_s,
        update_is_coarse=is_coarse,
        running_epoch_s=_time_at(body, status.started_at) if phase.is_terminal else None,
    )


def _time_at(body: object, place: str | None) -> float | None:
    return None if place is None else read_epoch_s(at_pointer(body, place))


def _phase(word: str, status: StatusDescription) -> Phase:
    if word in status.succeeded:
        return Phase.SUCCEEDED
    if word in status.failed:
        return Phase.FAILED
    if word in status.terminated:
        return Phase.TERMINATED
    return Phase.NOT_BEGUN if word in status.not_begun else Phase.RUNNING


def _word(state: object) -> str | None:
    """Return a state as a word: a service may also use true, false or a number."""
    if isinstance(state, bool):
        return str(state).lower()
    return str(state) if isinstance(state, str | int) else None


def _finished_at(body: object, status: StatusDescription) -> tuple[float | None, bool]:
    """Return the finest time of the end, and whether it is in whole seconds only."""
    found = [at_pointer(body, place) for place in status.finished_at]
    times = [(read_epoch_s(text), "." not in str(text)) for text in found]
    known = [(moment, is_coarse) for moment, is_coarse in times if moment is not None]
    return min(known, key=lambda time: time[1], default=(None, False))


def location_of(answer: HttpResponse, url: str) -> str:
    """Return where a redirect that answered `url` leads; raise UnreadableAnswerError if it has no Location."""
    location = answer.headers.get("location")
    if not location:
        raise UnreadableAnswerError(f"{answer.status} without Location")
    return joined_url(answer.url or url, location)


def output_of(answer: HttpResponse) -> object:
    """Return a body as the output it is: a JSON value, or else text."""
    value = answer.json_value()
    return answer.body.decode("utf-8", "replace") if value is None and answer.body != b"null" else value


def read_epoch_s(text: object) -> float | None:
    """Turn an ISO 8601 time with a zone into seconds since the epoch; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def read_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After as seconds from now, given as a number or as an HTTP date beside a Date; None if unusable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _shown(source: UrlSource) -> str:
    return source.value.removeprefix("/") if source.kind is UrlKind.BODY else source.value.title()
