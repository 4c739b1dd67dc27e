"""What an author may write in a scenario class: mistakes are named before any load, what is right passes."""

import pytest

from durable_harness.errors import UsageError
from durable_harness.load.scenario.attributes import ARGUMENTS, ATTRIBUTES, check_attributes
from durable_harness.operations import FixedPolling, durable_webhooks

METHODS = {name: lambda *_: None for name in (*ARGUMENTS, "terminate_later")}
# Not the real class: importing Locust patches the standard library of the whole test run.
ArrivalUser = type(
    "ArrivalUser",
    (),
    {**dict.fromkeys(ATTRIBUTES), **METHODS, "durations": None, "__module__": "durable_harness.load.scenario"},
)


def scenario(**attributes):
    """Return an author's class of this name."""
    return type("Orders", (ArrivalUser,), {"__module__": "locustfile", **attributes})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("chek_output", lambda self, sent, output: None, "Did you mean check_output? Begin a name of your own with an"),
        ("start_pth", "/api/orders", "Did you mean start_path?"),
        ("poll_interval", 0.1, "Did you mean poll_interval_s?"),
        ("on_acepted", lambda self, operation: None, "Did you mean on_accepted?"),
        ("Payload", {"a": 1}, "Did you mean payload?"),
        ("start_path", "api/orders", "got 'api/orders', expected a path that begins with a slash"),
        ("start_method", "post", "got 'post', expected one of POST, PUT"),
        ("status_path", "/api/status", "has {id} in it"),
        ("headers", [("Accept", "text/html")], "expected texts like {'Accept'"),
        ("headers", {"X-Number": 7}, "expected texts like"),
        ("payload", {1, 2}, "got {1, 2}, expected a JSON value, or a method `def payload(self, token)`"),
        ("payload", lambda self: {}, "cannot be called with (token); expected `def payload(self, token)`"),
        ("check_output", lambda self, output: None, "cannot be called with (sent, output)"),
        ("check_output", True, "got True, expected a method `def check_output(self, sent, output)`"),
        ("arrivals", 10, "got 10, expected a method `def arrivals(self)`"),
        ("poll_strategy", "often", "got 'often', expected one of adaptive, exponential, fixed, server, or a PollStrat"),
        ("poll_interval_s", 0, "got 0, expected seconds above 0, or None"),
        ("poll_budget", "3", "got '3', expected a number above 0, or None"),
        ("operation_timeout_s", True, "got True, expected seconds above 0"),
        ("started_at", "output/startedAt", "expected a JSON pointer like"),
        ("service", {"start": "/"}, "expected a ServiceDescription, or None"),
        ("is_poisson", "yes", "got 'yes', expected True or False"),
        ("operation_type", None, "expected a text"),
    ],
)
def test_a_mistake_is_named(name, value, message):
    """The message names the class and the attribute, says what came and what is allowed."""
    with pytest.raises(UsageError) as error:
        check_attributes(scenario(**{name: value}))
    assert str(error.value).startswith(f"Orders.{name}: ")
    assert message in str(error.value)


def test_a_coroutine_is_named():
    """What would never be awaited is refused."""

    async def check_output(self, sent, output):
        return None

    with pytest.raises(UsageError, match=r"Orders\.check_output: is a coroutine, which is never awaited"):
        check_attributes(scenario(check_output=check_output))


def test_what_changes_nothing_is_named():
    """Beside a description of the service the attributes that make one would be without effect."""
    with pytest.raises(UsageError, match=r"Orders\.headers: changes nothing beside `service`"):
        check_attributes(scenario(service=durable_webhooks(), headers={"A": "b"}))


def test_a_mistake_in_a_class_between_is_found():
    """A mistake in the author's own base class counts as one of each scenario made of it."""
    own = type("Base", (ArrivalUser,), {"__module__": "locustfile", "start_path": "api"})
    with pytest.raises(UsageError, match=r"Orders\.start_path"):
        check_attributes(type("Orders", (own,), {"__module__": "locustfile"}))


@pytest.mark.parametrize(
    "attributes",
    [
        {"payload": {"a": [1, "{token}"]}, "headers": {"A": "b"}, "start_method": "PUT"},
        {"payload": lambda self, token: {}, "payloads": [1, 2]},
        {"payload": staticmethod(lambda token: {}), "check_output": staticmethod(lambda sent, output: None)},
        {"payload": classmethod(lambda cls, token, more=1: {}), "arrive": lambda self, *arrivals: None},
        {"payloads": [{"a": 1}], "prices": {}, "pages": 3, "basket": lambda self: 1, "_chek_output": None},
        {"poll_strategy": FixedPolling(1.0), "poll_interval_s": 1, "operation_timeout_s": None},
        {"durations": property(lambda self: 1), "start_path": property(lambda self: 1), "host": "http://x"},
        {"status_paths": lambda self: [], "arrivals_of": lambda self: 1, "start_paths": ()},
        {"check_price": lambda self: None, "arrived": 0, "on_receipt": lambda self: 1, "output": 1},
    ],
)
def test_what_is_right_passes(attributes):
    """Values of the right kinds, callables of any kind that can be called so, and an author's own names."""
    check_attributes(scenario(**attributes))
