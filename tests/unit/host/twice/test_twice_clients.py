"""Requests that are seen as effects: which methods and clients count, and which bear a repeat."""

import asyncio
import sys
from types import ModuleType, SimpleNamespace

import pytest

from durable_harness.host.twice.effects import Effect
from durable_harness.host.twice.http_clients import noted_request, watch_clients
from durable_harness.host.twice.twice_records import repeated

URL = "https://pay.example/charges"


@pytest.fixture
def httpx(monkeypatch):
    """Return a module with the classes of httpx."""
    made = ModuleType("httpx")
    made.Client = type("Client", (), {"send": lambda _client, request: SimpleNamespace(status_code=request.status)})

    async def send(_client, request):
        return SimpleNamespace(status_code=request.status)

    made.AsyncClient = type("AsyncClient", (), {"send": send})
    monkeypatch.setitem(sys.modules, "httpx", made)
    return made


def request(status=200, **headers):
    """Return a request that is answered with a status."""
    return SimpleNamespace(method="POST", url=URL, headers=headers, status=status)


def test_httpx(httpx, scope):
    """Both of its clients are watched; a request that is refused is none of the effects in the end."""
    assert "httpx" in watch_clients()
    assert httpx.Client().send(request()).status_code == 200
    asyncio.run(httpx.AsyncClient().send(request()))
    httpx.Client().send(request(409))
    scope.close()
    assert [effect.text for effect in scope.effects] == [f"POST {URL}"] * 2


@pytest.mark.parametrize(
    ("method", "headers", "is_repeatable"),
    [
        ("POST", {}, False),
        ("PATCH", {"x-request-id": "1"}, False),
        ("put", {}, True),
        ("DELETE", {}, True),
        ("POST", {"idempotency-KEY": "1"}, True),
        ("POST", {"Repeatability-Request-ID": "1"}, True),
    ],
)
def test_requests_that_bear_a_repeat(scope, method, headers, is_repeatable):
    """By its method, or by a header with a key, a service may know a repeat."""
    effect = noted_request(method, URL, headers.items())
    assert scope.effects == [effect]
    assert effect.is_repeatable is is_repeatable


def test_secrets_are_not_shown(scope):
    """Neither the query of a URL nor its user is in what people are shown."""
    noted_request("POST", "https://me:secret@pay.example:8443/charges?code=secret", [])
    assert scope.effects[0].text == "POST https://pay.example:8443/charges?…"


@pytest.mark.parametrize("method", ["GET", "head", "OPTIONS"])
def test_questions_are_no_effects(scope, method):
    """A request that asks for nothing to be done is not noted."""
    assert noted_request(method, URL, []) is None
    assert scope.effects == []


def test_what_is_no_request_is_left_to_the_client(scope):
    """A URL or headers that are wrong raise nothing here: the client says what is wrong with them."""
    assert noted_request("POST", "http://[", []) is None
    assert noted_request("POST", URL, [("alone",)]) is None
    assert scope.effects == []


def test_only_the_very_same_is_without_harm():
    """What bears a repeat is without harm if the first delivery did it too; another URL or key is another effect."""
    first = [Effect("http", "PUT /1", ("PUT", "/1"), is_repeatable=True), Effect("http", "POST /1", ("POST", "/1"))]
    second = [Effect("http", "PUT /2", ("PUT", "/2"), is_repeatable=True), *first]
    assert repeated(first, second) == (["PUT /2", "POST /1"], ["PUT /1"])


def test_a_delivery_that_is_over_takes_no_effects(scope):
    """What runs on after a function has ended is not part of its second delivery."""
    scope.close()
    assert noted_request("POST", URL, []) is None
