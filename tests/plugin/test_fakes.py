"""Fakes in the hands of tests: the `durable_activities` fixture, on apps of both generations of the SDK."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import HttpAnswer, assert_completed

DAYS_S = timedelta(days=3).total_seconds()


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose functions need what no test has."""
    return Path(__file__).parents[1] / "apps" / "faked"


def output(operations, name, value):
    """Return the output of an orchestration of the app."""
    operation = operations.start(f"/api/orders/{name}", value)
    assert_completed(operation)
    return operation.status()["output"]


def test_an_activity_is_answered_for(operations, durable_activities):
    """A fake returns its value in place of the activity's own, and has the input and the instance of each call."""
    charged = durable_activities.fake("charge_card", returns={"receipt": [1, None, "é"]})
    operation = operations.start("/api/orders/pay", {"amount": 7})
    assert_completed(operation, output={"receipt": [1, None, "é"]})
    (call,) = charged.calls
    assert (call.input, call.instance_id) == ({"amount": 7}, operation.instance_id)


def test_names_are_those_of_azure(operations, durable_activities):
    """A name counts in any case, as it does for the app's own calls."""
    durable_activities.fake("Charge_Card", returns=1)
    assert output(operations, "pay", {}) == 1


@pytest.mark.parametrize("raised", [LookupError, LookupError("no such card")])
def test_an_activity_raises(operations, durable_activities, raised):
    """A fake that raises fails the activity, with the message of its error."""
    durable_activities.fake("charge_card", raises=raised)
    found = output(operations, "pay", {})
    assert found.startswith("refused: ")
    assert "no bank" not in found
    assert isinstance(raised, type) or "no such card" in found


def test_a_function_answers(operations, durable_activities):
    """A function of the test is given each input; what it returns and what it raises are the activity's."""

    def charge(order):
        if order["amount"] > 100:
            raise PermissionError(f"{order['amount']} is too much")
        return order["amount"] * 2

    fake = durable_activities.fake("charge_card", by=charge)
    assert output(operations, "pay", {"amount": 4}) == 8
    assert "101 is too much" in output(operations, "pay", {"amount": 101})
    assert fake.count == 2


def test_the_last_fake_answers(operations, durable_activities):
    """A second fake goes before the first, which answers again when the second has ended."""
    durable_activities.fake("charge_card", returns="first")
    second = durable_activities.fake("charge_card", returns="second")
    assert output(operations, "pay", {}) == "second"
    second.end()
    assert output(operations, "pay", {}) == "first"


def test_a_fake_ends_with_its_test_first(operations, durable_activities):
    """This test leaves a fake behind …"""
    durable_activities.fake("charge_card", returns="left behind")
    assert output(operations, "pay", {}) == "left behind"


def test_a_fake_ends_with_its_test_then(operations):
    """… and the next one meets the app's own activity."""
    assert "there is no bank here" in output(operations, "pay", {})


def test_an_entity_is_answered_for(operations, durable_activities):
    """A fake answers the operations of an entity, by value, by error and by function."""
    with_value = durable_activities.fake_entity("scales", returns=12)
    assert output(operations, "weigh", "box") == 12
    assert [(call.operation, call.input) for call in with_value.calls] == [("weigh", "box")]
    durable_activities.fake_entity("scales", raises=ValueError("too heavy"))
    assert "too heavy" in output(operations, "weigh", "box")
    durable_activities.fake_entity("scales", by=lambda operation, item: f"{operation} {item}")
    assert output(operations, "weigh", "bag") == "weigh bag"


def test_a_service_is_answered_for(operations, durable_activities):
    """`call_http` gets a fake's answer for URLs of its pattern and method, the last fake first."""
    durable_activities.fake_http("https://track.example/*", returns={"at": "home"})
    gone = HttpAnswer("no parcel", status=404, headers={"x-reason": "lost"})
    lost = durable_activities.fake_http("https://track.example/9*", returns=gone, method="get")
    durable_activities.fake_http("https://track.example/*", returns="never", method="POST")
    assert output(operations, "track", "https://track.example/7") == [200, '{"at": "home"}']
    assert output(operations, "track", "https://track.example/99") == [404, "no parcel"]
    (call,) = lost.calls
    assert (call.input["method"], call.input["uri"]) == ("GET", "https://track.example/99")


def test_a_delay_passes_on_the_schedulers_clock(operations, durable_activities, durable_clock):
    """A fake that takes days is over at once where time is skipped, and whatever is due before it comes before it."""
    durable_clock.skip()
    durable_activities.fake("charge_card", returns=1, delay_s=DAYS_S)
    begun_s = time.monotonic()
    assert output(operations, "race", {}) == "late"
    durable_activities.fake("charge_card", returns=1, delay_s=DAYS_S / 3)
    assert output(operations, "race", {}) == "charged"
    assert time.monotonic() - begun_s < DAYS_S


def test_a_delay_is_moved_over_by_hand(operations, durable_activities, durable_clock):
    """A clock that is moved by hand wakes a fake on the way."""
    fake = durable_activities.fake("charge_card", returns="paid", delay_s=3600)
    operation = operations.start("/api/orders/pay", {})
    durable_clock.advance(timedelta(hours=2))
    assert_completed(operation, output="paid")
    assert fake.count == 1


def test_calls_are_waited_for(operations, durable_activities):
    """`wait` returns the calls once there are enough, and reports those that were made if they do not come."""
    fake = durable_activities.fake("charge_card", returns=1)
    operations.start("/api/orders/pay", "a")
    assert [call.input for call in fake.wait()] == ["a"]
    with pytest.raises(AssertionError, match=r"<fake activity charge_card> was called 1 times in 0.05 s, not 2: .*'a'"):
        fake.wait(2, timeout_s=0.05)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (
            lambda fakes: fakes.fake("charge_crad", returns=1),
            r"'charge_crad' does not exist in this app\. Known ones: .*charge_card",
        ),
        (lambda fakes: fakes.fake_entity("scale", returns=1), "The entity function 'scale' does not exist"),
        (lambda fakes: fakes.fake("charge_card"), "give one of returns=VALUE, raises=ERROR and by=FUNCTION"),
        (lambda fakes: fakes.fake("charge_card", returns=1, raises=ValueError), "give one of"),
        (lambda fakes: fakes.fake("charge_card", returns={1, 2}), r"\{1, 2\} is no JSON"),
        (lambda fakes: fakes.fake("charge_card", returns=1, delay_s=-1), "expected 0 or more seconds"),
    ],
)
def test_a_fake_that_cannot_be_is_refused(durable_activities, make, problem):
    """A misspelt name is refused with those that exist; so is a fake without exactly one behaviour."""
    with pytest.raises(UsageError, match=problem):
        make(durable_activities)
