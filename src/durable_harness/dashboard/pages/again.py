"""Running a recorded history again from one of its events, as a new instance, with today's code."""

from __future__ import annotations

from aiohttp import web

from durable_harness.dashboard.form_values import json_field
from durable_harness.dashboard.history_rows import LABELS
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, instance_url
from durable_harness.dashboard.payload_texts import editable, edited
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import RpcError
from durable_harness.protocol.overview import Overview, PartView
from durable_harness.protocol.run_again import RunAgain

WORD = "again"
EDITED = ("input", "payload")
MOST_DIGITS = 9


async def show(visit: Visit) -> web.Response:
    """Show what it would mean, and the form."""
    part = await _part(visit)
    return _form(visit, part, {"input": editable(part.input), "payload": editable(part.payload), "id": ""})


async def run(visit: Visit) -> web.Response:
    """Make the new instance; show the form again, with what was written, where that cannot be."""
    part = await _part(visit)
    written = {name: visit.form.get(name, "").strip() for name in (*EDITED, "id")}
    try:
        asked = RunAgain(
            visit.arguments["id"],
            _event(visit),
            input=_edited(visit, "input", "The input", part.input),
            payload=_edited(visit, "payload", "The payload of the event", part.payload),
            new_id=written["id"],
        )
        made = await _overview(visit).run_again(visit.hub, asked)
    except (PageError, RpcError) as error:
        return _form(visit, part, written, str(error), 409)
    return visit.redirect(instance_url(visit.hub, made, query=[("done", WORD)]))


def _form(visit: Visit, part: PartView, written: dict[str, str], problem: str = "", status: int = 200) -> web.Response:
    return visit.page(
        "again.html",
        status,
        id=visit.arguments["id"],
        event=_event(visit),
        label=LABELS.get(part.kind, part.kind),
        part=part,
        values=written,
        failed=problem,
        live_every=0,
    )


def _edited(visit: Visit, name: str, what: str, before: str | None) -> str | None:
    """Return a payload that was changed in its field, None for one that was left as it was."""
    text = json_field(visit, name, what)
    return None if text is None else edited(text, before)


async def _part(visit: Visit) -> PartView:
    return await _overview(visit).history_part(visit.hub, visit.arguments["id"], _event(visit))


def _event(visit: Visit) -> int:
    text = visit.query.get("event", "") or visit.field("event")
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise PageError(400, f"event: got '{text[:40]}', expected the number of an event in the history.")
    return int(text)


def _overview(visit: Visit) -> Overview:
    if visit.source.overview is None:
        raise PageError(409, "This scheduler cannot run a history again: that is not part of its protocol.")
    return visit.source.overview


ROUTES = (
    PageRoute("GET", (ORCHESTRATIONS, "{id}", WORD), show, ORCHESTRATIONS),
    PageRoute("POST", (ORCHESTRATIONS, "{id}", WORD), run, ORCHESTRATIONS),
)
