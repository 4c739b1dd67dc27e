"""What a test may call so that outside services are answered for: the host's side of `durable_http`."""

from __future__ import annotations

from typing import Any

from durable_harness.control import Call
from durable_harness.host.outside import CaughtConnections
from durable_harness.host.outside.caught_routes import CaughtRoute, places


def outside_calls(caught: CaughtConnections | None) -> dict[str, Call]:
    """Return the call that leads the app's connections; nothing where they are not caught."""
    if caught is None:
        return {}

    async def lead(
        ports: list[int] | None = None,
        answered: list[dict[str, Any]] | None = None,
        passing: list[dict[str, Any]] | None = None,
        authority: str | None = None,
    ) -> None:
        """Lead connections to these two ports, for HTTP and for HTTPS, or none any longer."""
        if ports is None:
            caught.lead(None, None)
            return
        plain, tls = ports
        caught.lead(CaughtRoute(plain, tls, tuple(places(answered or [])), tuple(places(passing or []))), authority)

    return {"outside/lead": lead}
