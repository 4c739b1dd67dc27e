"""External events: order, payload, events before their wait, events after the end."""

import pytest


def test_events_are_matched_by_name_not_by_order(features):
    """B raised before A still goes to the wait for B."""
    instance_id = features.start("wait_a_then_b")
    features.raise_event(instance_id, "B", "b")
    features.raise_event(instance_id, "A", "a")
    assert features.wait_terminal(instance_id)["output"] == ["a", "b"]


@pytest.mark.parametrize("value", ["text", 7, None, [1, {"a": 2}], {"ok": True}, "🐎"])
def test_an_event_raised_over_http_arrives_as_its_value(features, value):
    """Raised through the webhook, an event's JSON body is the value that the orchestrator gets."""
    instance_id = features.start("wait_once")
    features.raise_event(instance_id, "go", value)
    output = features.wait_terminal(instance_id)["output"]
    assert output == {"type": type(value).__name__, "value": value}


@pytest.mark.sdk1
@pytest.mark.parametrize(
    ("value", "text"),
    [({"ok": True}, '{"ok": true}'), (7, "7"), ("word", '"word"'), (None, "null")],
)
def test_an_event_raised_by_the_sdk_arrives_as_json_text(features, sdk, value, text):
    """SDK 1.7's raise_event encodes twice, so the orchestrator gets JSON text, as it does on Azure."""
    instance_id = features.sdk_start("wait_once")
    sdk.one("raise_event", instance_id, value, event="go")
    assert features.wait_terminal(instance_id)["output"] == {"type": "str", "value": text}


def test_an_event_name_may_be_any_text(features):
    """A percent-encoded event name is matched by the name it stands for."""
    instance_id = features.start("wait_once", {"event": "schváleno 🐎"})
    features.raise_event(instance_id, "schv%C3%A1leno%20%F0%9F%90%8E", 1)
    assert features.wait_terminal(instance_id)["output"]["value"] == 1


def test_an_event_raised_before_it_is_awaited_is_kept(features):
    """An event that comes while the orchestrator awaits something else is delivered to the wait that follows."""
    instance_id = features.start("wait_after_gate", 1)
    features.raise_event(instance_id, "go", "early")
    features.raise_event(instance_id, "gate", None)
    assert features.wait_terminal(instance_id)["output"] == ["early"]


@pytest.mark.sdk1
def test_one_early_event_satisfies_each_later_wait_of_its_name(features):
    """SDK 1.7 keeps an early event permanently: three waits that follow all get it."""
    instance_id = features.start("wait_after_gate", 3)
    features.raise_event(instance_id, "go", 1)
    features.raise_event(instance_id, "gate", None)
    assert features.wait_terminal(instance_id)["output"] == [1, 1, 1]


def test_two_waits_in_turn_take_one_event_each(features, wait_until):
    """A second wait for the same name is not satisfied by the event that the first one consumed."""
    instance_id = features.start("wait_twice_in_turn")
    features.raise_event(instance_id, "go", 1)
    wait_until(lambda: features.status(instance_id)["customStatus"] == "first came", "the first event to be consumed")
    assert features.status(instance_id)["runtimeStatus"] == "Running"
    features.raise_event(instance_id, "go", 2)
    assert features.wait_terminal(instance_id)["output"] == [1, 2]


@pytest.mark.sdk1
def test_two_open_waits_are_served_last_come_first(features):
    """Of two open waits for one name, SDK 1.7 gives the first event to the later wait."""
    instance_id = features.start("wait_twice_at_once")
    features.wait_for(instance_id, "Running")
    features.raise_event(instance_id, "go", 1)
    features.raise_event(instance_id, "go", 2)
    assert features.wait_terminal(instance_id)["output"] == [2, 1]


@pytest.mark.parametrize(("timeout_s", "answer"), [(3600, "approved: yes"), (0.1, "timed out")])
def test_an_approval_races_its_timeout(features, timeout_s, answer):
    """The human-interaction pattern: the event or the timer, whichever is first, decides."""
    instance_id = features.start("approval", timeout_s)
    if timeout_s > 1:
        features.raise_event(instance_id, "approval", "yes")
    assert features.wait_terminal(instance_id)["output"] == answer


@pytest.mark.sdk1
def test_the_sdk_reports_an_unknown_or_ended_instance(features, sdk, sdk_error, key):
    """raise_event raises for an unknown instance and for one that has ended, each with its own text."""
    with pytest.raises(sdk_error, match=f"No instance with ID {key} found"):
        sdk.one("raise_event", key, 1, event="go")
    ended = features.run("who_am_i")["instanceId"]
    with pytest.raises(sdk_error, match="is gone"):
        sdk.one("raise_event", ended, 1, event="go")
