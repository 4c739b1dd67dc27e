"""Which functions of an app start operations, read from its host's list, and which of them is taken unasked."""

from argparse import ArgumentTypeError

import pytest

from durable_harness.errors import UsageError
from durable_harness.load.options.start_values import read_path
from durable_harness.load.preflight.starters import chosen_starter, read_app

DEFAULT = "/api/async_http_api"


def http(name, route, *methods, client=True, disabled=False):
    """Return an HTTP function as the admin API describes it."""
    trigger = {"type": "httpTrigger", "name": "req", "methods": list(methods)}
    bindings = [trigger, {"type": "durableClient", "name": "client"}] if client else [trigger]
    url = f"http://localhost:7071/api/{route}"
    return {"name": name, "config": {"bindings": bindings}, "isDisabled": disabled, "invoke_url_template": url}


def orchestrator(name, known_as=None):
    """Return an orchestrator as the admin API describes it."""
    trigger = {"type": "orchestrationTrigger", "name": "context", "orchestration": known_as}
    return {"name": name, "config": {"bindings": [trigger]}, "isDisabled": False, "invoke_url_template": None}


def paths(*functions):
    """Return the paths of an app's starters."""
    return [starter.path for starter in read_app(functions).starters]


@pytest.mark.parametrize(
    ("function", "is_starter"),
    [
        (http("a", "a", "POST"), True),
        (http("a", "a"), True),
        (http("a", "a", "get", "post"), True),
        (http("a", "a", "GET"), False),
        (http("a", "a", "POST", client=False), False),
        (http("a", "a", "POST", disabled=True), False),
        (orchestrator("a"), False),
    ],
)
def test_a_starter_takes_posts_and_has_a_durable_client(function, is_starter):
    """A function that cannot be asked by POST, has no client or is disabled starts nothing."""
    assert paths(function) == (["/api/a"] if is_starter else [])


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("orchestrators/{functionName}", ["/api/orchestrators/Chain", "/api/orchestrators/fan"]),
        ("orchestrators/{name:alpha}", ["/api/orchestrators/Chain", "/api/orchestrators/fan"]),
        ("run/{orchestrator_name}/now", ["/api/run/Chain/now", "/api/run/fan/now"]),
        ("orders/{kind}", ["/api/orders/{kind}"]),
        ("orders/{kind?}", ["/api/orders"]),
        ("orders/{number}", ["/api/orders/{number}"]),
        ("{*route}", ["/api/{route}"]),
    ],
)
def test_parameters_of_a_route(route, expected):
    """An orchestrator's name is filled in, an optional end left out, what the load fills in is kept."""
    assert paths(http("start", route, "POST"), orchestrator("chain", "Chain"), orchestrator("fan")) == expected


def test_one_starter_is_taken():
    """The one path that needs nothing is taken, whatever other functions with a client ask for an id."""
    app = read_app([http("start", "orders", "POST"), http("cancel", "orders/{id}/cancel", "POST")])
    assert chosen_starter(app, DEFAULT).path == "/api/orders"


def test_a_parameter_that_the_load_fills_in_needs_no_value():
    """A starter with a number in its path is ready."""
    assert chosen_starter(read_app([http("start", "orders/{number}", "POST")]), DEFAULT).path == "/api/orders/{number}"


def test_the_default_path_is_taken_before_others():
    """An app that has the path which commands always took is started there."""
    app = read_app([http("other", "orders", "POST"), http("start", "async_http_api", "POST")])
    assert chosen_starter(app, DEFAULT).path == DEFAULT


def test_several_starters_are_listed():
    """A choice is not made for the user; the message has each path and the option."""
    app = read_app([http("one", "one", "POST"), http("two", "two")])
    with pytest.raises(UsageError) as refused:
        chosen_starter(app, DEFAULT)
    assert "POST /api/one  (one)" in str(refused.value)
    assert "POST /api/two  (two)" in str(refused.value)
    assert "--start-path /api/one" in str(refused.value)


def test_many_starters_are_listed_in_part():
    """A list of orchestrators without end does not fill the terminal."""
    app = read_app([http("start", "orchestrators/{name}"), *(orchestrator(f"o{number}") for number in range(50))])
    with pytest.raises(UsageError, match="and 30 more"):
        chosen_starter(app, DEFAULT)


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ([http("list", "orders", "GET", client=False)], r"GET /api/orders(.|\n)*--start-path(.|\n)*--service"),
        ([orchestrator("chain")], r"no HTTP function(.|\n)*--start-path"),
        ([http("start", "orders/{kind}", "POST")], r"POST /api/orders/\{kind\}(.|\n)*Fill in \{kind\}"),
    ],
)
def test_a_missing_starter_lists_what_there_is(functions, words):
    """Without a starter the message shows what the app has, and how to name a path."""
    with pytest.raises(UsageError, match=words):
        chosen_starter(read_app(functions), DEFAULT)


