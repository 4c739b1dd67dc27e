"""Keys, as Azure checks them, when the host is asked to; without that, every URL is open as under `func start`."""

from urllib.parse import parse_qs, urlsplit

import pytest

WEBHOOKS = "/runtime/webhooks/durabletask"
FUNCTION, WEBHOOK, STATUS = "/api/only_get", f"{WEBHOOKS}/instances", "/admin/host/status"


@pytest.fixture
def guarded(running_apps, conformance_dir):
    """Return the client of the conformance app, served with --enableAuth."""
    return running_apps(conformance_dir, ("--enableAuth",))


@pytest.mark.parametrize("path", [FUNCTION, WEBHOOK, STATUS])
@pytest.mark.parametrize("given", [{}, {"headers": {"x-functions-key": "wrong"}}, {"params": {"code": "wrong"}}])
def test_without_the_key_it_is_401(guarded, path, given):
    """A function, the webhooks and the admin pages refuse a missing or wrong key with 401 and an empty body."""
    response = guarded.get(path, **given)
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", [FUNCTION, WEBHOOK, STATUS])
@pytest.mark.parametrize("place", ["header", "query"])
def test_with_the_key_it_is_200(guarded, path, place):
    """The key is taken from the x-functions-key header or from the query's code."""
    function_key = guarded.stack.function_key
    given = {"headers": {"x-functions-key": function_key}} if place == "header" else {"params": {"code": function_key}}
    assert guarded.get(path, **given).status_code == 200


def test_the_header_wins(guarded):
    """A wrong key in the header is not mended by a right one in the query."""
    given = {"headers": {"x-functions-key": "wrong"}, "params": {"code": guarded.stack.function_key}}
    assert guarded.get(FUNCTION, **given).status_code == 401


def test_a_ping_needs_no_key(guarded):
    """The host answers a ping to anybody."""
    assert guarded.get("/admin/host/ping").status_code == 200


def test_management_urls_carry_a_key_that_opens_them(guarded):
    """The URLs of a start's answer work as they are, without a key of the caller's."""
    start = guarded.post("/api/start/hello_seq", params={"code": guarded.stack.function_key})
    location = start.headers["Location"]
    assert parse_qs(urlsplit(location).query)["code"]
    assert guarded.get(location).status_code in {200, 202}


@pytest.mark.parametrize("path", [FUNCTION, WEBHOOK, STATUS])
def test_locally_every_url_is_open(conformance, path):
    """Without --enableAuth no key is asked for and any key is accepted."""
    assert conformance.get(path).status_code == 200
    assert conformance.get(path, params={"code": "anything"}).status_code == 200
