"""How a service follows the pattern, as data: what starts an operation, where its status is, what the status means.

    reports = ServiceDescription(
        name="reports",
        start=StartDescription(path="/reports", body={"kind": "pdf", "token": "{token}"}),
        status=StatusDescription(state="/state", succeeded=frozenset({"done"}), failed=frozenset({"error"})),
    )

Places in a JSON body are JSON pointers (RFC 6901): `/output/data` is the member `data` of the member `output`, and the
empty pointer is the whole body. The same as a file: `service_file`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from enum import Enum
from urllib.parse import quote

from durable_harness.network.redirects import secrets_of


class UrlKind(Enum):
    """Where a URL is found."""

    HEADER = "header"
    """In this header of the answer to the start."""
    BODY = "body"
    """At this place of the answer's JSON body."""
    PATH = "path"
    """In no answer: it is this path of the service, with `{id}` for the operation's ID."""
    STATUS = "status"
    """It is the status URL itself."""


@dataclass(frozen=True, slots=True)
class UrlSource:
    """Where to find a URL: written as `header:Location`, `body:/statusQueryGetUri`, `path:/jobs/{id}` or `status`.

        UrlSource.parse("body:/statusQueryGetUri") == UrlSource(UrlKind.BODY, "/statusQueryGetUri")

    `FORMS` lists the written forms.
    """

    kind: UrlKind
    value: str = ""

    FORMS = "header:NAME, body:/POINTER, path:/PATH/{id} or status"

    @classmethod
    def parse(cls, text: str) -> UrlSource:
        """Return the source that a text describes.

        Args:
            text: `header:NAME`, `body:/POINTER`, `path:/PATH/{id}` or `status`.

        Raises:
            ValueError: the text has none of these forms. The message names them.
        """
        word, _, value = text.partition(":")
        kind = next((kind for kind in UrlKind if kind.value == word), None)
        match kind:
            case UrlKind.HEADER if value:
                return cls(kind, value.lower())
            case UrlKind.BODY if is_pointer(value) and value:
                return cls(kind, value)
            case UrlKind.PATH if value.startswith("/"):
                return cls(kind, value)
            case UrlKind.STATUS if text == word:
                return cls(kind)
        raise ValueError(cls.FORMS)

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.value}" if self.value else self.kind.value


@dataclass(frozen=True, slots=True)
class StartDescription:
    """The request that starts an operation, and how its answer is read.

        StartDescription(path="/reports", body={"kind": "pdf", "token": "{token}"})

    All fields but the path have a default.
    """

    path: str
    """The path of the request, in which `{token}` and `{number}` are filled in."""
    method: str = "POST"
    """Its HTTP method."""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Sent with the request. In a file, a value that begins with `env:` is read from the environment and never
    shown."""
    body: object = None
    """JSON to send. `{token}` stands for a text that is unique to the operation, `"{duration}"` for the seconds of work
    to ask for, `"{number}"` for the number of the operation. Without it the scenario's own payload is sent."""
    accepted: frozenset[int] = frozenset({202})
    """The HTTP codes that accept it. The report on a start with another 2xx has the line to add here."""
    id: str = "/id"
    """Where the answer's body has the operation's ID, as a JSON pointer. It is needed only where a `path:` uses it:
    without an ID the audit uses the status URL of each operation."""
    status_url: Sequence[UrlSource] = (UrlSource(UrlKind.HEADER, "location"),)
    """Where the answer has the status URL; the first place that has one counts. It may be relative to the start's."""


