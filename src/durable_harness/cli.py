"""The command line: `serve`, `func start` with Core Tools' own arguments, `scheduler`, `recover`, `compare`, …"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from durable_harness.cli_core_tools import add_spellings, with_worker_arguments_joined
from durable_harness.cli_histories import add_record, add_replay
from durable_harness.collection import resting_collector
from durable_harness.errors import HarnessError, UsageError
from durable_harness.experiments.commands import add_commands
from durable_harness.foreign_text import shown_lines
from durable_harness.output_streams import unbroken_output
from durable_harness.settings.task_hubs import DYNAMIC_HUBS_VARIABLE, HUBS_VARIABLE
from durable_harness.sigterm import exit_code_of, raised_as_interrupt

if TYPE_CHECKING:
    from durable_harness.scheduler import SchedulerOptions

SCHEDULER_VARIABLE = "DURABLE_HARNESS_SCHEDULER"
SHOWN_LEFT_OUT = 20
EXIT_CODES = """exit codes:
  0 done   1 a gate failed, head is slower   2 usage or configuration   3 invalid load run, nobody can tell
  4 system under test or scheduler unreachable   5 the app does not load   6 port in use
  7 a recorded history replays differently   8 the file of a scheduler is damaged   9 a report is missing
  130 (Ctrl-C), 143 (SIGTERM) interrupted: what was done so far is reported, no verdict given; serve and scheduler: 0"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the errors of this house are printed as they are."""
    with unbroken_output() as lost:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
    return lost.exit_code(code)


