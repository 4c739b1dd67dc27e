"""The durable HTTP API of entities: what is asked of the scheduler, and what is refused before."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from durable_harness.host.durable_http.entity_api import EntityApi
from durable_harness.host.durable_http.json_bodies import JsonBodies
from durable_harness.host.durable_http.messages import CONTINUATION_HEADER, ApiError, ApiRequest, Query
from durable_harness.protocol import from_ns, pb, unwrap_text

APP = SimpleNamespace(entities={"cart": SimpleNamespace(durable_name="Cart")}, is_passthrough=True)
CART = pb.EntityMetadata(instanceId="@cart@7", lastModifiedTime=from_ns(0), serializedState={"value": "[1]"})


class Scheduler:
    """Notes what is asked, and knows one entity."""

    def __init__(self):
        self.asked = []

    async def signal_entity(self, request):
        self.asked.append(request)

    async def get_entity(self, request):
        self.asked.append(request)
        return pb.GetEntityResponse(exists=request.instanceId == CART.instanceId, entity=CART)

    async def query_entities(self, request):
        self.asked.append(request.query)
        return pb.QueryEntitiesResponse(entities=[CART], continuationToken={"value": "next"})


def ask(method, *parts, query="", body=None, others=False, **headers):
    """Call the API; return the answer, and what the scheduler was asked."""
    scheduler = Scheduler()
    api = EntityApi(scheduler, APP, JsonBodies(1000), others_may_have_it=others)
    request = ApiRequest(method, "/", Query(query), headers, body, "http://a/", "http://a")
    path = ["entities", *parts]
    answer = asyncio.run(api.find(method, path)(request, path))
    return answer, *scheduler.asked


def test_an_entity_is_read_by_name_and_key():
    """The state is the answer; an entity that is not there is 404, and `$` stands for an empty key."""
    answer, request = ask("GET", "CART", "7")
    assert (answer.status, json.loads(answer.body), request.instanceId) == (200, [1], "@cart@7")
    answer, request = ask("GET", "cart", "$")
    assert (answer.status, request.instanceId) == (404, "@cart@")


def test_entities_are_listed():
    """All entities, or those of a name, are listed page by page with what was asked for."""
    query = "top=5&fetchState=true&lastOperationTimeFrom=2026-01-01T00:00:00Z&lastOperationTimeTo=2026-01-02T00:00:00Z"
    answer, asked = ask("GET", "Cart", query=query, **{CONTINUATION_HEADER: "here"})
    assert (asked.instanceIdStartsWith.value, asked.pageSize.value, asked.includeState) == ("@cart@", 5, True)
    assert (asked.lastModifiedFrom.seconds < asked.lastModifiedTo.seconds, asked.continuationToken.value) == (
        True,
        "here",
    )
    assert answer.headers[CONTINUATION_HEADER] == "next"
    (row,) = json.loads(answer.body)
    assert (row["entityId"], row["state"]) == ({"name": "cart", "key": "7"}, [1])


def test_a_list_without_options_asks_for_all():
    """Without options the list has no bounds and no size."""
    _, asked = ask("GET")
    assert asked.instanceIdStartsWith.value == "@"
    assert [name for name in ("pageSize", "lastModifiedFrom", "continuationToken") if asked.HasField(name)] == []


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [(None, "", None), (b"[1]", "application/json", "[1]"), ("ü".encode(), "text/plain", '"\\u00fc"')],
)
def test_a_signal_has_its_operation_and_input(body, kind, text):
    """JSON is passed on as it came, any other content as text."""
    answer, request = ask("POST", "Cart", "7", query="op=add", body=body, **{"content-type": kind})
    assert (answer.status, request.instanceId, request.name) == (202, "@cart@7", "add")
    assert unwrap_text(request, "input") == text


def test_a_deletion_is_a_signal():
    """DELETE signals the operation of that name, also to an entity without a key."""
    answer, request = ask("DELETE", "cart")
    assert (answer.status, request.instanceId, request.name) == (202, "@cart@", "delete")


@pytest.mark.parametrize(
    ("parts", "body", "message"),
    [
        (("shop", "7"), None, "The function 'shop' doesn't exist.*known entity functions: 'Cart'"),
        (("cart", "a/b"), None, "Entity keys must not contain"),
        (("cart", "a\n"), None, "Entity keys must not contain"),
        (("cart", "7"), b"{", "Could not parse the body as JSON"),
    ],
)
def test_a_signal_that_cannot_arrive_is_refused(parts, body, message):
    """An unknown entity, a key that none may have and a broken body are errors of the caller."""
    with pytest.raises(ApiError, match=message) as refused:
        ask("POST", *parts, body=body, **{"content-type": "application/json"})
    assert refused.value.status == 400


def test_an_entity_of_another_host_is_signaled():
    """If other hosts work for the scheduler too, they may have an entity that this one does not."""
    assert ask("POST", "shop", "7", others=True)[1].instanceId == "@shop@7"


@pytest.mark.parametrize(("method", "parts"), [("POST", ["entities"]), ("PUT", ["entities", "a", "b"])])
def test_other_calls_are_not_there(method, parts):
    """There is no handler for a signal to no entity, nor for other methods."""
    assert EntityApi(None, APP, None).find(method, parts) is None
