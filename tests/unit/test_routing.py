"""Routes: ASP.NET templates as the Functions host matches them."""

import re

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import Function
from durable_harness.host.http.routing import Router, RouteTimeoutError


def function(route, methods=(), name="f"):
    trigger = {"type": "httpTrigger", "name": "req", "route": route, "methods": list(methods)}
    return Function(name=name, trigger=trigger, bindings=(), call=print, is_async=False, wants_context=False)


def find(route, path, prefix="api"):
    found = Router([function(route)], prefix).find("GET", path)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("route", "path", "expected"),
    [
        ("items", "/api/items", {}),
        ("Items", "/API/iTEMS/", {}),
        ("items", "/items", None),
        ("items", "/api/items/1", None),
        ("items/{id}", "/api/items/Abc%20d", {"id": "Abc d"}),
        ("items/{id}", "/api/items/a%2Fb", {"id": "a/b"}),
        ("items/{id}", "/api/items", None),
        ("items/{id?}", "/api/items", {}),
        ("items/{id:int?}", "/api/items/7", {"id": "7"}),
        ("items/{id:int?}", "/api/items/x", None),
        ("items/{id=5}", "/api/items", {"id": "5"}),
        (
            "{a:alpha}/{b:guid}",
            "/api/x/01234567-89ab-cdef-0123-456789abcdef",
            {"a": "x", "b": "01234567-89ab-cdef-0123-456789abcdef"},
        ),
        ("{n:min(3)}", "/api/2", None),
        ("{n:min(3)}", f"/api/{'9' * 5000}", None),
        ("{n:int}", "/api/2147483648", None),
        ("{n:long}", "/api/2147483648", {"n": "2147483648"}),
        ("{n:int}", "/api/%C2%B2", None),
        ("{n:regex(^a+$)}", "/api/aaa", {"n": "aaa"}),
        ("{n:regex(^a+$)}", "/api/b", None),
        ("{n:maxlength(2)}", "/api/abc", None),
        ("files/{*rest}", "/api/files/a/b%20c", {"rest": "a/b c"}),
        ("files/{*rest}", "/api/files", {}),
        ("{**all}", "/api/x/y", {"all": "x/y"}),
    ],
)
def test_templates(route, path, expected):
    """A path matches a template by its segments, constraints, defaults and catch-all, in any case of the literals."""
    assert find(route, path) == expected


def test_without_a_prefix_routes_start_at_the_root():
    """An empty routePrefix removes the prefix."""
    assert find("x", "/x", prefix="") == {}
    assert find("x", "/api/x", prefix="") is None


def test_the_more_specific_route_wins():
    """A literal wins over a constrained parameter, that over a plain one, that over a catch-all."""
    routes = ["{*rest}", "{id}", "{id:int}", "me"]
    router = Router([function(route, name=route) for route in routes], "api")
    found = [router.find("GET", f"/api/{path}") for path in ("me", "5", "x", "x/y")]
    assert [match[0].name for match in found if match] == ["me", "{id:int}", "{id}", "{*rest}"]


def test_a_method_not_listed_does_not_match():
    """A wrong method is no match at all; no methods means every method."""
    router = Router([function("x", ["POST"], "post"), function("y", (), "any")], "api")
    assert router.find("GET", "/api/x") is None
    assert router.find("PATCH", "/api/y") is not None


def test_a_regex_that_would_never_end_is_given_up():
    """A path made for a route's weak regex costs a part of a second, not minutes, and is an error that names it."""
    with pytest.raises(RouteTimeoutError, match=re.escape("regex((a|a)+$)")):
        find("{n:regex((a|a)+$)}", f"/api/{'a' * 40}b")


BAD_ROUTES = ("{id:colour}", "a{b}", "{", "{a:b:c}", "{n:min(x)}", "{n:length()}", "{n:regex((a)}")


@pytest.mark.parametrize("route", BAD_ROUTES)
def test_a_route_that_is_not_understood_is_refused(route):
    """A template outside the grammar is an error that names the function and the segment."""
    with pytest.raises(AppLoadError, match="Function f"):
        Router([function(route)], "api")