@dataclass(frozen=True, slots=True)
class StatusDescription:
    """How the answer to a poll is read. Of an answer that is no error, the state in the body goes before the code.

        StatusDescription(state="/state", succeeded=frozenset({"done"}), failed=frozenset({"error"}))

    Places in the body are JSON pointers (RFC 6901).
    """

    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Sent with polls to the service's own origin, never to another that it points to."""
    pending: frozenset[int] = frozenset({202})
    """The HTTP codes for 'not yet'."""
    failed_codes: frozenset[int] = frozenset()
    """The error codes that the status of a failed or terminated operation may come with. With any other error code the
    poll itself has failed, even if its body has a state; none of these codes can end an operation well."""
    result: frozenset[int] = frozenset({303})
    """The redirects for 'done': their Location is the output. Any other redirect means that the status moved."""
    state: str | None = None
    """Where the body has the state; None if the HTTP status decides: 2xx is the end, its body the output."""
    not_begun: frozenset[str] = frozenset()
    """States of an operation that waits to be run."""
    succeeded: frozenset[str] = frozenset()
    """States of an operation that has ended well; required with `state`, unless a redirect means that. A state that no
    key names means 'not yet'."""
    failed: frozenset[str] = frozenset()
    """States of an operation that has failed."""
    terminated: frozenset[str] = frozenset()
    """States of an operation that was ended from outside."""
    output: str = ""
    """Where the body of the terminal status has the output."""
    token: str | None = None
    """Where the output has the start's token again, by which it is known to be the right one; None if it has not."""
    created: str | None = None
    """Where the body has the time of the creation, as an ISO 8601 time with a zone."""
    started_at: str | None = None
    """Where the body of the terminal status has the time at which work began."""
    finished_at: Sequence[str] = ()
    """Where the body of the terminal status has the time of the end; the first with fractions of a second counts, else
    the first."""
    fixed_url: bool = False
    """Whether to keep polling the start's status URL, even if a poll's answer has a Location."""
    begun: InitVar[str | None] = None
    """Former name of `started_at`."""
    finished: InitVar[Sequence[str]] = ()
    """Former name of `finished_at`."""

    def __post_init__(self, begun: str | None, finished: Sequence[str]) -> None:
        for name, former in (("started_at", begun), ("finished_at", finished)):
            if former:
                object.__setattr__(self, name, former)

    @property
    def terminal(self) -> frozenset[str]:
        """The states in which an operation has ended."""
        return self.succeeded | self.failed | self.terminated


@dataclass(frozen=True, slots=True)
class TerminateDescription:
    """The request that ends an operation before its time.

        TerminateDescription(UrlSource.parse("status"), method="DELETE")

    `url` may be any of the forms of `UrlSource`.
    """

    url: UrlSource
    """Where the request goes; `{text}` in it stands for the reason."""
    method: str = "POST"
    """Its HTTP method."""
    accepted: frozenset[int] = frozenset({200, 202, 204})
    """The HTTP codes that accept it."""
    too_late: frozenset[int] = frozenset({404, 409, 410})
    """The HTTP codes of an operation that has ended already."""


@dataclass(frozen=True, slots=True)
class EventDescription:
    """The request that raises an event for an operation; its data is the JSON body.

        EventDescription(UrlSource.parse("path:/reports/{id}/events/{eventName}"))

    `url` may be any of the forms of `UrlSource`.
    """

    url: UrlSource
    """Where the request goes; `{eventName}` in it stands for the event's name."""
    method: str = "POST"
    """Its HTTP method."""
    accepted: frozenset[int] = frozenset({200, 202, 204})
    """The HTTP codes that accept it."""
    too_late: frozenset[int] = frozenset({404, 409, 410})
    """The HTTP codes of an operation that has ended already."""


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """A service that follows the pattern.

        ServiceDescription("reports", StartDescription("/reports"), StatusDescription(state="/state"))

    Without `terminate` and `event` operations can be started and polled, not ended or sent events.
    """

    name: str
    start: StartDescription
    status: StatusDescription
    terminate: TerminateDescription | None = None
    """None if an operation cannot be ended from outside."""
    event: EventDescription | None = None
    """None if no event can be raised for an operation."""

    @property
    def secrets(self) -> list[str]:
        """The values of its headers that may be secret."""
        return [*secrets_of(self.start.headers), *secrets_of(self.status.headers)]


SAMPLE_START_PATH = "/api/async_http_api"
SAMPLE_STARTED_AT, SAMPLE_FINISHED_AT = "/output/startedAt", "/output/finishedAt"
"""Where the sample app's status has finer times than the durable webhooks, which give whole seconds. Another app may
use the same names for something else."""
WEBHOOK_FINISHED_AT = "/lastUpdatedTime"
DURABLE_STATUS = StatusDescription(
    state="/runtimeStatus",
    not_begun=frozenset({"Pending"}),
    succeeded=frozenset({"Completed"}),
    failed=frozenset({"Failed", "Canceled"}),
    terminated=frozenset({"Terminated"}),
    failed_codes=frozenset({500}),  # of status URLs with returnInternalServerErrorOnFailure
    output="/output",
    created="/createdTime",
    finished_at=(WEBHOOK_FINISHED_AT,),
)


