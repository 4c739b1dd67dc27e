"""The entities of a hub: their states, what waits for them, who holds their locks; and one entity."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from durable_harness.dashboard.logs import lines_about
from durable_harness.dashboard.payloads import Payload
from durable_harness.dashboard.routes import Route
from durable_harness.dashboard.urls import hub_url
from durable_harness.dashboard.values import json_field
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import new_id, optional_text, pb, text_or_none, to_ns

PATH = "entities"
PAGE_SIZE = 50
DONE = {"signal": "The signal was sent."}


async def show(visit: Visit) -> web.Response:
    """Show a page of the list. The protocol knows one order, by id, and one way through it: on."""
    search, after = visit.query.get("id", "").strip(), visit.query.get("after", "")
    query = pb.EntityQuery(
        instanceIdStartsWith=optional_text(prefix_of(search) or None),
        includeState=True,
        includeTransient=True,
        pageSize={"value": PAGE_SIZE},
        continuationToken=optional_text(after or None),
    )
    answer = await visit.scheduler.query_entities(pb.QueryEntitiesRequest(query=query))
    following = text_or_none(answer, "continuationToken")
    here = [("id", search)] if search else []
    return visit.page(
        "entities.html",
        entities=[_row(entity) for entity in answer.entities],
        search=search,
        first=visit.url(PATH, query=here) if after else "",
        following=visit.url(PATH, query=[*here, ("after", following)]) if following else "",
    )


async def show_one(visit: Visit) -> web.Response:
    """Show an entity."""
    entity_id = visit.arguments["id"]
    overview = visit.source.overview
    entity = await _find(visit, entity_id)
    state = text_or_none(entity, "serializedState")
    return visit.page(
        "entity.html",
        id=entity_id,
        entity=_row(entity),
        state=None if state is None else Payload(state, entity_url(visit.hub, entity_id, "state")),
        inside=overview.entity(visit.hub, entity_id) if overview is not None else None,
        payload=Payload,
        logs=lines_about(visit, entity_id),
        done=DONE.get(visit.query.get("done", ""), ""),
    )


async def raw_state(visit: Visit) -> web.Response:
    """Answer with the state, whole and as it was written."""
    state = text_or_none(await _find(visit, visit.arguments["id"]), "serializedState")
    if state is None:
        raise PageError(404, "The entity has no state.")
    return web.Response(body=state.encode("utf-8", "replace"), content_type="text/plain", charset="utf-8")


async def signal(visit: Visit) -> web.Response:
    """Send an entity a one-way operation."""
    entity_id = visit.arguments["id"]
    request = pb.SignalEntityRequest(
        instanceId=entity_id,
        name=visit.field("name"),
        input=optional_text(json_field(visit, "input", "The input of the operation")),
        requestId=new_id(),
    )
    await visit.scheduler.signal_entity(request)
    return visit.redirect(entity_url(visit.hub, entity_id, query=[("done", "signal")]))


def prefix_of(search: str) -> str:
    """Return what ids begin with that a person means: `counter`, `counter@a` or `@counter@a`."""
    return search if not search or search.startswith("@") else f"@{search}"


def entity_url(hub: str, entity_id: str, *parts: str, query: Any = ()) -> str:
    """Return the address of a page of an entity."""
    return hub_url(hub, PATH, entity_id, *parts, query=query)


async def _find(visit: Visit, entity_id: str) -> Any:
    request = pb.GetEntityRequest(instanceId=entity_id, includeState=True)
    answer = await visit.scheduler.get_entity(request)
    if not answer.HasField("entity"):
        raise PageError(404, f"There is no entity '{entity_id}' in '{visit.hub}'. One without state is not kept.")
    return answer.entity


def _row(entity: Any) -> dict[str, Any]:
    name, _, key = entity.instanceId.removeprefix("@").partition("@")
    return {
        "id": entity.instanceId,
        "name": name,
        "key": key,
        "state": text_or_none(entity, "serializedState"),
        "pending": entity.backlogQueueSize,
        "locked_by": entity.lockedBy.value,
        "modified_ns": to_ns(entity.lastModifiedTime),
    }


ROUTES = (
    Route("GET", (PATH,), show, PATH),
    Route("GET", (PATH, "{id}"), show_one, PATH),
    Route("GET", (PATH, "{id}", "state"), raw_state),
    Route("POST", (PATH, "{id}", "signal"), signal),
)
