"""The command `scheduler`: the embedded scheduler on its own, as the emulator is started."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from durable_harness.cli.dashboard_options import add_dashboard_options, dashboard_options, dashboard_port
from durable_harness.cli.parsed_values import port
from durable_harness.cli.scheduler_options import add_lifetime_options, add_scheduler_options, scheduler_options
from durable_harness.errors import UsageError
from durable_harness.settings.task_hubs import DEFAULT_HUB, DYNAMIC_HUBS_VARIABLE, HUBS_VARIABLE
from durable_harness.terminal.help import add_command


def add_scheduler(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    parser = add_command(
        commands,
        "scheduler",
        "run the embedded Durable Task Scheduler, as the DTS emulator does",
        "durable-harness scheduler --data hub.db",
    )
    _add_service_options(parser)
    add_scheduler_options(parser)
    add_dashboard_options(parser)
    add_lifetime_options(parser)
    parser.set_defaults(run=_scheduler, is_service=True)


def _add_service_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    for name, default, what in (
        ("grpc", 8080, "gRPC"),
        ("http", 8081, "the HTTP API"),
    ):
        parser.add_argument(
            f"--{name}-port",
            type=port,
            default=default,
            help=f"port of {what}, 0 for any free one (default: {default})",
        )
    parser.add_argument(
        "--task-hubs",
        default=os.environ.get(HUBS_VARIABLE) or None,
        metavar="NAMES",
        help=f"task hubs, separated by commas (default: {HUBS_VARIABLE}, else default and those that --data has)",
    )
    parser.add_argument(
        "--dynamic-task-hubs",
        action="store_true",
        default=os.environ.get(DYNAMIC_HUBS_VARIABLE, "").strip().lower() == "true",
        help=f"make any other task hub on its first use (default: {DYNAMIC_HUBS_VARIABLE})",
    )


def _scheduler(options: argparse.Namespace) -> None:
    from durable_harness.stack.scheduler_service import ServiceOptions, run_scheduler  # noqa: PLC0415

    named = DEFAULT_HUB if options.task_hubs is None else options.task_hubs
    hubs = tuple(dict.fromkeys(name.strip() for name in named.split(",") if name.strip()))
    if not hubs and not options.dynamic_task_hubs:
        raise UsageError("--task-hubs names no task hub. Name one, or allow any with --dynamic-task-hubs.")
    scheduler = dataclasses.replace(
        scheduler_options(options),
        hubs=hubs,
        dynamic_hubs=options.dynamic_task_hubs,
        stored_hubs=options.task_hubs is None,
    )
    run_scheduler(
        ServiceOptions(
            scheduler=scheduler,
            address=options.address,
            grpc_port=options.grpc_port,
            http_port=options.http_port,
            dashboard_port=dashboard_port(options),
            dashboard=dashboard_options(options),
            ready_file=options.ready_file,
            parent_pid=options.exit_with_parent,
            test_control=options.test_control,
        )
    )
