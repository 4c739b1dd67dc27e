"""The site: which page a request is for, who may request it, and what every answer carries."""

from __future__ import annotations

import dataclasses
import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDict

from durable_harness.dashboard.act_results import Results
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, hub_parts, hub_url, parts_of
from durable_harness.dashboard.pages import ROUTES, TABS
from durable_harness.dashboard.pages.trace import trace_of
from durable_harness.dashboard.refusal_status import is_gone, status_of
from durable_harness.dashboard.rendering import Renderer
from durable_harness.dashboard.source import DashboardOptions, DashboardSource
from durable_harness.dashboard.visit import LIVE_HEADER, PageError, Visit
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError

logger: logging.Logger = own_logger("durable_harness.dashboard")

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Without a referrer browsers would send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FORM_TYPE = "application/x-www-form-urlencoded"
REFRESH_S = 3
NO_PAGE = "There is no such page."
OLD_PAGE = "This page is from before the dashboard was started again. Go back, reload the page and repeat the act."
BROKEN = "The dashboard failed to make this page. The log of its process says why."
READ_ONLY = "This dashboard is read-only: it was started with --read-only."


class Site:
    """Answers every request for a page or an asset."""

    def __init__(self, source: DashboardSource, options: DashboardOptions) -> None:
        self._source = source
        self._options = options
        self._renderer = Renderer()
        self._renderer.add_globals(tabs=TABS, scheduler_at=source.described)
        self._results = Results()
        self._token = secrets.token_urlsafe(32)
        """What an act must bring: only pages of this process have it."""

    def warm(self) -> None:
        """Compile the templates. Called in a thread."""
        self._renderer.warm()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._guarded(request)
        answer.headers.update(HEADERS)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    async def trace(self, hub: str, instance_id: str) -> str | None:
        """Return the page of an instance that needs nothing else, None if there is no such instance."""
        scheduler = self._source.hubs()[hub]
        options = dataclasses.replace(self._options, is_read_only=True)
        visit = Visit(self._source, options, self._renderer, self._token, hub, scheduler, "")
        try:
            return await trace_of(visit, instance_id)
        except PageError:
            return None

    async def _guarded(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except (PageError, RpcError) as error:
            if is_gone(error):
                return self._gone(request, error)
            return self._failure(request, status_of(error), str(error))
        except web.HTTPException as error:
            return self._failure(request, error.status, error.reason)
        except Exception:
            logger.exception("The dashboard cannot show %s.", request.rel_url.raw_path)
            return self._failure(request, 500, BROKEN)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = parts_of(request.rel_url.raw_path)
        named = hub_parts(parts)
        if named is not None:
            return await self._of_hub(request, *named)
        if request.method not in {"GET", "HEAD"}:
            raise PageError(405, "There is nothing to be changed here.")
        if len(parts) == 3 and parts[0] == "assets":  # noqa: PLR2004 - assets, version, name
            return self._asset(parts[2])
        return self._home(request, parts)

    def _asset(self, name: str) -> web.Response:
        text, content_type = self._renderer.assets.get(name, ("", ""))
        if not content_type:
            raise PageError(404, NO_PAGE)
        forever = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(text=text, content_type=content_type, headers=forever)

    def _home(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        """Answer with the hubs; if there is only one, with its orchestrations."""
        hubs = list(self._source.hubs())
        if parts not in ([], ["taskhubs"]):
            raise PageError(404, NO_PAGE)
        if len(hubs) == 1 and not parts:
            return web.Response(status=302, headers={"Location": hub_url(hubs[0], ORCHESTRATIONS)})
        values = self._values(request)
        return web.Response(text=self._renderer.page("hubs.html", values), content_type="text/html")

    async def _of_hub(self, request: web.BaseRequest, hub: str, parts: list[str]) -> web.StreamResponse:
        scheduler = self._source.hubs().get(hub)
        if scheduler is None:
            raise PageError(
                404, f"There is no task hub '{hub}'. There are: {', '.join(self._source.hubs()) or 'none'}."
            )
        route, arguments = _found(request.method, parts or [ORCHESTRATIONS])
        form = await self._form(request) if route.method == "POST" else MultiDict[str]()
        visit = Visit(
            *(self._source, self._options, self._renderer, self._token, hub, scheduler, route.tab, arguments),
            query=request.rel_url.query,
            form=form,
            wants_live_part=LIVE_HEADER in request.headers,
            results=self._results,
            known_tag=request.headers.get("If-None-Match", ""),
        )
        return await route.handler(visit)

    async def _form(self, request: web.BaseRequest) -> MultiDict[str]:
        """Return the form of an act that may be done. Where it came from was checked before, by its origin."""
        if self._options.is_read_only:
            raise PageError(403, READ_ONLY)
        if request.content_type != FORM_TYPE:
            raise PageError(415, f"An act is a form: {FORM_TYPE}.")
        try:
            form = MultiDict((name, str(value)) for name, value in (await request.post()).items())
        except ValueError as error:
            raise PageError(400, f"The form cannot be read: {error}.") from error
        if not hmac.compare_digest(form.get("token", "").encode("utf-8", "replace"), self._token.encode()):
            raise PageError(403, OLD_PAGE)
        return form

    def _gone(self, request: web.BaseRequest, error: PageError | RpcError) -> web.Response:
        """Answer that the scheduler does not answer. The browser requests a page again until it is available."""
        is_page = request.method in {"GET", "HEAD"}
        values = self._values(request, message=str(error), is_page=is_page)
        text = self._renderer.page("gone.html", values)
        headers = {"Refresh": str(REFRESH_S)} if is_page else {}
        return web.Response(text=text, status=status_of(error), headers=headers, content_type="text/html")

    def _failure(self, request: web.BaseRequest, status: int, message: str) -> web.Response:
        values = self._values(request, status=status, message=message)
        return web.Response(text=self._renderer.page("error.html", values), status=status, content_type="text/html")

    def _values(self, request: web.BaseRequest, **values: Any) -> dict[str, Any]:
        """Return the values of a page that has nothing of a hub but the way to its pages."""
        hubs = list(self._source.hubs())
        named = hub_parts(parts_of(request.rel_url.raw_path))
        hub = named[0] if named is not None and named[0] in hubs else None
        nothing = {"hub": hub, "hubs": hubs, "tab": "", "token": "", "read_only": self._options.is_read_only}
        return {**nothing, "problem": self._source.problem(), **values}


def _found(method: str, parts: list[str]) -> tuple[PageRoute, Mapping[str, str]]:
    """Return the route of a request. HEAD is answered as GET is; aiohttp leaves the body out."""
    wanted = "GET" if method == "HEAD" else method
    matching = [(route, named) for route in ROUTES if (named := route.match(parts)) is not None]
    for route, named in matching:
        if route.method == wanted:
            return route, named
    raise PageError(405, f"{method} is not for this page.") if matching else PageError(404, NO_PAGE)