def _run(arguments: list[str]) -> int:
    is_service = False
    try:
        with raised_as_interrupt():
            options = _parser().parse_args(with_worker_arguments_joined(arguments))
            is_service = options.is_service
            return int(options.run(options) or 0)
    except HarnessError as error:
        print(f"error: {shown_lines(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        if is_service:
            return 0  # a signal is how a service ends, also while it starts
        print(str(interrupt) or "interrupted", file=sys.stderr)
        return exit_code_of(interrupt)


class _Parser(argparse.ArgumentParser):
    """argparse, but its complaints end like every other error here."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n  See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="durable-harness", epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(is_service=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run a Durable Functions app on this machine, scheduler included")
    _add_host_options(serve)
    _add_own_options(serve)
    _add_scheduler_options(serve)
    _add_lifetime_options(serve)
    serve.set_defaults(run=_serve, is_service=True)
    scheduler = commands.add_parser("scheduler", help="serve the Durable Task Scheduler protocol, as the emulator does")
    _add_service_options(scheduler)
    _add_scheduler_options(scheduler)
    _add_lifetime_options(scheduler)
    scheduler.set_defaults(run=_scheduler, is_service=True)
    _add_recover(commands)
    add_commands(commands)
    add_record(commands)
    add_replay(commands)
    add_spellings(commands, _add_host_options, serve.parse_args([]))
    return parser


def _add_host_options(parser: argparse.ArgumentParser) -> None:
    """Options that `func start` has too, with its names."""
    parser.add_argument("--script-root", "--prefix", "--app", dest="app", default=".", metavar="DIR", help="app folder")
    parser.add_argument("-p", "--port", type=_port, help="port to listen on, 0 for any free one (default: 7071)")
    parser.add_argument("--cors", help="origins allowed to call, separated by commas, or *")
    parser.add_argument("--cors-credentials", action="store_true", help="allow credentials in such calls")
    parser.add_argument("--functions", nargs="+", metavar="NAME", help="load only these functions")
    parser.add_argument(
        "--enableAuth", "--enable-auth", dest="enable_auth", action="store_true", help="check keys as Azure does"
    )
    parser.add_argument("--useHttps", "--use-https", dest="https", action="store_true", help="serve HTTPS")
    parser.add_argument("--cert", type=Path, metavar="PFX", help="certificate for HTTPS (default: one made here)")
    parser.add_argument("--password", help="password of the certificate's file")
    parser.add_argument("--verbose", action="store_true", help="log what the host does")


def _add_own_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--scheduler",
        default=os.environ.get(SCHEDULER_VARIABLE, "embedded"),
        metavar="WHICH",
        help="embedded (default), settings (the app's own connection string), or a connection string",
    )
    parser.add_argument(
        "--always-replay",
        action="store_true",
        help="replay orchestrations whole, and twice, in every turn; one that does anything else then fails",
    )
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", choices=levels, help="least level of log lines (default: host.json's logging.logLevel, or info)"
    )


def _add_scheduler_options(parser: argparse.ArgumentParser) -> None:
    """Options of the scheduler, embedded or on its own."""
    group = parser.add_argument_group("scheduler")
    group.add_argument("--data", type=Path, metavar="FILE", help="keep everything in this file (default: in memory)")
    group.add_argument(
        "--durability",
        choices=("full", "normal"),
        default="normal",
        help="what --data survives: normal, the death of the process (default); full, a power cut too, and is slower",
    )
    group.add_argument(
        "--time",
        choices=("real", "skip"),
        default="real",
        help="skip: jump to the next due time whenever no work is going on (default: real)",
    )
    group.add_argument(
        "--lease-timeout",
        type=_seconds,
        default=3600.0,
        metavar="SECONDS",
        help="give work to another worker after this long, 0 for never (default: 3600)",
    )
    group.add_argument(
        "--max-payload-bytes",
        type=_whole_number,
        default=1_048_576,
        metavar="N",
        help="largest input, output, event or state, 0 for 500,000,000 (default: 1048576, as in Azure)",
    )


def _add_recover(commands: Any) -> None:
    parser = commands.add_parser("recover", help="save what can be read of a damaged --data file into a new one")
    parser.add_argument("damaged", type=Path, metavar="FILE", help="the damaged file; it is not changed")
    parser.add_argument("new", type=Path, metavar="NEW_FILE", help="a file that is not there yet, for --data")
    parser.set_defaults(run=_recover)


def _add_service_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    for name, port, what in (
        ("grpc", 8080, "gRPC"),
        ("http", 8081, "the HTTP API"),
        ("dashboard", 8082, "the dashboard"),
    ):
        parser.add_argument(
            f"--{name}-port", type=_port, default=port, help=f"port of {what}, 0 for any free one (default: {port})"
        )
    parser.add_argument(
        "--task-hubs",
        default=os.environ.get(HUBS_VARIABLE) or "default",
        metavar="NAMES",
        help=f"task hubs, separated by commas (default: {HUBS_VARIABLE}, else default)",
    )
    parser.add_argument(
        "--dynamic-task-hubs",
        action="store_true",
        default=os.environ.get(DYNAMIC_HUBS_VARIABLE, "").strip().lower() == "true",
        help=f"make any other task hub on its first use (default: {DYNAMIC_HUBS_VARIABLE})",
    )


def _add_lifetime_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="write URLs and pid here, as JSON, when ready")
    parser.add_argument("--exit-with-parent", type=int, metavar="PID", help="stop when this parent process is gone")
    parser.add_argument(
        "--test-control",
        action="store_true",
        help="let tests move the clock and inject faults: a local endpoint, its secret in the ready file",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the range of ports
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds, 0 or more")
    return value


def _whole_number(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 0 or more")
    return int(text)


def _scheduler_options(options: argparse.Namespace) -> SchedulerOptions:
    from durable_harness.scheduler import SchedulerOptions  # noqa: PLC0415 - other commands do not pay for it

    return SchedulerOptions(
        data=options.data,
        durability=options.durability,
        skip_time=options.time == "skip",
        lease_timeout_s=options.lease_timeout,
        max_payload_bytes=options.max_payload_bytes,
    )


def _recover(options: argparse.Namespace) -> None:
    from durable_harness.scheduler.storage.salvage import recover  # noqa: PLC0415 - other commands do not pay for it

    found = recover(options.damaged, options.new)
    print(
        f"Saved into {options.new}: {found.instances} instances ({found.under_way} under way),"
        f" {found.entities} entities, {found.operations} waiting entity operations, {found.lock_requests} waiting lock"
        " requests."
    )
    if found.problem is not None:
        print(
            f"The structure of {options.damaged} is damaged, so more may be missing than is named here: {found.problem}"
        )
    for line in _left_out(found.left_out, options.new.with_name(f"{options.new.name}.left-out.txt")):
        print(line)


def _left_out(lines: list[str], list_file: Path) -> list[str]:
    """Return what `recover` says it left out; a long list goes to a file."""
    if not lines:
        return ["Nothing was left out."]
    shown = [f"  {line}" for line in lines[:SHOWN_LEFT_OUT]]
    if len(lines) > SHOWN_LEFT_OUT:
        list_file.write_text("".join(f"{line}\n" for line in lines))
        shown.append(f"  and {len(lines) - SHOWN_LEFT_OUT} more: see {list_file}")
    return [f"Left out ({len(lines)}):", *shown]


def _scheduler(options: argparse.Namespace) -> None:
    from durable_harness.stack.scheduler import ServiceOptions, run_scheduler  # noqa: PLC0415

    hubs = tuple(dict.fromkeys(name.strip() for name in options.task_hubs.split(",") if name.strip()))
    if not hubs and not options.dynamic_task_hubs:
        raise UsageError("--task-hubs names no task hub. Name one, or allow any with --dynamic-task-hubs.")
    scheduler = dataclasses.replace(_scheduler_options(options), hubs=hubs, dynamic_hubs=options.dynamic_task_hubs)
    run_scheduler(
        ServiceOptions(
            scheduler=scheduler,
            address=options.address,
            grpc_port=options.grpc_port,
            http_port=options.http_port,
            dashboard_port=options.dashboard_port,
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
            test_control=options.test_control,
        )
    )


def _serve(options: argparse.Namespace) -> None:
    app_dir = Path(options.app).resolve()
    with resting_collector():
        from durable_harness.stack.serving import ServeOptions, serve  # noqa: PLC0415 - other commands do not pay for it

    serve(
        ServeOptions(
            app_dir=app_dir,
            port=options.port,
            address=options.address,
            cors=options.cors,
            cors_credentials=options.cors_credentials,
            functions=_names(options.functions),
            enable_auth=options.enable_auth,
            https=options.https,
            certificate=options.cert,
            password=options.password,
            scheduler=options.scheduler,
            embedded=_scheduler_options(options),
            log_level=options.log_level,
            verbose=options.verbose,
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
            always_replay=options.always_replay,
            test_control=options.test_control,
        )
    )


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return function names given separated by spaces, or by commas as people do."""
    if given is None:
        return None
    return tuple(name for part in given for name in part.split(",") if name)