def durable_webhooks(
    start_path: str = SAMPLE_START_PATH, started_at: str | None = None, finished_at: str | None = None
) -> ServiceDescription:
    """Describe a Durable Functions app whose start answers with `create_check_status_response`: its webhooks.

        durable_webhooks("/api/orders", finished_at="/output/finishedAt")

    Args:
        start_path: the path of the function that starts an orchestration, without the host.
        started_at: a JSON pointer into the terminal status, for an app whose output has the time at which its work
            began (ISO 8601 with a zone). The sample app, known by its start path, needs none.
        finished_at: the same for the time at which its work ended.
    """
    return ServiceDescription(
        name="durable webhooks",
        start=StartDescription(
            path=start_path,
            status_url=(UrlSource(UrlKind.BODY, "/statusQueryGetUri"), UrlSource(UrlKind.HEADER, "location")),
        ),
        status=_durable_status(start_path, started_at, finished_at),
        terminate=TerminateDescription(UrlSource(UrlKind.BODY, "/terminatePostUri")),
        event=EventDescription(UrlSource(UrlKind.BODY, "/sendEventPostUri")),
    )


def durable_status_route(
    start_path: str = SAMPLE_START_PATH,
    status_path: str = "/api/status/{id}",
    started_at: str | None = None,
    finished_at: str | None = None,
) -> ServiceDescription:
    """Describe a Durable Functions app that is polled by a status route of its own, made from the instance id.

        durable_status_route("/api/orders", "/api/orders/{id}")

    Args:
        start_path: the path of the function that starts an orchestration, without the host.
        status_path: the path of the status route, in which `{id}` stands for the instance id.
        started_at: a JSON pointer into the terminal status, as for `durable_webhooks`.
        finished_at: the same for the time at which its work ended.
    """
    webhooks = durable_webhooks(start_path, started_at, finished_at)
    start = dataclasses.replace(webhooks.start, status_url=(UrlSource(UrlKind.PATH, status_path),))
    status = dataclasses.replace(webhooks.status, fixed_url=True)
    return dataclasses.replace(webhooks, name="status route of a durable app", start=start, status=status)


def _durable_status(start_path: str, started_at: str | None, finished_at: str | None) -> StatusDescription:
    if start_path == SAMPLE_START_PATH and started_at is None and finished_at is None:
        started_at, finished_at = SAMPLE_STARTED_AT, SAMPLE_FINISHED_AT
    finished = (WEBHOOK_FINISHED_AT,) if finished_at is None else (WEBHOOK_FINISHED_AT, finished_at)
    return dataclasses.replace(DURABLE_STATUS, started_at=started_at, finished_at=finished)


def is_pointer(text: str) -> bool:
    """Return whether a text is a JSON pointer."""
    return not text or (text.startswith("/") and not re.search(r"~(?![01])", text))


def at_pointer(document: object, pointer: str) -> object:
    """Return what a JSON document has at a place; None if it has nothing there."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and key.isascii() and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def fill_path(path: str, values: Mapping[str, object]) -> str:
    """Put values into the path of a URL: `{name}` becomes the value, written as a part of a path."""
    if "{" not in path:
        return path
    return re.sub(r"\{(\w+)\}", lambda found: quote(str(values.get(found[1], found[0])), safe="{}"), path)


def fill(template: object, values: Mapping[str, object]) -> object:
    """Put values into a JSON template: `"{name}"` becomes the value itself, `{name}` within a text its text."""
    if isinstance(template, str):
        whole = re.fullmatch(r"\{(\w+)\}", template)
        if whole and whole[1] in values:
            return values[whole[1]]
        return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), template)
    if isinstance(template, Mapping):
        return {key: fill(value, values) for key, value in template.items()}
    return [fill(value, values) for value in template] if isinstance(template, list) else template
