"""The options that the load test adds to Locust's command line, each with an environment twin, checked before any load.

--app-dir DIR               DURABLE_HARNESS_APP_DIR
--connections N             DURABLE_HARNESS_CONNECTIONS
--drain-timeout S           DURABLE_HARNESS_DRAIN_TIMEOUT
--function-key KEY          DURABLE_HARNESS_FUNCTION_KEY
--gates FILE|none           DURABLE_HARNESS_GATES
--insecure                  DURABLE_HARNESS_INSECURE
--max-clock-step-ms MS      DURABLE_HARNESS_MAX_CLOCK_STEP_MS
--max-cpu-percent PERCENT   DURABLE_HARNESS_MAX_CPU_PERCENT
--max-pool-wait-ms MS       DURABLE_HARNESS_MAX_POOL_WAIT_MS
--max-slip-ms MS            DURABLE_HARNESS_MAX_SLIP_MS
--max-stall-ms MS           DURABLE_HARNESS_MAX_STALL_MS
--operation-duration S|A-B  DURABLE_HARNESS_OPERATION_DURATION
--operation-timeout S       DURABLE_HARNESS_OPERATION_TIMEOUT
--poll-interval S           DURABLE_HARNESS_POLL_INTERVAL
--poll-strategy NAME        DURABLE_HARNESS_POLL_STRATEGY
--report-dir DIR            DURABLE_HARNESS_REPORT_DIR
--status-source NAME        DURABLE_HARNESS_STATUS_SOURCE
--warm-up S                 DURABLE_HARNESS_WARM_UP
"""

from __future__ import annotations

import argparse
import functools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from durable_harness.errors import UsageError
from durable_harness.gate import Gate, load_gates
from durable_harness.load.generator_options import GeneratorOptions, add_generator_options
from durable_harness.operations import STRATEGIES

NO_GATES = "none"
STATUS_SOURCES = ("webhook", "app")


class DurationRange(NamedTuple):
    """The seconds of work that operations ask for: evenly spread from `low_s` to `high_s`."""

    low_s: float
    high_s: float

    def __str__(self) -> str:
        return f"{self.low_s:g} s" if self.low_s == self.high_s else f"{self.low_s:g} to {self.high_s:g} s"

    def pick_s(self) -> float:
        return round(random.uniform(self.low_s, self.high_s), 3)  # noqa: S311 - load, not secrets


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of one run, as typed values."""

    function_key: str | None
    app_dir: Path
    status_source: str
    poll_strategy: str
    poll_interval_s: float
    operation_duration_s: DurationRange
    operation_timeout_s: float
    drain_timeout_s: float
    warm_up_s: float
    gates_file: Path | None
    report_dir: Path
    generator: GeneratorOptions

    @classmethod
    def read(cls, parsed: Any) -> LoadOptions:
        """Type Locust's parsed options; raise UsageError for what the web form let through and no run can use."""
        try:
            return cls(
                function_key=parsed.function_key or None,
                app_dir=Path(parsed.app_dir),
                status_source=_choice(STATUS_SOURCES)(parsed.status_source),
                poll_strategy=_choice(tuple(STRATEGIES))(parsed.poll_strategy),
                poll_interval_s=_seconds_above_zero(parsed.poll_interval),
                operation_duration_s=read_duration_range(parsed.operation_duration),
                operation_timeout_s=_seconds_above_zero(parsed.operation_timeout),
                drain_timeout_s=_seconds(parsed.drain_timeout),
                warm_up_s=_seconds(parsed.warm_up),
                gates_file=None if parsed.gates in (None, "", NO_GATES) else Path(parsed.gates),
                report_dir=Path(parsed.report_dir),
                generator=GeneratorOptions.read(parsed),
            )
        except argparse.ArgumentTypeError as error:
            raise UsageError(str(error)) from error

    def gates(self) -> tuple[Gate, ...]:
        """Return the gates as they were when the file was first read: a run is judged by what was checked before it."""
        return () if self.gates_file is None else gates_once(self.gates_file)

    def for_report(self) -> dict[str, str]:
        """Return what a reader of the report wants to know, without the key."""
        return {
            "work per operation": str(self.operation_duration_s),
            "poll strategy": f"{self.poll_strategy}, {self.poll_interval_s:g} s",
            "status source": self.status_source,
            "operation timeout": f"{self.operation_timeout_s:g} s",
            "drain timeout": f"{self.drain_timeout_s:g} s",
            "warm-up": f"{self.warm_up_s:g} s, in no figure" if self.warm_up_s else "none",
            "connections": f"at most {self.generator.connections:,} in each process",
        }


@functools.cache
def gates_once(path: Path) -> tuple[Gate, ...]:
    """Load a gates file the first time that it is asked for."""
    return load_gates(path)