@pytest.mark.parametrize("odd", [{}, {"config": 7}, {"config": {"bindings": [None, 3]}}, {"invoke_url_template": 7}])
def test_a_strange_list_starts_nothing(odd):
    """Whatever a host answers in place of its functions is no starter, and no error."""
    assert paths(odd) == []


def test_the_base_path_of_the_host_is_not_repeated():
    """Behind a proxy's prefix paths are those below the base URL."""
    function = {**http("start", "orders"), "invoke_url_template": "http://proxy/shop/api/orders"}
    assert [starter.path for starter in read_app([function], "/shop").starters] == ["/api/orders"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_start_operations_too(method):
    """A function whose method may change something starts operations as well as one that takes POST."""
    starter = chosen_starter(
        read_app([http("claim", "claims/{token}", method), http("list", "claims", "GET")]), DEFAULT
    )
    assert (starter.method, str(starter)) == (method, f"{method} /api/claims/{{token}}  (claim)")
    assert starter.options == f"--start-path /api/claims/{{token}} --start-method {method}"


def test_a_post_goes_before_other_methods():
    """One function with POST is taken although another one takes PUT; whoever asks for PUT gets that one."""
    app = read_app([http("replace", "orders/{number}", "PUT"), http("start", "orders", "POST")])
    assert chosen_starter(app, DEFAULT).path == "/api/orders"
    assert chosen_starter(app, DEFAULT, "PUT").path == "/api/orders/{number}"


def test_a_function_that_raises_events_hides_no_starter():
    """What a function does with its client is not in the list: all that may start are named, with how to fill them."""
    app = read_app([http("decide", "claims/{id}/decide", "POST"), http("claim", "claims/{claim}", "PUT")])
    with pytest.raises(UsageError) as refused:
        chosen_starter(app, DEFAULT)
    assert str(refused.value).startswith(
        "it is not known where operations start.\n  The app may start operations by:\n    POST "
    )
    assert "PUT /api/claims/{claim}  (claim)" in str(refused.value)
    assert "such as --start-path /api/claims/{token}/decide" in str(refused.value)


@pytest.mark.parametrize(
    ("route", "shown", "example"),
    [
        ("labs/{lab}/{sample:int}", "/api/labs/{lab}/{sample:int}", "/api/labs/{token}/{number}"),
        ("a/{id:LONG}/{number}", "/api/a/{id:LONG}/{number}", "/api/a/{number}/{number}"),
        ("a/{id:guid}", "/api/a/{id:guid}", "/api/a/{token}"),
        ("a/{on:bool}/{day:datetime}", "/api/a/{on:bool}/{day:datetime}", "/api/a/true/2026-01-31"),
        ("a/{name:alpha:minlength(2)}", "/api/a/{name:alpha:minlength(2)}", "/api/a/name"),
        ("a/{id:int:min(5)}/{x:range(3,9)}", "/api/a/{id:int:min(5)}/{x:range(3,9)}", "/api/a/5/3"),
        ("a/{id:int}/{more?}", "/api/a/{id:int}", "/api/a/{number}"),
    ],
)
def test_a_constraint_is_shown_and_met_by_what_is_suggested(route, shown, example):
    """Whoever fills in a path sees what a parameter takes, and the host takes the path that is suggested."""
    with pytest.raises(UsageError) as refused:
        chosen_starter(read_app([http("start", route, "POST")]), DEFAULT)
    assert f"POST {shown}  (start)" in str(refused.value)
    assert f"such as --start-path {example}" in str(refused.value)


def test_a_parameter_that_nothing_fills_in_is_refused():
    """A path with a parameter left in it would be sent with its braces; what the load fills in is no such thing."""
    with pytest.raises(ArgumentTypeError, match=r"nothing fills in \{lab\}: .* \{number\}, \{token\}"):
        read_path("/v1/labs/{lab:alpha}/samples/{number}")
    assert read_path("/v1/labs/{token}/samples/{number}/{duration}") == "/v1/labs/{token}/samples/{number}/{duration}"
