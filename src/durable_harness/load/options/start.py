"""How operations start, as options say it: the same options for load runs, `ab` and `capacity`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from durable_harness.documents import parse_json, read_json, read_text
from durable_harness.foreign_text import hide
from durable_harness.operations import ServiceDescription
from durable_harness.operations.service_file import ENVIRONMENT, METHODS
from durable_harness.redirects import secrets_of

FILE = "@"
EXAMPLE_PATH = "/api/orders"
ENVIRONMENT_PREFIX = "DURABLE_HARNESS_"


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the options say of the request that starts an operation; what they leave open is decided elsewhere."""

    path: str | None = None
    method: str | None = None
    payload: Any = None
    """JSON in which `{token}`, `{duration}` and `{number}` are filled in; None if it is not given."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    event: tuple[str, Any] | None = None
    """An event, and its data, that is raised for every operation once it is accepted."""
    found_path: str | None = None
    """The path of the app's one starter, for whatever names none."""
    found_method: str | None = None
    """Its method, which belongs to that path alone."""

    @classmethod
    def read(cls, parsed: Any) -> StartOptions:
        """Type parsed options; raise ArgumentTypeError, which names the option, for a value that cannot be used."""
        headers = _named("--headers", read_headers, parsed.headers) or {}
        hide(secrets_of(headers))
        return cls(
            path=_named("--start-path", read_path, parsed.start_path),
            method=_named("--start-method", read_method, parsed.start_method),
            payload=_named("--payload", read_payload, parsed.payload),
            headers=headers,
            event=_named("--raise-event", read_event, getattr(parsed, "raise_event", None)),
            found_path=getattr(parsed, FOUND_PATH, None),
            found_method=getattr(parsed, FOUND_METHOD, None),
        )

    def path_for(self, own: str | None, default: str) -> str:
        """Return where operations start, of something that has a path of its own, or else that of the app's starter."""
        return self.path or own or self.found_path or default

    def method_for(self, own_path: str | None, own_method: str | None, default: str) -> str:
        """Return how operations start, likewise: by the found starter's method only where its path is taken."""
        is_found = self.path is None and own_path is None and self.found_path is not None
        return self.method or own_method or (self.found_method if is_found else None) or default

    def on(self, service: ServiceDescription) -> ServiceDescription:
        """Return a service with what the options say; its path is left to `path_for` where they say none."""
        start, status = service.start, service.status
        headers = {**start.headers, **self.headers}
        return dataclasses.replace(
            service,
            start=dataclasses.replace(
                start,
                path=self.path or start.path,
                method=self.method or start.method,
                body=start.body if self.payload is None else self.payload,
                headers=headers,
            ),
            status=dataclasses.replace(status, headers={**status.headers, **self.headers}),
        )


FOUND_PATH, FOUND_METHOD = "found_start_path", "found_start_method"
"""The attributes of parsed options in which a starter that was found travels to the workers."""


def read_path(text: str) -> str:
    """Read the path of a route."""
    if not text.startswith("/") or text.startswith("//") or any(char.isspace() for char in text):
        raise argparse.ArgumentTypeError(f"got '{text}', expected a path of the app like {EXAMPLE_PATH}")
    return text


def read_method(text: str) -> str:
    """Read an HTTP method."""
    if text.upper() not in METHODS:
        raise argparse.ArgumentTypeError(f"got '{text}', expected one of {', '.join(METHODS)}")
    return text.upper()


def read_payload(text: str) -> Any:
    """Read JSON, or the file that is named behind an @."""
    return _json(text, 'JSON like {"order": "{token}"}, or @FILE with JSON in it')


def read_event(text: str) -> tuple[str, Any]:
    """Read the name of an event and, after an equals sign, its data as JSON; without one the data is null."""
    name, equals, data = text.partition("=")
    if not name.strip():
        raise argparse.ArgumentTypeError(f"got '{text}', expected {EVENT_FORMS}")
    return name.strip(), _json(data, EVENT_FORMS) if equals else None


