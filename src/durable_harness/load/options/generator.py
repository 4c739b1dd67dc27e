"""The options of the load generator itself: its connections, and what it may be late in a run that counts."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, fields
from typing import Any

from durable_harness.load.watch import Bounds
from durable_harness.platforms.limits import allow_open_files

DEFAULT_CONNECTIONS = 1000
OTHER_DESCRIPTORS = 200
"""Files and sockets that a Locust process has open besides."""

BOUND_HELPS = {
    "max_slip_ms": "Milliseconds that starts, polls and the event loop may be late at p99.",
    "max_stall_ms": "Milliseconds that the generator's event loop may stand still.",
    "max_pool_wait_ms": "Milliseconds that requests may wait for a free connection at p99.",
    "max_cpu_percent": "Percent of a core above which a second counts as saturated; a tenth of the seconds may be.",
    "max_clock_step_ms": "Milliseconds by which the wall clock may be set during the run.",
}


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """How the generator sends, and when its run is invalid."""

    connections: int = DEFAULT_CONNECTIONS
    """To one origin, at most, in each process."""
    insecure: bool = False
    """Accept any certificate. Those of this machine are accepted in any case."""
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def read(cls, parsed: Any) -> GeneratorOptions:
        """Type Locust's parsed options; raise ArgumentTypeError for a value that no run can use."""
        return cls(
            connections=_with_descriptors(connection_count(parsed.connections)),
            insecure=bool(parsed.insecure),
            bounds=Bounds(**{name: _bound(getattr(parsed, name)) for name in BOUND_HELPS}),
        )


def add_generator_options(parser: Any) -> None:
    """Add them to Locust's parser."""
    parser.add_argument(
        "--connections",
        type=connection_count,
        metavar="<count>",
        env_var="DURABLE_HARNESS_CONNECTIONS",
        default=DEFAULT_CONNECTIONS,
        help="Connections that each process may have open. Defaults to 1000.",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        env_var="DURABLE_HARNESS_INSECURE",
        default=False,
        help="Accept any TLS certificate. Those of this machine are accepted in any case.",
    )
    for bound in fields(Bounds):
        option = "--" + bound.name.replace("_", "-")
        parser.add_argument(
            option,
            type=_bound,
            metavar="<number>",
            env_var="DURABLE_HARNESS_" + bound.name.upper(),
            default=bound.default,
            help=f"{BOUND_HELPS[bound.name]} Beyond that the run is invalid. Defaults to {bound.default:g}.",
        )


def connection_count(value: str | float) -> int:
    """Read a number of connections, or raise ArgumentTypeError."""
    try:
        count = int(value)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"got '{value}', expected a number of connections, 1 or more")
    return count


def allow_connections(wanted: int) -> int:
    """Let this process open so many connections, or as many as the system allows; return how many it may open now.

    With a limit of open files that leaves room for none it is 0 or less.
    """
    return allow_open_files(wanted + OTHER_DESCRIPTORS) - OTHER_DESCRIPTORS


def _with_descriptors(connections: int) -> int:
    """Return the number if this process may open so many connections; raise ArgumentTypeError if the system forbids."""
    allowed = allow_connections(connections)
    if allowed < connections:
        raise argparse.ArgumentTypeError(
            f"--connections: got '{connections}', but a process may have {allowed + OTHER_DESCRIPTORS:,} open files "
            f"here: lower it to {max(1, allowed):,}, or raise the limit (ulimit -Hn)"
        )
    return connections


def _bound(value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"got '{value}', expected a number, 0 or more (inf for no bound)")
    return number
