"""The endpoint by which tests reach into a process: calls by name on the loopback address, for who has the secret."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from durable_harness.key_names import CONTROL_KEY_HEADER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.network.callers import programs_only
from durable_harness.network.web_servers import bind_one, serve_http

logger = own_logger("durable_harness.control")

ADDRESS = "127.0.0.1"

Call = Callable[..., Awaitable[object]]  # type: ignore[explicit-any]  # each has parameters of its own
"""Takes the members of the request's JSON object by name, returns a JSON value; ValueError has what is wrong."""


class ControlEndpoint:
    """Answers `POST /NAME` with what the call of that name returns."""

    def __init__(self, calls: Mapping[str, Call]) -> None:
        self._calls = dict(calls)
        self._key = secrets.token_urlsafe(32)
        self._runner: web.ServerRunner | None = None

    async def start(self) -> dict[str, object]:
        """Listen on a free port; return the facts that a test needs: url, key and the names of the calls."""
        listening = bind_one(ADDRESS, 0)
        self._runner = await serve_http([listening], programs_only(self._handle))
        url = f"http://{ADDRESS}:{listening.getsockname()[1]}"
        return {"url": url, "key": self._key, "calls": sorted(self._calls)}

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get(CONTROL_KEY_HEADER, "").encode(), self._key.encode()):
            return web.Response(
                status=401, text=f"The header {CONTROL_KEY_HEADER} must carry the secret of this process."
            )
        call = self._calls.get(request.path.strip("/"))
        if call is None or request.method != "POST":
            return web.Response(status=404, text=f"There is POST of: {', '.join(sorted(self._calls))}")
        try:
            given = json.loads(await request.read() or b"{}")
            return web.json_response(await call(**given))
        except (TypeError, ValueError) as error:
            return web.Response(status=400, text=str(error))
        except Exception as error:
            logger.exception("The control call %s failed", request.path)
            return web.Response(status=500, text=f"{type(error).__name__}: {error}")
