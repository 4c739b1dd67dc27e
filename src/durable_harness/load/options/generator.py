"""The options of the load generator itself: its connections, and what it may be late in a run that counts."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, fields

from durable_harness.load.options.declared_option import DeclaredOption, declared, read_fields, switch
from durable_harness.load.watch import Bounds
from durable_harness.platforms.open_file_limit import allow_open_files

DEFAULT_CONNECTIONS = 1000
OTHER_DESCRIPTORS = 200
"""Room for the files and the other sockets of a Locust process."""

BOUND_MEANINGS = {
    "max_slip_ms": "milliseconds that starts, polls and the event loop may be late at p99",
    "max_stall_ms": "milliseconds that the generator's event loop may stand still",
    "max_pool_wait_ms": "milliseconds that requests may wait for a free connection at p99",
    "max_cpu_percent": "percent of a core above which a second counts as saturated; a tenth of the seconds may be",
    "max_clock_step_ms": "milliseconds by which the wall clock may be set during the run",
}


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
    """Raise the open-file limit to allow `wanted` connections, and return how many are possible now.

    Those are fewer if the hard limit is lower, and 0 or less if it leaves no room.
    """
    return allow_open_files(wanted + OTHER_DESCRIPTORS) - OTHER_DESCRIPTORS


def allowed_connections(value: str | float) -> int:
    """Read a number of connections that this process can open; raise ArgumentTypeError if the system forbids it."""
    connections = connection_count(value)
    allowed = allow_connections(connections)
    if allowed < connections:
        raise argparse.ArgumentTypeError(
            f"got '{connections}', but a process may have {allowed + OTHER_DESCRIPTORS:,} open files "
            f"here: lower it to {max(1, allowed):,}, or raise the limit (ulimit -Hn)"
        )
    return connections


def read_bound(value: str | float) -> float:
    """Read a bound: a number, 0 or more, or infinity."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"got '{value}', expected a number, 0 or more (inf for no bound)")
    return number


CONNECTIONS = DeclaredOption(
    "--connections",
    allowed_connections,
    DEFAULT_CONNECTIONS,
    "connections that each process may have open",
    "COUNT",
    check=connection_count,
)
BOUNDS = {
    bound.name: DeclaredOption(
        "--" + bound.name.replace("_", "-"),
        read_bound,
        getattr(Bounds(), bound.name),
        f"{BOUND_MEANINGS[bound.name]}. Beyond that the run is invalid",
        "NUMBER",
    )
    for bound in fields(Bounds)
}


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """How the generator sends, and when its run is invalid."""

    connections: int = declared(CONNECTIONS)
    """To one origin, at most, in each process."""
    insecure: bool = declared(
        switch("--insecure", "accept any TLS certificate; those of this machine are accepted in any case")
    )
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def read(cls, parsed: argparse.Namespace) -> GeneratorOptions:
        """Return the typed options; raise ArgumentTypeError for a value that no run can use."""
        return cls(
            **read_fields(cls, parsed),
            bounds=Bounds(**{name: option.of(parsed) for name, option in BOUNDS.items()}),
        )
