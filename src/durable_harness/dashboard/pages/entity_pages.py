"""The entities of a hub: their states, what waits for them, who holds their locks; and one entity."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from durable_harness.dashboard.form_values import json_field
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import hub_url
from durable_harness.dashboard.payload_texts import Payload
from durable_harness.dashboard.refusal_status import is_gone, status_of
from durable_harness.dashboard.shown_log import lines_about
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import RpcError, new_id, pb, to_ns, unwrap_text, wrap_text

PATH = "entities"
PAGE_SIZE = 50
DONE = {"signal": "The signal was sent."}


async def show(visit: Visit) -> web.Response:
    """Show a page of the list. The protocol knows one order, by id, and one way through it: on."""
    search, after = visit.query.get("id", "").strip(), visit.query.get("after", "")
    query = pb.EntityQuery(
        instanceIdStartsWith=wrap_text(prefix_of(search) or None),
        includeState=True,
        includeTransient=True,
        pageSize={"value": PAGE_SIZE},
        continuationToken=wrap_text(after or None),
    )
    answer = await visit.scheduler.query_entities(pb.QueryEntitiesRequest(query=query))
    following = unwrap_text(answer, "continuationToken")
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
    return await _page_of(visit)


async def _page_of(visit: Visit, status: int = 200, **values: Any) -> web.Response:
    """Return the page of an entity; after a refusal, with what was written into its form."""
    entity_id = visit.arguments["id"]
    overview = visit.source.overview
    entity = await _find(visit, entity_id)
    state = unwrap_text(entity, "serializedState")
    return visit.page(
        "entity.html",
        status,
        id=entity_id,
        entity=_row(entity),
        state=None if state is None else Payload(state, entity_url(visit.hub, entity_id, "state")),
        inside=overview.entity(visit.hub, entity_id) if overview is not None else None,
        payload=Payload,
        logs=lines_about(visit, entity_id),
        done=DONE.get(visit.query.get("done", ""), ""),
        **values,
    )


async def raw_state(visit: Visit) -> web.Response:
    """Answer with the state, whole and as it was written."""
    state = unwrap_text(await _find(visit, visit.arguments["id"]), "serializedState")
    if state is None:
        raise PageError(404, "The entity has no state.")
    return web.Response(body=state.encode("utf-8", "replace"), content_type="text/plain", charset="utf-8")


async def signal(visit: Visit) -> web.Response:
    """Send an entity a one-way operation; show its page again, with what was written, where that cannot be."""
    entity_id = visit.arguments["id"]
    try:
        await visit.scheduler.signal_entity(_signal(visit, entity_id))
    except (PageError, RpcError) as error:
        if is_gone(error):
            raise
        typed = {name: visit.form.get(name, "") for name in ("name", "input")}
        back = entity_url(visit.hub, entity_id)
        return await _page_of(visit, status_of(error), failed=str(error), typed=typed, live_from=back)
    return visit.redirect(entity_url(visit.hub, entity_id, query=[("done", "signal")]))


def _signal(visit: Visit, entity_id: str) -> Any:
    """Return the request that a form describes. Raises PageError if it describes none."""
    if not visit.field("name"):
        raise PageError(400, "The name of the operation is missing.")
    return pb.SignalEntityRequest(
        instanceId=entity_id,
        name=visit.field("name"),
        input=wrap_text(json_field(visit, "input", "The input of the operation")),
        requestId=new_id(),
    )


def prefix_of(search: str) -> str:
    """Return how the ids begin that a person means: `counter`, `Counter@a` or `@counter@a`. Names are lower case."""
    name, at, key = search.removeprefix("@").partition("@")
    return f"@{name.lower()}{at}{key}" if search else ""


def entity_url(hub: str, entity_id: str, *parts: str, query: Any = ()) -> str:
    """Return the address of a page of an entity."""
    return hub_url(hub, PATH, entity_id, *parts, query=query)


async def _find(visit: Visit, entity_id: str) -> Any:
    answer = await visit.scheduler.get_entity(pb.GetEntityRequest(instanceId=entity_id, includeState=True))
    if answer.HasField("entity"):
        return answer.entity
    # One without a state is in the list for as long as the scheduler keeps it, and then has a page too.
    query = pb.EntityQuery(instanceIdStartsWith={"value": entity_id}, includeTransient=True, pageSize={"value": 1})
    listed = await visit.scheduler.query_entities(pb.QueryEntitiesRequest(query=query))
    if listed.entities and listed.entities[0].instanceId == entity_id:
        return listed.entities[0]
    raise PageError(404, f"There is no entity '{entity_id}' in '{visit.hub}'. One without state is not kept.")


def _row(entity: Any) -> dict[str, Any]:
    name, _, key = entity.instanceId.removeprefix("@").partition("@")
    return {
        "id": entity.instanceId,
        "name": name,
        "key": key,
        "state": unwrap_text(entity, "serializedState"),
        "pending": entity.backlogQueueSize,
        "locked_by": entity.lockedBy.value,
        "modified_ns": to_ns(entity.lastModifiedTime),
    }


ROUTES = (
    PageRoute("GET", (PATH,), show, PATH),
    PageRoute("GET", (PATH, "{id}"), show_one, PATH),
    PageRoute("GET", (PATH, "{id}", "state"), raw_state),
    PageRoute("POST", (PATH, "{id}", "signal"), signal, PATH),
)
