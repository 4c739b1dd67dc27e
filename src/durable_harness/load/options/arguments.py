"""The options that the load test adds to Locust's command line, each with an environment twin, checked before any load.

--app DIR                   DURABLE_HARNESS_APP (--app-dir and DURABLE_HARNESS_APP_DIR, as it was called)
--arrivals NAME             DURABLE_HARNESS_ARRIVALS
--audit auto|each|off       DURABLE_HARNESS_AUDIT
--audit-timeout S           DURABLE_HARNESS_AUDIT_TIMEOUT
--connections N             DURABLE_HARNESS_CONNECTIONS
--drain-timeout S           DURABLE_HARNESS_DRAIN_TIMEOUT
--evidence FILE             DURABLE_HARNESS_EVIDENCE
--function-key KEY          DURABLE_HARNESS_FUNCTION_KEY
--gates FILE|none           DURABLE_HARNESS_GATES
--insecure                  DURABLE_HARNESS_INSECURE
--max-clock-step-ms MS      DURABLE_HARNESS_MAX_CLOCK_STEP_MS
--max-cpu-percent PERCENT   DURABLE_HARNESS_MAX_CPU_PERCENT
--max-pool-wait-ms MS       DURABLE_HARNESS_MAX_POOL_WAIT_MS
--max-slip-ms MS            DURABLE_HARNESS_MAX_SLIP_MS
--max-stall-ms MS           DURABLE_HARNESS_MAX_STALL_MS
--metrics-host HOST         DURABLE_HARNESS_METRICS_HOST
--metrics-port PORT         DURABLE_HARNESS_METRICS_PORT
--headers TEXT|@FILE        DURABLE_HARNESS_HEADERS
--history-sample N          DURABLE_HARNESS_HISTORY_SAMPLE
--no-preflight              DURABLE_HARNESS_NO_PREFLIGHT
--operation-duration S|A-B  DURABLE_HARNESS_OPERATION_DURATION
--operation-timeout S       DURABLE_HARNESS_OPERATION_TIMEOUT
--otlp-endpoint URL         DURABLE_HARNESS_OTLP_ENDPOINT
--payload JSON|@FILE        DURABLE_HARNESS_PAYLOAD
--poll-budget N             DURABLE_HARNESS_POLL_BUDGET
--poll-interval S           DURABLE_HARNESS_POLL_INTERVAL
--poll-strategy NAME        DURABLE_HARNESS_POLL_STRATEGY
--raise-event NAME=JSON     DURABLE_HARNESS_RAISE_EVENT
--rate PROFILE              DURABLE_HARNESS_RATE
--report-dir DIR            DURABLE_HARNESS_REPORT_DIR
--run-token TOKEN           DURABLE_HARNESS_RUN_TOKEN
--seed N                    DURABLE_HARNESS_SEED
--service FILE              DURABLE_HARNESS_SERVICE
--start-method METHOD       DURABLE_HARNESS_START_METHOD
--start-path PATH           DURABLE_HARNESS_START_PATH
--status-source NAME        DURABLE_HARNESS_STATUS_SOURCE
--traceparent on|off        DURABLE_HARNESS_TRACEPARENT
--twice                     DURABLE_HARNESS_TWICE
--warm-up S                 DURABLE_HARNESS_WARM_UP
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.load.arrivals.plans import FORMS
from durable_harness.load.options.generator import add_generator_options
from durable_harness.load.options.metrics import add_metrics_options
from durable_harness.load.options.run import AUDITS, NO_GATES, SPACINGS, STATUS_SOURCES, gates_once, service_once
from durable_harness.load.options.start import START_ARGUMENTS
from durable_harness.load.options.values import (
    checked,
    number_above_zero,
    read_durations,
    read_rate,
    seconds,
    seconds_above_zero,
    whole_number,
)
from durable_harness.operations import STRATEGIES

LOOPBACK = "127.0.0.1"
FORMER_APP_VARIABLE = "DURABLE_HARNESS_APP_DIR"


def add_options(parser: Any, default_gates: Path | None) -> None:
    """Add the options to Locust's parser; those that a run in the web UI may change appear in its form."""
    _listen_on_loopback(parser)
    _add_run_options(parser)
    _add_start_options(parser)
    add_generator_options(parser)
    add_metrics_options(parser)
    _add_process_options(parser, default_gates)


def _listen_on_loopback(parser: Any) -> None:
    """Let nobody but this machine reach Locust's web UI, unless it is asked for."""
    parser.set_defaults(web_host=LOOPBACK)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to an option's help
        if action.dest == "web_host":
            action.help = f"Host to bind the web interface to, * for all interfaces. Defaults to {LOOPBACK}."


