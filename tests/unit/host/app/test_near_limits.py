"""Warnings before a limit is reached: what is warned of, how often, and with which figures."""

import logging

import pytest

from durable_harness.host.app.functions import Function
from durable_harness.host.app.near_limits import NearLimits
from durable_harness.protocol import pb, wrap_text

HALF = 524_288
COME = pb.HistoryEvent(eventRaised=pb.EventRaisedEvent(name="go"))


def function(name="pay", durable_name=None):
    trigger = {"type": "orchestrationTrigger", "name": "context", "orchestration": durable_name}
    return Function(name=name, trigger=trigger, bindings=(), call=print, is_async=False, wants_context=False)


def answer(custom_status=None, **action):
    actions = [pb.OrchestratorAction(id=0, **action)] if action else []
    return pb.OrchestratorResponse(instanceId="1", customStatus=wrap_text(custom_status), actions=actions)


def asked(*events):
    return pb.OrchestratorRequest(instanceId="1", newEvents=events)


def text(size_bytes):
    return "x" * size_bytes


def wrapped(size_bytes):
    return wrap_text(text(size_bytes))


@pytest.fixture
def near():
    """Return the watcher of limits."""
    return NearLimits()


@pytest.mark.parametrize(
    ("events", "response", "what"),
    [
        ([], {"scheduleTask": pb.ScheduleTaskAction(name="a", input=wrapped(HALF + 1))}, "the input of an activity"),
        ([], {"completeOrchestration": pb.CompleteOrchestrationAction(result=wrapped(HALF + 1))}, "its output"),
        (
            [],
            {"createSubOrchestration": pb.CreateSubOrchestrationAction(name="a", input=wrapped(HALF + 1))},
            "the input of a sub-orchestration",
        ),
        ([], {"sendEvent": pb.SendEventAction(name="a", data=wrapped(HALF + 1))}, "what it sends"),
        (
            [],
            {
                "sendEntityMessage": pb.SendEntityMessageAction(
                    entityOperationCalled=pb.EntityOperationCalledEvent(operation="a", input=wrapped(HALF + 1))
                )
            },
            "what it sends",
        ),
        ([pb.HistoryEvent(executionStarted=pb.ExecutionStartedEvent(input=wrapped(HALF + 1)))], {}, "its input"),
        ([pb.HistoryEvent(eventRaised=pb.EventRaisedEvent(input=wrapped(HALF + 1)))], {}, "an event"),
    ],
)
def test_every_large_payload_of_a_turn_is_noted(near, events, response, what):
    """A payload over half of the limit is noted with its size, wherever in a turn it is."""
    near.turn(function(), asked(*events), answer(**response))
    (noted,) = near.texts
    assert f"'pay': {what}" in noted
    assert "524,289 bytes, over half of the 1,048,576" in noted


@pytest.mark.parametrize("size", [0, 1000, HALF])
def test_what_is_far_from_a_limit_is_not_noted(near, size):
    """Up to half of a limit nothing is reported."""
    near.turn(function(), asked(COME), answer('"s"', scheduleTask=pb.ScheduleTaskAction(name="a", input=wrapped(size))))
    near.texts_of(function(), input=text(size), output=None)
    near.history(function(), "1", 1000, 5.0)
    assert near.texts == []


def test_a_history_is_noted_with_the_time_of_its_replay(near):
    """A history of more than 1,000 events is noted with what its replay took, and the way out."""
    near.history(function(durable_name="paying"), "abc", 1001, 12.34)
    (noted,) = near.texts
    assert "'paying': a history of 1,001 events (instance 'abc')" in noted
    assert "12.3 ms" in noted
    assert "continue_as_new" in noted


def test_a_custom_status_is_noted_by_its_size_in_utf_16(near):
    """A custom status over half of 16 KB is noted; it is measured as Azure writes it."""
    near.turn(function(), asked(), answer('"' + "\\u017e" * 4000 + '"'))
    assert near.texts == []
    near.turn(function(), asked(), answer('"' + "x" * 4095 + '"'))
    assert "8,194 bytes of UTF-16" in near.texts[0]


def test_each_is_noted_once_for_a_function(near, caplog):
    """The first payload, history and status of each function is logged; what follows of the kind is not."""
    with caplog.at_level(logging.WARNING):
        for name in ("pay", "ship", "pay"):
            near.texts_of(function(name), input=text(HALF + 5))
            near.history(function(name), "1", 2000, 1.0)
            near.turn(function(name), asked(), answer('"' + "x" * 5000 + '"'))
    assert len(near.texts) == len(caplog.records) == 6
    assert {record.function for record in caplog.records} == {"pay", "ship"}
