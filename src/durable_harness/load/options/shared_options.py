"""The options that load runs, `ab` and `capacity` share: which app gets which operations."""

from __future__ import annotations

import operator
from pathlib import Path

from durable_harness.load.options.declared_option import DeclaredOption, or_none
from durable_harness.load.options.option_values import read_durations, seconds_above_zero, whole_number
from durable_harness.load.options.start_values import (
    read_event,
    read_headers,
    read_method,
    read_path,
    read_payload,
    read_service,
)

START_PATH = DeclaredOption(
    "--start-path",
    or_none(read_path),
    "",
    "where operations start; {number} and {token} in it are filled in",
    "PATH",
    default_text="the app's one function that starts operations, or /api/async_http_api if the app is not known here",
    in_web_form=False,
)
START_METHOD = DeclaredOption(
    "--start-method",
    or_none(read_method),
    "",
    "HTTP method of the start",
    "METHOD",
    default_text="that of the function that starts operations, else POST",
    in_web_form=False,
)
PAYLOAD = DeclaredOption(
    "--payload",
    or_none(read_payload),
    "",
    'body of every start: JSON, or @FILE; {token} in it is unique, {number} counts, "{duration}" is the work in '
    "seconds",
    "JSON|@FILE",
    default_text="what the sample app takes",
    in_web_form=False,
)
RAISE_EVENT = DeclaredOption(
    "--raise-event",
    or_none(read_event),
    "",
    "event to raise for each operation once it is accepted: its name, or NAME=JSON with its data",
    "NAME=JSON",
    in_web_form=False,
)
HEADERS = DeclaredOption(
    "--headers",
    read_headers,
    "",
    "headers of starts and polls: 'Name: value' lines, or JSON, or @FILE; a value env:VARIABLE is read from the "
    "environment",
    "TEXT|@FILE",
    in_web_form=False,
)
START = (START_PATH, START_METHOD, PAYLOAD, RAISE_EVENT, HEADERS)

SERVICE = DeclaredOption(
    "--service",
    or_none(Path),
    "",
    "description of the service under test, if it is not a durable app",
    "FILE",
    check=or_none(read_service),
    in_web_form=False,
)
OPERATION_DURATION = DeclaredOption(
    "--operation-duration",
    read_durations,
    "0.3-0.7",
    "seconds of work that an operation asks for: a number, a range, or a mix with weights like 0.2-0.4:80,2:20",
    "SECONDS",
)
POLL_INTERVAL = DeclaredOption(
    "--poll-interval", seconds_above_zero, 0.2, "seconds between two polls of an operation", "SECONDS"
)
OPERATION_TIMEOUT = DeclaredOption(
    "--operation-timeout",
    seconds_above_zero,
    60.0,
    "seconds after which an operation counts as timed out",
    "SECONDS",
)
SEED = DeclaredOption(
    "--seed", whole_number, 1, "seed of all that is random: the same seed gives the same arrivals, work and order", "N"
)
EVIDENCE = DeclaredOption(
    "--evidence",
    or_none(Path),
    "",
    "write all that a report about the run needs into one file: results, records, logs, versions, and settings without "
    "secrets",
    "FILE.zip",
    in_web_form=False,
)
NO_PREFLIGHT: DeclaredOption[bool] = DeclaredOption(
    "--no-preflight",
    operator.not_,
    default=False,
    meaning="skip the one operation before the load, which shows whether path and payload are right",
    in_web_form=False,
)
"""Its value is whether there is that operation."""
FUNCTION_KEY = DeclaredOption(
    "--function-key",
    or_none(str),
    "",
    "function key of the deployment, sent to --host alone; the embedded stack needs none",
    "KEY",
    in_web_form=False,
)

EXPERIMENT = (
    *START,
    SERVICE,
    OPERATION_DURATION,
    POLL_INTERVAL,
    OPERATION_TIMEOUT,
    SEED,
    EVIDENCE,
    NO_PREFLIGHT,
)
"""Those of `ab` and `capacity`, in the order of their help."""
