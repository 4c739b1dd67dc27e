"""Read the options of the start of operations; each reader raises ArgumentTypeError for an invalid value.

The command line of every command has these options. `operations` is imported by the readers that need it, when they are
called, so that commands which start no operations do not wait for it.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.documents import parse_json, read_json, read_text
from durable_harness.errors import UsageError

if TYPE_CHECKING:
    from durable_harness.operations import ServiceDescription

FILE = "@"
EXAMPLE_PATH = "/api/orders"
FILLED_IN = ("{number}", "{token}", "{duration}")
"""The parameters that a load fills in in a path."""


def read_path(text: str) -> str:
    """Read the path of a route."""
    if not text.startswith("/") or text.startswith("//") or any(char.isspace() for char in text):
        raise argparse.ArgumentTypeError(f"got '{text}', expected a path of the app like {EXAMPLE_PATH}")
    unknown = [name for name in re.findall(r"\{(\w+)[^{}]*\}", text) if f"{{{name}}}" not in FILLED_IN]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"got '{text}', in which nothing fills in {{{unknown[0]}}}: write a value in its place, or one of "
            f"{', '.join(FILLED_IN)}"
        )
    return text


def read_method(text: str) -> str:
    """Read an HTTP method."""
    from durable_harness.operations.service_file import METHODS  # noqa: PLC0415 - see this module's docstring

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
    written = _file_text(text[1:]) if text.startswith(FILE) else text
    is_json = written.lstrip().startswith("{")
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    pairs = _json(written, HEADER_FORMS) if is_json else dict(map(_header, lines))
    if not all(isinstance(value, str) for value in pairs.values()):
        raise argparse.ArgumentTypeError(f"a value is not text, expected {HEADER_FORMS}")
    return {name: _from_environment(value) for name, value in pairs.items()}


HEADER_FORMS = '\'Name: value\', a line for each header, or JSON like {"Name": "value"}, or @FILE with that in it'


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    # The text itself may be a secret.
    if not colon or not name.strip() or any(char.isspace() for char in name.strip()):
        raise argparse.ArgumentTypeError(f"a line is not a header, expected {HEADER_FORMS}")
    return name.strip(), value.strip()


def _from_environment(value: str) -> str:
    from durable_harness.operations.service_file import ENVIRONMENT  # noqa: PLC0415 - see this module's docstring

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


def read_service(text: str) -> ServiceDescription:
    """Read the description of a service from its file."""
    try:
        return service_once(Path(text))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@functools.cache
def service_once(path: Path) -> ServiceDescription:
    """Load a service's description the first time that it is asked for."""
    from durable_harness.operations import load_service  # noqa: PLC0415 - see this module's docstring

    return load_service(path)