def add_options(parser: Any, default_gates: Path | None) -> None:
    """Add the options to Locust's parser; those that a run in the web UI may change appear in its form."""
    _add_run_options(parser)
    add_generator_options(parser)
    _add_process_options(parser, default_gates)


def _add_run_options(parser: Any) -> None:
    parser.add_argument(
        "--function-key",
        metavar="<key>",
        env_var="DURABLE_HARNESS_FUNCTION_KEY",
        default="",
        is_secret=True,
        help="Function key of the deployment. The embedded stack needs none.",
    )
    parser.add_argument(
        "--status-source",
        choices=STATUS_SOURCES,
        env_var="DURABLE_HARNESS_STATUS_SOURCE",
        default="webhook",
        help="Whom to poll: 'webhook' is the URL that the start's answer gives, 'app' the app's own status route.",
    )
    parser.add_argument(
        "--poll-strategy",
        choices=tuple(STRATEGIES),
        env_var="DURABLE_HARNESS_POLL_STRATEGY",
        default="fixed",
        help="When to poll: 'fixed' every interval, 'exponential' ever less often, 'server' as Retry-After says.",
    )
    parser.add_argument(
        "--poll-interval",
        type=_seconds_above_zero,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_POLL_INTERVAL",
        default=0.2,
        help="Seconds between polls, the first of them for 'exponential'. Defaults to 0.2.",
    )
    parser.add_argument(
        "--operation-duration",
        type=_checked(read_duration_range),
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_OPERATION_DURATION",
        default="0.3-0.7",
        help="Seconds of work an operation asks for, one number or a range. Defaults to 0.3-0.7.",
    )
    parser.add_argument(
        "--operation-timeout",
        type=_seconds_above_zero,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_OPERATION_TIMEOUT",
        default=60.0,
        help="Seconds after which an operation counts as timed out. Defaults to 60.",
    )
    parser.add_argument(
        "--drain-timeout",
        type=_seconds,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_DRAIN_TIMEOUT",
        default=30.0,
        help="Seconds to follow what is in flight when the run ends; what is left then timed out. Defaults to 30.",
    )

    parser.add_argument(
        "--warm-up",
        type=_seconds,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_WARM_UP",
        default=0.0,
        help="Operations intended in the first seconds of a run are recorded, but are in no figure. Defaults to 0.",
    )


def _add_process_options(parser: Any, default_gates: Path | None) -> None:
    parser.add_argument(
        "--app-dir",
        type=_checked(_existing_dir),
        metavar="<dir>",
        env_var="DURABLE_HARNESS_APP_DIR",
        default=".",
        include_in_web_ui=False,
        help="Function app to run and load when there is no --host. Defaults to the current directory.",
    )
    parser.add_argument(
        "--gates",
        type=_checked(_gates_file),
        metavar="<file>",
        env_var="DURABLE_HARNESS_GATES",
        default=str(default_gates) if default_gates else NO_GATES,
        include_in_web_ui=False,
        help="Gates that decide the exit code; 'none' for none. Defaults to the gates.toml beside the scenarios.",
    )
    parser.add_argument(
        "--report-dir",
        metavar="<dir>",
        env_var="DURABLE_HARNESS_REPORT_DIR",
        default="build/load",
        include_in_web_ui=False,
        help="Folder for summary.json and report.html. Defaults to build/load.",
    )


def read_duration_range(text: str) -> DurationRange:
    """Read `0.5` or `0.3-0.7`, or raise ArgumentTypeError."""
    low_text, dash, high_text = str(text).partition("-")
    low_s = _seconds(low_text)
    high_s = _seconds(high_text) if dash else low_s
    if high_s < low_s:
        raise argparse.ArgumentTypeError(f"got '{text}', expected the smaller number first, like 0.3-0.7")
    return DurationRange(low_s, high_s)


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """Check a text now and keep it as it is: options travel to the workers as plain values."""

    def check(text: str) -> str:
        read(text)
        return text

    return check


def _gates_file(text: str) -> None:
    if text in ("", NO_GATES):
        return
    try:
        gates_once(Path(text))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _existing_dir(text: str) -> None:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"got '{text}', expected the folder of a function app")


def _seconds(value: str | float) -> float:
    return _number(value, "seconds, 0 or more", lambda seconds: seconds >= 0)


def _seconds_above_zero(value: str | float) -> float:
    return _number(value, "seconds above 0", lambda seconds: seconds > 0)


def _number(value: str | float, allowed: str, holds: Callable[[float], bool]) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and holds(number)):
        raise argparse.ArgumentTypeError(f"got '{value}', expected {allowed}")
    return number


def _choice(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise argparse.ArgumentTypeError(f"got '{value}', expected one of {', '.join(allowed)}")
        return value

    return check
