"""Read the description of a service from a TOML file, and refuse every key that is not known.

name = "reports"

[start]
path = "/reports"                        # the request that starts an operation; method = "POST" unless given
headers = { Authorization = "env:REPORTS_TOKEN" }      # a value that begins with env: is read from the environment
body = { kind = "pdf", token = "{token}", seconds = "{duration}" }
accepted = [202]
id = "/id"                               # JSON pointer in the answer's body
status_url = ["header:Location"]         # or body:/POINTER, or path:/reports/{id}; the first that is there counts

[status]
headers = {}
pending = [202]                          # HTTP codes for 'not yet'
failed_codes = [500]                     # error codes that may carry `failed` or `terminated`; none by default
result = [303]                           # redirects for 'done', to the output
state = "/state"                         # JSON pointer; without it the HTTP code alone decides
not_begun = ["queued"]
succeeded = ["done"]
failed = ["error"]
terminated = ["cancelled"]
output = "/report"                       # JSON pointer; without it the whole body is the output
token = "/token"                         # where the output has the start's token again
created = "/createdAt"                   # times, ISO 8601 with a zone
started_at = "/startedAt"                # when work began; begun is a former name of it
finished_at = ["/finishedAt"]            # when it ended; finished is a former name of it
fixed_url = false                        # true keeps polling the same URL even if a poll's answer has a Location

[terminate]                              # may be left out
url = "status"                           # the status URL; or as in status_url, `{text}` in it stands for the reason
method = "DELETE"
accepted = [200, 202, 204]
too_late = [404, 409, 410]               # HTTP codes of an operation that has ended already

[event]                                  # may be left out
url = "path:/reports/{id}/events/{eventName}"          # as in [terminate]; `{eventName}` stands for the event's name
method = "POST"
accepted = [200, 202, 204]
too_late = [404, 409, 410]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Required, TypedDict, TypeVar, cast

from durable_harness.documents import read_toml
from durable_harness.errors import ConfigurationError
from durable_harness.operations.description import (
    EventDescription,
    ServiceDescription,
    StartDescription,
    StatusDescription,
    TerminateDescription,
    UrlKind,
    UrlSource,
    is_pointer,
)
from durable_harness.wording.foreign_text import hide
from durable_harness.wording.misspellings import expected_one_of

T = TypeVar("T")
ENVIRONMENT = "env:"
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")


class _StartTable(TypedDict, total=False):
    path: Required[str]
    method: str
    headers: Mapping[str, str]
    body: object
    accepted: frozenset[int]
    id: str
    status_url: Sequence[UrlSource]


class _StatusTable(TypedDict, total=False):
    headers: Mapping[str, str]
    pending: frozenset[int]
    failed_codes: frozenset[int]
    result: frozenset[int]
    state: str
    not_begun: frozenset[str]
    succeeded: frozenset[str]
    failed: frozenset[str]
    terminated: frozenset[str]
    output: str
    token: str
    created: str
    started_at: str
    finished_at: Sequence[str]
    fixed_url: bool


class _RequestTable(TypedDict, total=False):
    url: Required[UrlSource]
    method: str
    accepted: frozenset[int]
    too_late: frozenset[int]


class ServiceFileError(ConfigurationError):
    """Raised when a service file is missing or malformed; names the file, the key, what came and what is allowed."""


def load_service(path: Path) -> ServiceDescription:
    """Return the description in a TOML file.

        load_service(Path("reports.toml"))

    Args:
        path: the file.

    Raises:
        ServiceFileError: the file cannot be read, has an unknown key, or describes a service whose operations could
            never be seen to end. The message names the file, the key, what came and what is expected.
    """
    document = _parse(path)
    reader = _ServiceFileReader(str(path))
    reader.refuse_unknown("", document, ("name", "start", "status", "terminate", "event"))
    # The readers of each table return these types; a test sends every key through them.
    start = cast("_StartTable", reader.table("start", document, START_KEYS, required=("path",)))
    status = cast("_StatusTable", _with_today_s_names(reader, reader.table("status", document, STATUS_KEYS)))
    terminate, event = (_request_table(reader, name, document) for name in ("terminate", "event"))
    name = reader.value("", "name", document.get("name", path.stem), _text)
    service = ServiceDescription(
        name=name,
        start=StartDescription(**start),
        status=StatusDescription(**status),
        terminate=None if terminate is None else TerminateDescription(**terminate),
        event=None if event is None else EventDescription(**event),
    )
    _check_sense(reader, service, has_result="result" in status)
    hide(service.secrets)
    return service


def _parse(path: Path) -> dict[str, object]:
    try:
        return read_toml(path)
    except FileNotFoundError:
        raise ServiceFileError(str(path), "", "there is no such service file") from None
    except OSError as error:
        raise ServiceFileError(str(path), "", f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ServiceFileError(str(path), "", f"is not TOML ({error})") from None


def _request_table(reader: _ServiceFileReader, name: str, document: Mapping[str, object]) -> _RequestTable | None:
    if name not in document:
        return None
    return cast("_RequestTable", reader.table(name, document, REQUEST_KEYS, required=("url",)))


def _with_today_s_names(reader: _ServiceFileReader, status: dict[str, object]) -> dict[str, object]:
    for former, name in FORMER_STATUS_KEYS.items():
        if former in status and name in status:
            raise reader.error(
                f"status.{former}", f"is a former name of {name}, which is there too", "Keep one of them."
            )
    return {FORMER_STATUS_KEYS.get(key, key): value for key, value in status.items()}


def _check_sense(reader: _ServiceFileReader, service: ServiceDescription, *, has_result: bool) -> None:
    """Refuse a description by which no operation could ever be seen to end."""
    status = service.status
    if status.state is not None and not status.succeeded and not has_result:
        hint = "Name the states in which an operation has ended well, or the redirect for it, like result = [303]."
        raise reader.error("status.succeeded", "is missing", hint)
    if status.state is None and status.terminal:
        raise reader.error(
            "status.state", "is missing", "Name the place of the state in the body, like state = '/state'."
        )
    shared = (status.succeeded & status.failed) | ((status.succeeded | status.failed) & status.terminated)
    if shared:
        raise reader.error("status", f"'{min(shared)}' is in more than one of succeeded, failed and terminated")
    if any(source.kind is UrlKind.STATUS for source in service.start.status_url):
        raise reader.error(
            "start.status_url", "got 'status', but it has to name where the status URL is", UrlSource.FORMS
        )


class _ServiceFileReader:
    """Reads the tables of one file; carries its name into every error."""

    def __init__(self, where: str) -> None:
        self._where = where

    def error(self, key: str, problem: str, hint: str = "") -> ServiceFileError:
        return ServiceFileError(self._where, key, problem, hint)

    def table(
        self,
        name: str,
        document: Mapping[str, object],
        keys: Mapping[str, Callable[[object], object]],
        required: tuple[str, ...] = (),
    ) -> dict[str, object]:
        values = document.get(name, {})
        if not isinstance(values, dict):
            raise self.error(name, "got a value, expected a table", f"Write [{name}] and its keys below it.")
        self.refuse_unknown(name, values, tuple(keys))
        for key in required:
            if key not in values:
                raise self.error(f"{name}.{key}", "is missing", f"Write it below [{name}].")
        return {key: self.value(name, key, value, keys[key]) for key, value in values.items()}

    def value(self, table: str, key: str, value: object, read: Callable[[object], T]) -> T:
        try:
            return read(value)
        except ValueError as error:
            raise self.error(f"{table}.{key}" if table else key, f"got {_shown(value)}, expected {error}") from None

    def refuse_unknown(self, table: str, values: Mapping[str, object], allowed: tuple[str, ...]) -> None:
        for key in values:
            if key not in allowed:
                place = f"{table}.{key}" if table else key
                raise self.error(place, "is not understood", expected_one_of(key, allowed))


def _shown(value: object) -> str:
    """Show a value that was refused; a table of headers may hold secrets."""
    return "a table" if isinstance(value, dict) else repr(value)


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("a text")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _path(value: object) -> str:
    if isinstance(value, str) and value.startswith("/"):
        return value
    raise ValueError("a path that begins with a slash; --host is the rest of the URL")


def _method(value: object) -> str:
    if value in METHODS:
        return str(value)
    raise ValueError(f"one of {', '.join(METHODS)}")


def _pointer(value: object) -> str:
    if isinstance(value, str) and is_pointer(value):
        return value
    raise ValueError("a JSON pointer like /output/data")


def _pointers(value: object) -> tuple[str, ...]:
    return tuple(_pointer(item) for item in (value if isinstance(value, list) else [value]))


def _codes(value: object) -> frozenset[int]:
    codes = value if isinstance(value, list) else [value]
    if all(isinstance(code, int) and 100 <= code <= 599 for code in codes):  # noqa: PLR2004 - HTTP's codes
        return frozenset(codes)
    raise ValueError("HTTP codes like [200, 202]")


def _words(value: object) -> frozenset[str]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return frozenset(value)
    raise ValueError('texts like ["done"]')


def _source(value: object) -> UrlSource:
    if isinstance(value, str):
        return UrlSource.parse(value)
    raise ValueError(UrlSource.FORMS)


def _sources(value: object) -> tuple[UrlSource, ...]:
    sources = value if isinstance(value, list) else [value]
    if not sources:
        raise ValueError("at least one place")
    return tuple(_source(item) for item in sources)


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError('texts like { Accept = "application/json" }')
    return {name: _from_environment(text) for name, text in value.items()}


def _from_environment(text: str) -> str:
    if not text.startswith(ENVIRONMENT):
        return text
    variable = text.removeprefix(ENVIRONMENT)
    if variable not in os.environ:
        raise ValueError(f"{variable} to be set in the environment")
    return os.environ[variable]


def _body(value: object) -> object:
    return value


START_KEYS: Mapping[str, Callable[[object], object]] = {
    "path": _path,
    "method": _method,
    "headers": _headers,
    "body": _body,
    "accepted": _codes,
    "id": _pointer,
    "status_url": _sources,
}
STATUS_KEYS: Mapping[str, Callable[[object], object]] = {
    "headers": _headers,
    "pending": _codes,
    "failed_codes": _codes,
    "result": _codes,
    "state": _pointer,
    "not_begun": _words,
    "succeeded": _words,
    "failed": _words,
    "terminated": _words,
    "output": _pointer,
    "token": _pointer,
    "created": _pointer,
    "started_at": _pointer,
    "finished_at": _pointers,
    "begun": _pointer,
    "finished": _pointers,
    "fixed_url": _flag,
}
FORMER_STATUS_KEYS = {"begun": "started_at", "finished": "finished_at"}
REQUEST_KEYS: Mapping[str, Callable[[object], object]] = {
    "url": _source,
    "method": _method,
    "accepted": _codes,
    "too_late": _codes,
}
