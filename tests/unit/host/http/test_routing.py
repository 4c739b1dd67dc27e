"""Routes: ASP.NET templates as the Functions host matches them."""

import re

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import Function
from durable_harness.host.http.constraints import RouteTimeoutError, constraint
from durable_harness.host.http.routing import Router


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
        ("items/all", "/api/ITEMS/all/", {}),
        ("items/all", "/api/items", None),
        ("items/all", "/api/items//all", None),
        ("\u0130", "/api/%C4%B0", {}),
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
        ("files/{*rest}", "/api/files/a/", {"rest": "a/"}),
        ("files/{*rest}", "/api/files/a//b", {"rest": "a//b"}),
        ("files/{*rest}", "/api/files//b", None),
        ("a/{x}", "/api/a//", None),
        ("files/{*rest:file}", "/api/files/a/b.txt", {"rest": "a/b.txt"}),
        ("files/{*rest:file}", "/api/files/a/b", None),
        ("files/{*rest:file}", "/api/files", None),
        ("files/{*rest:nonfile}", "/api/files", {}),
        ("files/{*rest=index.html}", "/api/files", {"rest": "index.html"}),
        ("{a=1}/{b=2}", "/api", {"a": "1", "b": "2"}),
        ("{n:int=x}", "/api", None),
        ("{name:alpha}.html", "/api/bar.HTML", {"name": "bar"}),
        ("{name:alpha}.html", "/api/b4r.html", None),
        ("{name:alpha}.html", "/api/.html", None),
        ("{name}.{ext?}", "/api/a.b.c", {"name": "a.b", "ext": "c"}),
        ("{name}.{ext?}", "/api/a", {"name": "a"}),
        ("{name}.{ext?}", "/api/a.", None),
        ("v{major}-{minor:int}", "/api/v1-2-3", {"major": "1-2", "minor": "3"}),
        ("v{major}-{minor:int}", "/api/v1-x", None),
        ("from{a}to{b}", "/api/from1to2", {"a": "1", "b": "2"}),
        ("x{a}", "/api/yx1", None),
        ("a{b}c", "/api/abxc", {"b": "bx"}),
        ("{{x}}/{y}", "/api/%7Bx%7D/1", {"y": "1"}),
        ("{code:regex(^\\d{{3}}$)}", "/api/123", {"code": "123"}),
        ("{code:regex(^\\d{{3}}$)}", "/api/1234", None),
        ("{s:regex(^(a:b|c=d)$)}", "/api/c=d", {"s": "c=d"}),
        ("{s:regex(^abc$)}", "/api/ABC", {"s": "ABC"}),
        ("{s:minlength(2):maxlength(3):alpha}", "/api/abc", {"s": "abc"}),
        ("{s:minlength(2):maxlength(3):alpha}", "/api/ab1", None),
        ("{S:INT}", "/api/7", {"S": "7"}),
        ("{first-name}", "/api/x", {"first-name": "x"}),
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


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        ("int", ["-7", "+7", "2147483647"], ["2147483648", "7.0", "1,000", "x"]),
        ("long", ["9223372036854775807"], ["9223372036854775808"]),
        ("decimal", ["1.5", "-1,000.25", "7-", ".5"], ["1e3", "NaN", "+7-", "9" * 40]),
        ("double", ["1.5", "1e3", "NaN", "-Infinity", "1,000"], ["x", "1e", "--1"]),
        ("float", ["1.5", "1e3"], ["1.5.2"]),
        (
            "datetime",
            ["2026-01-31", "1/31/2026", "2026-01-31T10:00:00Z", "10:30"],
            ["2026", "soon", "2026-13-45", "x1"],
        ),
        (
            "guid",
            ["0123456789abcdef0123456789ABCDEF", "{01234567-89ab-cdef-0123-456789abcdef}"],
            ["01234567-89abcdef-0123-456789abcdef", "{0123456789abcdef0123456789abcdef}", "7"],
        ),
        ("length(3)", ["abc", "žíž"], ["ab", "abcd"]),
        ("length(2,4)", ["ab", "abcd", "\U0001f600"], ["a", "abcde"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc", "\U0001f600a"]),
        ("min(3)", ["3", "4"], ["2", "x"]),
        ("max(3)", ["-5", "3"], ["4"]),
        ("range(1,10)", ["1", "10"], ["0", "11", "x"]),
        ("alpha", ["abcXYZ"], ["ab1", "ž"]),
        ("regex(^[a-c]+$)", ["abc", "ABC"], ["abd"]),
        ("required", ["x"], []),
        ("file", ["a.txt", ".profile", "a.b."], ["a", "a.", "a.."]),
        ("nonfile", ["a", "a."], ["a.txt"]),
    ],
)
def test_constraints(rule, good, bad):
    """Each constraint of ASP.NET Core takes what it takes there."""
    accepted = constraint(rule).accepts
    assert [text for text in good if not accepted(text)] == []
    assert [text for text in bad if accepted(text)] == []


BAD_ROUTES = (
    "{id:colour}",
    "{",
    "}",
    "a}b",
    "{}",
    "{a:b:c}",
    "{n:int(3)}",
    "{n:min}",
    "{n:min(x)}",
    "{n:length()}",
    "{n:length(5,2)}",
    "{n:length(1,2,3)}",
    "{n:range(1)}",
    "{n:range(9,1)}",
    "{n:minlength(-1)}",
    "{n:regex((a)}",
    "{a}{b}",
    "{a?}x",
    "{a}-{b?}",
    "{a?=1}",
    "{*a}/b",
    "x{*a}",
    "{*a?}",
    "{a}/{A}",
    "a//b",
    "a?b",
    "{a{b}}",
)


@pytest.mark.parametrize("route", BAD_ROUTES)
def test_a_route_that_is_not_understood_is_refused(route):
    """A template outside the grammar is an error that names the function and the segment."""
    with pytest.raises(AppLoadError, match="Function f"):
        Router([function(route)], "api")
