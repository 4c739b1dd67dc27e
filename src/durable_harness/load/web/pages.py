"""The routes: the page, its data, the report of the run that ended last, and the way there from Locust's own page."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Response, jsonify, request

from durable_harness.load.web.state import LiveRun, state_of
from durable_harness.web.style import STYLE

PATH = "/durable"
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
    page = files(__package__).joinpath("page.html").read_text("utf-8").replace("/*STYLE*/", STYLE)
    protected, base = web_ui.auth_required_if_enabled, base_path.rstrip("/")

    def show_page() -> Response:
        return Response(page, mimetype="text/html")

    def show_state() -> Response:
        return jsonify({**state_of(live()), "has_report": report() is not None})

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