def _add_run_options(parser: Any) -> None:
    parser.add_argument(
        "--function-key",
        metavar="<key>",
        env_var="DURABLE_HARNESS_FUNCTION_KEY",
        default="",
        include_in_web_ui=False,
        help="Function key of the deployment, sent to --host alone. The embedded stack needs none.",
    )
    parser.add_argument(
        "--status-source",
        choices=STATUS_SOURCES,
        env_var="DURABLE_HARNESS_STATUS_SOURCE",
        default="webhook",
        help="Whom to poll: 'webhook' is the URL that the start's answer gives, 'app' the app's own status route.",
    )
    parser.add_argument(
        "--rate",
        type=checked(read_rate),
        metavar="<profile>",
        env_var="DURABLE_HARNESS_RATE",
        default="10",
        help=f"What an open scenario starts: {FORMS}. Defaults to 10.",
    )
    parser.add_argument(
        "--arrivals",
        choices=SPACINGS,
        env_var="DURABLE_HARNESS_ARRIVALS",
        default="scenario",
        help="Spacing of an open scenario's arrivals: 'constant' gaps, 'poisson', or as the 'scenario' has it.",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        metavar="<n>",
        env_var="DURABLE_HARNESS_SEED",
        default=1,
        help="What makes chance repeatable: the same seed, the same arrivals and durations. Defaults to 1.",
    )
    parser.add_argument(
        "--poll-strategy",
        choices=tuple(STRATEGIES),
        env_var="DURABLE_HARNESS_POLL_STRATEGY",
        default="fixed",
        help="When to poll: 'fixed' every interval, 'exponential' ever less often, 'server' as Retry-After says, "
        "'adaptive' where the operations before have ended.",
    )
    parser.add_argument(
        "--poll-interval",
        type=seconds_above_zero,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_POLL_INTERVAL",
        default=0.2,
        help="Seconds between polls, the first of them for 'exponential'. Defaults to 0.2.",
    )
    parser.add_argument(
        "--poll-budget",
        type=number_above_zero,
        metavar="<polls>",
        env_var="DURABLE_HARNESS_POLL_BUDGET",
        default=3.0,
        help="Polls that 'adaptive' may spend on an operation on average. Defaults to 3.",
    )
    parser.add_argument(
        "--operation-duration",
        type=checked(read_durations),
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_OPERATION_DURATION",
        default="0.3-0.7",
        help="Seconds of work an operation asks for: a number, a range, or a mix with weights like 0.2-0.4:80,2:20. "
        "Defaults to 0.3-0.7.",
    )
    parser.add_argument(
        "--operation-timeout",
        type=seconds_above_zero,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_OPERATION_TIMEOUT",
        default=60.0,
        help="Seconds after which an operation counts as timed out. Defaults to 60.",
    )
    parser.add_argument(
        "--drain-timeout",
        type=seconds,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_DRAIN_TIMEOUT",
        default=30.0,
        help="Seconds to follow what is in flight when the run ends; what is left then timed out. Defaults to 30.",
    )

    parser.add_argument(
        "--warm-up",
        type=seconds,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_WARM_UP",
        default=0.0,
        help="Operations intended in the first seconds of a run are recorded, but are in no figure. Defaults to 0.",
    )
    parser.add_argument(
        "--audit",
        choices=AUDITS,
        env_var="DURABLE_HARNESS_AUDIT",
        default="auto",
        help="After the run, account for every accepted operation: 'auto' by the durable webhooks' paged query, where "
        "there is none by the status of each, 'each' always so, 'off' not at all.",
    )
    parser.add_argument(
        "--audit-timeout",
        type=seconds_above_zero,
        metavar="<seconds>",
        env_var="DURABLE_HARNESS_AUDIT_TIMEOUT",
        default=60.0,
        help="Seconds that the audit may take; one that takes longer says that it is incomplete. Defaults to 60.",
    )
    parser.add_argument(
        "--history-sample",
        type=whole_number,
        metavar="<number>",
        env_var="DURABLE_HARNESS_HISTORY_SAMPLE",
        default=300,
        help="Where the service does not tell when work began and ended, or what it cost, read the histories of up to "
        "this many operations from the durable webhooks after the run, and count from them. Defaults to 300.",
    )


def _add_start_options(parser: Any) -> None:
    for argument in START_ARGUMENTS:
        parser.add_argument(
            argument.name,
            type=checked(argument.read_if_given),
            metavar=argument.metavar,
            env_var=argument.variable,
            default="",
            include_in_web_ui=False,
            help=argument.help,
        )
    parser.add_argument(
        "--no-preflight",
        action="store_true",
        env_var="DURABLE_HARNESS_NO_PREFLIGHT",
        default=False,
        include_in_web_ui=False,
        help="Make the load without one operation first that shows whether path and payload are right.",
    )


def _add_process_options(parser: Any, default_gates: Path | None) -> None:
    parser.add_argument(
        "--app",
        "--app-dir",
        dest="app_dir",
        type=checked(_existing_dir),
        metavar="<dir>",
        env_var="DURABLE_HARNESS_APP",
        default=os.environ.get(FORMER_APP_VARIABLE) or ".",
        include_in_web_ui=False,
        help="Function app to run and load when there is no --host. Defaults to the current directory.",
    )
    parser.add_argument(
        "--twice",
        action="store_true",
        env_var="DURABLE_HARNESS_TWICE",
        default=False,
        include_in_web_ui=False,
        help="Let the app that the run starts get every activity and entity operation twice, as a service may deliver "
        "them, and report what that changes. Not with --host: start that one with `durable-harness serve --twice`.",
    )
    parser.add_argument(
        "--service",
        type=checked(_service_file),
        metavar="<file>",
        env_var="DURABLE_HARNESS_SERVICE",
        default="",
        include_in_web_ui=False,
        help="Description of the service under test, if it is not a durable app.",
    )
    parser.add_argument(
        "--gates",
        type=checked(_gates_file),
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
    parser.add_argument(
        "--evidence",
        metavar="<file>",
        env_var="DURABLE_HARNESS_EVIDENCE",
        default="",
        include_in_web_ui=False,
        help="A .zip file for all that a report about the run needs: results, records, logs, versions, and settings "
        "without secrets. None by default.",
    )


def _service_file(text: str) -> None:
    if not text:
        return
    try:
        service_once(Path(text))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
