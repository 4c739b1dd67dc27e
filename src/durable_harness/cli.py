"""The command line: `durable-harness serve`, and `durable-harness func start` with Core Tools' own arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from durable_harness.errors import HarnessError, UsageError

SCHEDULER_VARIABLE = "DURABLE_HARNESS_SCHEDULER"
EXIT_CODES = """exit codes:
  0 done   1 a gate failed   2 usage or configuration   3 invalid load run
  4 system under test or scheduler unreachable   5 the app does not load   6 port in use"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the errors of this house are printed as they are."""
    try:
        options = _parser().parse_args(list(sys.argv[1:] if arguments is None else arguments))
        options.run(options)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


class _Parser(argparse.ArgumentParser):
    """argparse, but its complaints end like every other error here."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n  See: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="durable-harness", epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run a Durable Functions app on this machine, scheduler included")
    _add_host_options(serve)
    _add_own_options(serve)
    serve.set_defaults(run=_serve)
    func = commands.add_parser("func", help="Core Tools' spelling: durable-harness func start …")
    verbs = func.add_subparsers(required=True, metavar="start")
    start = verbs.add_parser("start", help="the same host, with the arguments of `func start`")
    _add_host_options(start)
    _add_core_tools_options(start)
    start.set_defaults(run=_serve, address="127.0.0.1", log_level="info", ready_file=None, exit_with_parent=None)
    start.set_defaults(scheduler=os.environ.get(SCHEDULER_VARIABLE, "embedded"))
    return parser


def _add_host_options(parser: argparse.ArgumentParser) -> None:
    """Options that `func start` has too, with its names."""
    parser.add_argument("--script-root", "--prefix", "--app", dest="app", default=".", metavar="DIR", help="app folder")
    parser.add_argument("-p", "--port", type=_port, help="port to listen on, 0 for any free one (default: 7071)")
    parser.add_argument("--cors", help="origins allowed to call, separated by commas, or *")
    parser.add_argument("--cors-credentials", action="store_true", help="allow credentials in such calls")
    parser.add_argument("--functions", nargs="+", metavar="NAME", help="load only these functions")
    parser.add_argument("--enableAuth", "--enable-auth", dest="enable_auth", action="store_true", help="check keys")
    parser.add_argument("--verbose", action="store_true", help="log what the host does")


def _add_own_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--scheduler",
        default=os.environ.get(SCHEDULER_VARIABLE, "embedded"),
        metavar="WHICH",
        help="embedded (default), settings (the app's own connection string), or a connection string",
    )
    levels = ("debug", "info", "warning", "error")
    parser.add_argument("--log-level", default="info", choices=levels, help="least level of log lines (default: info)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="write URLs and pid here, as JSON, when ready")
    parser.add_argument("--exit-with-parent", type=int, metavar="PID", help="stop when this parent process is gone")


def _add_core_tools_options(parser: argparse.ArgumentParser) -> None:
    """The rest of what Core Tools takes. These have nothing to change here and are accepted as they are."""
    parser.add_argument("-t", "--timeout", type=int, help=argparse.SUPPRESS)
    for name in ("--language-worker", "--runtime", "--json-output-file", "--debug"):
        parser.add_argument(name, nargs="?", help=argparse.SUPPRESS)
    for name in ("--no-build", "--enable-json-output", "--dotnet-isolated-debug", "--pause-on-error"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    for name in ("--useHttps", "--cert", "--password"):
        parser.add_argument(name, nargs="?", const=True, action=_NoHttps, help=argparse.SUPPRESS)


class _NoHttps(argparse.Action):
    def __call__(self, _parser: object, _namespace: object, _values: object, option: str | None = None) -> NoReturn:
        raise UsageError(
            f"{option}: this host serves plain HTTP. Put a TLS proxy in front of it where HTTPS is needed."
        )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the range of ports
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace) -> None:
    from durable_harness.stack.serving import ServeOptions, serve  # noqa: PLC0415 - other commands do not pay for it

    serve(
        ServeOptions(
            app_dir=Path(options.app).resolve(),
            port=options.port,
            address=options.address,
            cors=options.cors,
            cors_credentials=options.cors_credentials,
            functions=_names(options.functions),
            enable_auth=options.enable_auth,
            scheduler=options.scheduler,
            log_level=options.log_level,
            verbose=options.verbose,
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
        )
    )


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return function names given separated by spaces, or by commas as people do."""
    if given is None:
        return None
    return tuple(name for part in given for name in part.split(",") if name)
