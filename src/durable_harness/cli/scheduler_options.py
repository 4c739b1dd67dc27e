"""Options of the scheduler, embedded or on its own, and those of everything that serves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from durable_harness.cli.parsed_values import seconds, whole

if TYPE_CHECKING:
    from durable_harness.scheduler import SchedulerOptions


def add_scheduler_options(parser: argparse.ArgumentParser) -> None:
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
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="give work to another worker after this long, 0 for never (default: 3600)",
    )
    group.add_argument(
        "--max-payload-bytes",
        type=whole,
        default=1_048_576,
        metavar="N",
        help="largest input, output, event or state, 0 for 500,000,000 (default: 1048576, as in Azure)",
    )


def add_lifetime_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that run a scheduler or a host until they are ended."""
    add_service_options(parser)
    parser.add_argument(
        "--test-control",
        action="store_true",
        help="let tests move the clock and inject faults: a local endpoint, its secret in the ready file",
    )


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that serve until they are ended."""
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="write URLs and pid here, as JSON, when ready")
    parser.add_argument("--exit-with-parent", type=int, metavar="PID", help="stop when this parent process is gone")


def scheduler_options(options: argparse.Namespace) -> SchedulerOptions:
    """Return the options of the scheduler."""
    from durable_harness.scheduler import SchedulerOptions  # noqa: PLC0415 - other commands do not pay for it

    return SchedulerOptions(
        data=options.data,
        durability=options.durability,
        skip_time=options.time == "skip",
        lease_timeout_s=options.lease_timeout,
        max_payload_bytes=options.max_payload_bytes,
    )
