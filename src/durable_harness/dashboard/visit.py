"""One request to a page, with all that a handler needs to answer it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import MultiDict, MultiMapping

from durable_harness.dashboard.act_results import Results
from durable_harness.dashboard.page_urls import hub_url
from durable_harness.protocol import Scheduler

if TYPE_CHECKING:
    from durable_harness.dashboard.rendering import Renderer
    from durable_harness.dashboard.source import DashboardOptions, DashboardSource

LIVE_HEADER = "X-Live"
"""Sent by the script of a page that asks for its live part only."""


class PageError(Exception):
    """Raised by a handler that has no page to show: `status` is that of HTTP, the message is for a person."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Visit:
    """A request to a page of a hub."""

    source: DashboardSource
    options: DashboardOptions
    renderer: Renderer
    token: str
    hub: str
    scheduler: Scheduler
    tab: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The named parts of the address."""
    query: MultiMapping[str] = field(default_factory=MultiDict)
    form: MultiMapping[str] = field(default_factory=MultiDict)
    wants_live_part: bool = False
    results: Results = field(default_factory=Results)
    """What came of acts that have a page of their own."""
    known_tag: str = ""
    """The ETag of the live part that the page has."""

    def url(self, *parts: str, query: Any = ()) -> str:
        """Return the address of a page of this hub."""
        return hub_url(self.hub, *parts, query=query)

    def page(self, template: str, status: int = 200, **values: Any) -> web.Response:
        """Return a page, or its live part where that is asked for: 304 if the page has it already."""
        values |= {
            "hub": self.hub,
            "hubs": list(self.source.hubs()),
            "tab": self.tab,
            "token": self.token,
            "read_only": self.options.is_read_only,
            "problem": self.source.problem(),
        }
        if not self.wants_live_part:
            return web.Response(text=self.renderer.page(template, values), status=status, content_type="text/html")
        text = self.renderer.live_part(template, values)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        if tag == self.known_tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(text=text, status=status, content_type="text/html", headers={"ETag": tag})

    def redirect(self, url: str) -> web.Response:
        """Send the browser to a page after an act, so that a reload does not repeat it."""
        return web.Response(status=303, headers={"Location": url})

    def field(self, name: str) -> str:
        """Return a field of the form without space around it; "" where it has none."""
        return self.form.get(name, "").strip()
