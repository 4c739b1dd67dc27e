"""The dashboard's port: found, listened on, and served for as long as a service runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from durable_harness.dashboard import Dashboard, DashboardOptions, DashboardSource
from durable_harness.errors import PortInUseError
from durable_harness.logs.own_loggers import own_logger
from durable_harness.network.web_servers import bind, serve_http

logger = own_logger("durable_harness.dashboard")

DEFAULT_PORT = 8082
OPTION = "--dashboard-port"
NEXT_PORTS = 100
"""How many ports behind the default one are tried."""
WARM_AFTER_S = 1.0
"""How long after the start: by then a service is ready, and has mostly taken up what it was started for."""
BODY_LIMIT_BYTES = 64 * 1024 * 1024
"""A form with an input of the largest size that the service takes, each byte of it as `%XX`, is far below that."""


@dataclass(frozen=True)
class DashboardPort:
    """A port to listen on; 0 for any free one. `or_next`: where it is taken, the next one that is free."""

    number: int
    or_next: bool = False


ANY_PORT = DashboardPort(0)
USUAL_PORT = DashboardPort(DEFAULT_PORT, or_next=True)


@dataclass(frozen=True)
class BoundDashboard:
    """Where a dashboard listens."""

    sockets: list[socket.socket]
    address: str

    @property
    def url(self) -> str:
        is_any = self.address in {"0.0.0.0", "::"}  # noqa: S104 - asked for by the person at the terminal
        host = "localhost" if is_any else f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.sockets[0].getsockname()[1]}"


def bind_dashboard(address: str, port: DashboardPort | None, option: str = OPTION) -> BoundDashboard | None:
    """Listen on a port, None for no dashboard. Raises PortInUseError where a port that was asked for is taken."""
    if port is None:
        return None
    tried = range(port.number, port.number + NEXT_PORTS) if port.or_next else [port.number]
    for number in tried:
        try:
            return BoundDashboard(bind(address, number, option), address)
        except PortInUseError as error:
            problem = error
    if option != OPTION:
        raise problem
    raise PortInUseError(str(problem).replace("0 for any free one", "0 for none")) from problem


@contextlib.asynccontextmanager
async def served_dashboard(
    bound: BoundDashboard | None, source: DashboardSource, options: DashboardOptions
) -> AsyncIterator[None]:
    """Serve a dashboard until the block ends; nothing where it has no place to listen."""
    if bound is None:
        yield
        return
    dashboard = Dashboard(source, options)
    runner = await serve_http(bound.sockets, dashboard.handle, BODY_LIMIT_BYTES)
    warming = asyncio.create_task(_warm_later(dashboard))
    try:
        yield
    finally:
        warming.cancel()
        await runner.cleanup()


async def _warm_later(dashboard: Dashboard) -> None:
    """Get a dashboard ready for its first page once the service is."""
    await asyncio.sleep(WARM_AFTER_S)
    try:
        await dashboard.warm()
    except Exception:
        logger.exception("The dashboard could not be prepared; its first page tries again.")
