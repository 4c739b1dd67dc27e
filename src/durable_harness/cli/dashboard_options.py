"""Options of the dashboard, of each command that has one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from durable_harness.cli.parsed_values import port

if TYPE_CHECKING:
    from durable_harness.dashboard import DashboardOptions
    from durable_harness.stack.dashboards import DashboardPort

ANY = "any"
NO_PORTS = frozenset({"0", "none"})


def add_dashboard_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the dashboard: its port, who may open it, whether it may change anything."""
    group = parser.add_argument_group("dashboard")
    group.add_argument(
        "--dashboard-port",
        type=_port_word,
        metavar="PORT",
        help="port of the dashboard, any for any free one, 0 for no dashboard (default: 8082, or the next free one)",
    )
    add_access_options(group)


def add_access_options(group: Any) -> None:
    """Add the options about who may open the dashboard and whether it may change anything."""
    group.add_argument(
        "--allowed-hosts",
        default="",
        metavar="NAMES",
        help="names by which browsers may call the dashboard, beside localhost, addresses and names of this network",
    )
    group.add_argument("--read-only", action="store_true", help="let the dashboard show everything and change nothing")


def dashboard_port(options: argparse.Namespace) -> DashboardPort | None:
    """Return where the dashboard listens, None if there is to be none.

    It checks no key, so if keys are checked it is off by default.
    """
    from durable_harness.stack.dashboards import ANY_PORT, USUAL_PORT, DashboardPort  # noqa: PLC0415 - for services

    word: str | None = options.dashboard_port
    if word is None:
        return None if getattr(options, "enable_auth", False) else USUAL_PORT
    if word in NO_PORTS:
        return None
    return ANY_PORT if word == ANY else DashboardPort(int(word))


def dashboard_options(options: argparse.Namespace) -> DashboardOptions:
    """Return the options of the dashboard itself."""
    from durable_harness.dashboard import DashboardOptions  # noqa: PLC0415 - same

    names = (name.strip().lower() for name in options.allowed_hosts.split(","))
    return DashboardOptions(is_read_only=options.read_only, allowed_hosts=tuple(filter(None, names)))


def _port_word(text: str) -> str:
    """Check a port, for argparse."""
    word = text.strip().lower()
    if word in NO_PORTS or word == ANY:
        return word
    return str(port(word))
