"""The command `dashboard`: the pages of a scheduler elsewhere."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from durable_harness.cli.app_folder import add_app_option, app_folder
from durable_harness.cli.dashboard_options import (
    ANY,
    add_access_options,
    dashboard_options,
)
from durable_harness.cli.parsed_values import port
from durable_harness.cli.scheduler_options import add_service_options
from durable_harness.cli.serve import SCHEDULER_VARIABLE
from durable_harness.errors import UsageError
from durable_harness.terminal.help import add_command

if TYPE_CHECKING:
    from durable_harness.settings import SchedulerAddress

SETTINGS, EMBEDDED = "settings", "embedded"
DEFAULT_HUB = "default"


def add_dashboard(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    parser = add_command(
        commands,
        "dashboard",
        "show the dashboard of a scheduler elsewhere: the emulator, or one in Azure",
        'durable-harness dashboard --scheduler "Endpoint=http://localhost:8080;Authentication=None"',
    )
    parser.add_argument(
        "--scheduler",
        default=os.environ.get(SCHEDULER_VARIABLE),
        metavar="WHICH",
        help=f"a connection string, or settings (the app's own; default: {SCHEDULER_VARIABLE})",
    )
    add_app_option(parser, "--app-dir", use=", for --scheduler settings")
    parser.add_argument(
        "--task-hubs",
        default="",
        metavar="NAMES",
        help="task hubs to show, separated by commas (default: the connection string's, the app's, else default)",
    )
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "-p",
        "--port",
        type=_port_word,
        metavar="PORT",
        help="port to listen on, any or 0 for any free one (default: 8082, or the next free one)",
    )
    add_access_options(parser)
    add_service_options(parser)
    parser.set_defaults(run=_dashboard, is_service=True)


def _dashboard(options: argparse.Namespace) -> None:
    address, hub = _scheduler(options)
    from durable_harness.stack.dashboards import USUAL_PORT, DashboardPort  # noqa: PLC0415 - other commands do not pay
    from durable_harness.stack.remote_dashboard import RemoteDashboardOptions, run_dashboard  # noqa: PLC0415 - same

    named = tuple(dict.fromkeys(name.strip() for name in options.task_hubs.split(",") if name.strip()))
    run_dashboard(
        RemoteDashboardOptions(
            scheduler=address,
            hubs=named or (hub,),
            address=options.address,
            port=USUAL_PORT if options.port is None else DashboardPort(options.port),
            dashboard=dashboard_options(options),
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
        )
    )


def _scheduler(options: argparse.Namespace) -> tuple[SchedulerAddress, str]:
    """Return the scheduler that is meant, and the task hub that goes with it. A connection string needs no app."""
    from durable_harness.settings import load_app_settings  # noqa: PLC0415 - other commands do not pay for it
    from durable_harness.settings.connection_string import parse_connection_string  # noqa: PLC0415 - same

    if not options.scheduler or options.scheduler == EMBEDDED:
        raise UsageError(
            "--scheduler names no scheduler elsewhere: give a connection string, such as"
            ' "Endpoint=http://localhost:8080;Authentication=None", or settings for the app\'s own.'
            " The embedded one has a dashboard of its own, with `durable-harness serve`."
        )
    if options.scheduler != SETTINGS:
        address = parse_connection_string(options.scheduler, where="--scheduler", key="")
        return address, address.task_hub or DEFAULT_HUB
    settings = load_app_settings(app_folder(options).resolve())
    address = settings.scheduler_at(SETTINGS)
    return address, address.task_hub or settings.host.durable_task.hub_name


def _port_word(text: str) -> int:
    """Read a port, for argparse."""
    return 0 if text.strip().lower() == ANY else port(text)
