"""The routes: the page, its data, the report of the run that ended last, and the way there from Locust's own page."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import gevent
from flask import Response, request

from durable_harness.load.web.state import LiveRun, state_of
from durable_harness.platforms.clocks import monotonic
from durable_harness.web.live import LivePage, live_page

PATH = "/durable"
FRESH_S = 0.5
"""The page's data is made at most this often, however many look at it: that takes the process which makes the load
some milliseconds."""
PAUSE_S = 0.001
"""How long the operations go first while it is made."""
LINK = (
    '<a href="./durable" style="position:fixed;right:1.25rem;bottom:1.25rem;z-index:2000;padding:.55rem 1rem;'
    "border-radius:2rem;background:#2563c9;color:#fff;font:600 14px system-ui,sans-serif;text-decoration:none;"
    'box-shadow:0 2px 8px rgb(0 0 0 / 30%)">Operations, live</a>'
)


def add_pages(
    web_ui: Any,
    base_path: str,
    live: Callable[[], LiveRun],
    report: Callable[[], Path | None],
    style: Callable[[], str],
) -> None:
    """Add the page to Locust's web UI; `report` returns the HTML report of the last run, None before its end.

    `style` returns what is added to the head of Locust's own page.
    """
    page = _page()

    def make_state() -> str:
        state = state_of(live(), pause=lambda: gevent.sleep(PAUSE_S))
        return json.dumps({**state, "has_report": report() is not None})

    state = _Shared(make_state)
    protected, base = web_ui.auth_required_if_enabled, base_path.rstrip("/")

    def show_page() -> Response:
        return Response(page.html, mimetype="text/html", headers={"Content-Security-Policy": page.policy})

    def show_state() -> Response:
        return Response(state.read(), mimetype="application/json")

    def show_report() -> Response:
        path = report()
        if path is None:
            return Response("No run has ended yet.", 404, mimetype="text/plain")
        return Response(path.read_text("utf-8"), mimetype="text/html")

    for suffix, view in (("", show_page), ("/state", show_state), ("/report", show_report)):
        web_ui.app.add_url_rule(f"{base}{PATH}{suffix}", f"durable{suffix.replace('/', '_')}", protected(view))

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def add_link(response: Response) -> Response:
        if request.path.rstrip("/") == base and response.mimetype == "text/html" and not response.is_streamed:
            page = response.get_data(as_text=True).replace("</head>", f"{style()}</head>", 1)
            response.set_data(page.replace("</body>", f"{LINK}</body>"))
        return response


def _page() -> LivePage:
    body, style, script = (files(__package__).joinpath(f"page.{kind}").read_text("utf-8") for kind in _KINDS)
    return live_page("Operations, live", body, style=style, script=script)


_KINDS = ("html", "css", "js")


class _Shared:
    """A text that is made when it is asked for, and kept for those who ask soon after."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make, self._text = make, ""
        self._until = 0.0
        self._is_making = False

    def read(self) -> str:
        """Return the text; while a new one is made, the one before it if there is one."""
        if monotonic() >= self._until and not (self._is_making and self._text):
            self._is_making = True
            try:
                self._text = self._make()
            finally:
                self._is_making = False
            self._until = monotonic() + FRESH_S
        return self._text
