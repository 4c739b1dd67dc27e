"""The scheduler's clock beside the wall clock, and moving it if that is allowed."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.refusal_status import status_of
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import RpcError
from durable_harness.protocol.overview import Overview

PATH = "clock"
PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|m|h|d)?")
UNITS_S = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
MOST_S = 100 * 366 * 86_400
STEPS = ("10s", "1m", "1h", "1d")
DONE = {"skip": "Idle time is skipped.", "real": "Time passes as it does.", "advance": "The clock was moved ahead."}


async def show(visit: Visit) -> web.Response:
    """Show the clock."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, failed: str = "", typed: str = "") -> web.Response:
    """Return the clock; `failed` is why an act on it was refused, `typed` what its field had."""
    overview = visit.source.overview
    clock = overview.clock() if overview is not None else None
    values: dict[str, Any] = {
        "done": DONE.get(visit.query.get("done", ""), ""),
        "failed": failed,
        "typed": typed,
        "beside_field": bool(typed) and clock is not None and clock.may_be_moved,
        "live_from": visit.url(PATH),
    }
    return visit.page("clock.html", status, clock=clock, steps=STEPS, live_every=1 if clock else 0, **values)


async def skip(visit: Visit) -> web.Response:
    """Set whether idle time is skipped."""
    is_on = visit.field("on") == "yes"
    try:
        _movable(visit).skip(on=is_on)
    except (PageError, RpcError) as error:
        return _page(visit, status_of(error), failed=str(error))
    return visit.redirect(visit.url(PATH, query=[("done", "skip" if is_on else "real")]))


async def advance(visit: Visit) -> web.Response:
    """Move the clock ahead, work that becomes due meanwhile included."""
    try:
        await _movable(visit).advance(seconds_of(visit.field("by")))
    except (PageError, RpcError) as error:
        return _page(visit, status_of(error), failed=str(error), typed=visit.field("by"))
    return visit.redirect(visit.url(PATH, query=[("done", "advance")]))


def seconds_of(text: str) -> float:
    """Return the length of time that a person wrote: `90`, `90s`, `1h 30m`. Raises PageError for any other text."""
    parts = PART.findall(text.lower())
    rest = PART.sub("", text.lower()).strip()
    seconds = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if rest or not 0 < seconds <= MOST_S:
        raise PageError(
            400, f"Advance by: got '{text[:40]}', expected a time such as 90s, 15m, 2h or 1d 12h, 100 years at most."
        )
    return seconds


def _movable(visit: Visit) -> Overview:
    if visit.source.overview is None:
        raise PageError(409, "This dashboard cannot move the clock of this scheduler.")
    return visit.source.overview


ROUTES = (
    PageRoute("GET", (PATH,), show, PATH),
    PageRoute("POST", (PATH, "skip"), skip),
    PageRoute("POST", (PATH, "advance"), advance),
)
