"""The command `serve`: its options, and the host that they describe."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from durable_harness.cli.app_folder import add_app_option, app_folder
from durable_harness.cli.dashboard_options import add_dashboard_options, dashboard_options, dashboard_port
from durable_harness.cli.parsed_values import port
from durable_harness.cli.scheduler_options import add_lifetime_options, add_scheduler_options, scheduler_options
from durable_harness.cli.twice_options import add_twice_options, twice_options
from durable_harness.collection import resting_collector
from durable_harness.errors import UsageError
from durable_harness.extras import require
from durable_harness.logs.lines import FORMATS, TEXT
from durable_harness.terminal.help import add_command

DEBUGGER_PORT = 5678
"""That of debugpy, and of the configurations that editors write."""
SCHEDULER_VARIABLE = "DURABLE_HARNESS_SCHEDULER"


def add_serve(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the parsers of `durable-harness`, and return its own."""
    serve: argparse.ArgumentParser = add_command(
        commands,
        "serve",
        "run a Durable Functions app on this machine, with its scheduler",
        "durable-harness serve path/to/your/app",
        "durable-harness serve --data hub.db --reload",
    )
    serve.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder of the function app")
    add_host_options(serve)
    _add_own_options(serve)
    _add_reload_options(serve)
    _add_debug_options(serve)
    add_scheduler_options(serve)
    add_dashboard_options(serve)
    add_lifetime_options(serve)
    serve.add_argument(
        "--catch-http",
        action="store_true",
        help="with --test-control: let tests answer the app's requests to outside services",
    )
    serve.set_defaults(run=_serve, is_service=True)
    return serve


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """Options that `func start` has too, with its names."""
    add_app_option(parser, "--app-dir", "--script-root", "--prefix")
    parser.add_argument("-p", "--port", type=port, help="port to listen on, 0 for any free one (default: 7071)")
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
    add_twice_options(parser)
    parser.add_argument(
        "--log-format",
        choices=FORMATS,
        default=TEXT,
        help="text for people (default), or json: one object a line for each entry of the log and each message of the"
        " start; what the app itself prints stays as it is",
    )
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", choices=levels, help="least level of log lines (default: host.json's logging.logLevel, or info)"
    )


def _add_reload_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("reload")
    group.add_argument(
        "--reload",
        action=argparse.BooleanOptionalAction,
        help="start the app again when one of its files changes; instances are kept (default: off)",
    )
    group.add_argument(
        "--reload-dir",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="watch this folder beside the app's; may be repeated",
    )
    group.add_argument(
        "--reload-include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files that count beside *.py, host.json, local.settings.json and function.json, such as '*.md'",
    )


def _add_debug_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("debugger")
    group.add_argument(
        "--debug",
        dest="debugger_port",
        nargs="?",
        type=port,
        const=DEBUGGER_PORT,
        metavar="PORT",
        help="let a debugger (debugpy) attach at this port of 127.0.0.1, 0 for any free one (without a number: 5678)",
    )
    group.add_argument("--debug-wait", action="store_true", help="with --debug: load the app when one has attached")


def _serve(options: argparse.Namespace) -> int:
    if options.reload:
        return _serve_reloading(options)
    if options.reload is None and (options.reload_dir or options.reload_include):
        raise UsageError("--reload-dir and --reload-include are for --reload: add it.")
    _serve_here(options)
    return 0


def _serve_reloading(options: argparse.Namespace) -> int:
    require("reload", "--reload")
    from durable_harness.stack.reloading import ReloadOptions, serve_reloading  # noqa: PLC0415 - same

    app_dir = app_folder(options).resolve()
    if options.test_control:
        raise UsageError("--reload: a host that tests control is started by them alone. Leave out one of the two.")
    for folder in options.reload_dir:
        if not folder.is_dir():
            raise UsageError(f"--reload-dir: got '{folder}', expected a folder to watch")
    return serve_reloading(
        ReloadOptions(
            arguments=options.arguments,
            app_dir=app_dir,
            folders=[folder.resolve() for folder in options.reload_dir],
            patterns=options.reload_include,
            keeps_instances=options.data is not None or options.scheduler != "embedded",
            log_format=options.log_format,
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
        )
    )


def _serve_here(options: argparse.Namespace) -> None:
    if options.catch_http and not options.test_control:
        raise UsageError("--catch-http is for tests, which reach the host by --test-control: add it.")
    app_dir = app_folder(options).resolve()
    _listen_for_debugger(options)
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
            embedded=scheduler_options(options),
            log_format=options.log_format,
            log_level=options.log_level,
            verbose=options.verbose,
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
            always_replay=options.always_replay,
            twice=twice_options(options),
            dashboard_port=dashboard_port(options),
            dashboard=dashboard_options(options),
            test_control=options.test_control,
            catch_http=options.catch_http,
        )
    )


def _listen_for_debugger(options: argparse.Namespace) -> None:
    """Listen before anything else is imported: the debugger is to see all threads from their beginning."""
    if options.debugger_port is None:
        if options.debug_wait:
            raise UsageError("--debug-wait is for --debug: add it.")
        return
    from durable_harness.stack.debugger import DebuggerPort, listen_for_debugger  # noqa: PLC0415 - same

    is_reloaded = options.reload is False  # what `--reload` runs says so, and nothing else does
    wanted = DebuggerPort(options.debugger_port, options.debug_wait, is_handed_on=is_reloaded)
    listen_for_debugger(wanted, options.log_format)


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return function names given separated by spaces, or by commas as people do."""
    if given is None:
        return None
    return tuple(name for part in given for name in part.split(",") if name)