EVENT_FORMS = 'the name of an event, or NAME=JSON like Approved={"by": "load"}'


def read_headers(text: str) -> dict[str, str]:
    """Read headers: lines like `Name: value`, or a JSON object; `env:VARIABLE` stands for the variable's value."""
    told = _file_text(text[1:]) if text.startswith(FILE) else text
    is_json = told.lstrip().startswith("{")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    pairs = _json(told, HEADER_FORMS) if is_json else dict(map(_header, lines))
    if not all(isinstance(value, str) for value in pairs.values()):
        raise argparse.ArgumentTypeError(f"a value is no text, expected {HEADER_FORMS}")
    return {name: _from_environment(value) for name, value in pairs.items()}


HEADER_FORMS = '\'Name: value\', a line for each header, or JSON like {"Name": "value"}, or @FILE with that in it'


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    # The text itself may be a secret.
    if not colon or not name.strip() or any(char.isspace() for char in name.strip()):
        raise argparse.ArgumentTypeError(f"a line is no header, expected {HEADER_FORMS}")
    return name.strip(), value.strip()


def _from_environment(value: str) -> str:
    variable = value.removeprefix(ENVIRONMENT)
    if variable == value:
        return value
    if variable not in os.environ:
        raise argparse.ArgumentTypeError(f"{variable} is not set in the environment, which {ENVIRONMENT} asks for")
    return os.environ[variable]


def _json(text: str, expected: str) -> Any:
    try:
        return read_json(Path(text[1:])) if text.startswith(FILE) else parse_json(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text[1:]} cannot be read ({error.strerror})") from None
    except ValueError as error:
        where = f"{text[1:]} is not JSON" if text.startswith(FILE) else "it is not JSON"
        raise argparse.ArgumentTypeError(f"{where} ({error}), expected {expected}") from None


def _file_text(name: str) -> str:
    try:
        return read_text(Path(name))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be read ({error})") from None


def _named(option: str, read: Callable[[str], Any], text: str | None) -> Any:
    """Read a text that was given; what is wrong with it names its option."""
    if not text:
        return None
    try:
        return read(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{option}: {error}") from None


class StartArgument(NamedTuple):
    """An option about the start, for any parser."""

    name: str
    metavar: str
    read: Callable[[str], Any]
    help: str

    @property
    def variable(self) -> str:
        """Its twin in the environment."""
        return ENVIRONMENT_PREFIX + self.name.removeprefix("--").replace("-", "_").upper()

    def read_if_given(self, text: str) -> Any:
        """Read a value; an empty one is none."""
        return self.read(text) if text else None


START_ARGUMENTS = (
    StartArgument(
        "--start-path",
        "<path>",
        read_path,
        "Where operations start; {number} and {token} in it are filled in. Defaults to the app's one function that "
        "starts operations, of an app that this machine does not know to /api/async_http_api.",
    ),
    StartArgument(
        "--start-method",
        "<method>",
        read_method,
        "HTTP method of the start. Defaults to that of the function that starts operations, else to POST.",
    ),
    StartArgument(
        "--payload",
        "<json>",
        read_payload,
        'Body of every start: JSON, or @FILE. {token} in it is unique, {number} counts, "{duration}" is the seconds '
        "of work. Defaults to what the sample app takes.",
    ),
    StartArgument(
        "--raise-event",
        "<name=json>",
        read_event,
        "An event that each operation gets once it is accepted: its name, or NAME=JSON with its data. None by default.",
    ),
    StartArgument(
        "--headers",
        "<headers>",
        read_headers,
        "Headers of starts and polls: 'Name: value', a line for each, or JSON, or @FILE; env:VARIABLE as a value is "
        "read from the environment.",
    ),
)


def as_plain_text(payload: Any) -> str:
    """Return a payload as the option's text, for a process that cannot read the file."""
    return "" if payload is None else json.dumps(payload)
