"""What an instance waits for as lines of text, of documents written by hand."""

import pytest

from durable_harness.protocol.values import LATEST_NS
from durable_harness.why import waiting_for
from durable_harness.why.segments import Part
from durable_harness.why.waiting import wait_lines
from durable_harness.why.waits import Wait
from made_up_timings import MS, begins, document, event, turn, turn_began


def awaits(*events, unclaimed=(), line="function_app.py:44"):
    """Return what a host reports of the events that an instance waits for."""
    return {"events": list(events), "unclaimed": list(unclaimed), "line": line}


def raised(at_ms, name):
    """Return the events of a turn that an external event brought about."""
    return [turn_began(at_ms), event("eventRaised", at_ms, name=name)]


def test_an_awaited_event_is_named_with_its_line():
    """The name and the place come from the code; since when, from the end of the last turn."""
    lines = waiting_for(document(begins(), [turn(0, 0, 10)], awaits=awaits("approval")))
    assert lines == ["external event 'approval' (function_app.py:44): has not come (for 9.99 s)"]


def test_an_event_that_nothing_waits_for_is_reported():
    """One that came under another name is named beside what is waited for; it does not shorten the wait."""
    came = [*raised(4000, "approved"), *raised(5000, "approved")]
    works = [turn(0, 0, 10), turn(4000, 4000, 4010), turn(5000, 5000, 5010)]
    lines = waiting_for(document([*begins(), *came], works, awaits=awaits("approval", unclaimed=["approved"] * 2)))
    assert lines == [
        (
            "external event 'approval' (function_app.py:44): has not come (for 9.99 s);"
            " 'approved' came 2 times, and nothing waits for it"
        )
    ]


def test_an_event_that_races_with_a_timer_is_named_beside_it():
    """What a race waits for is all of it."""
    events = [*begins(), event("timerCreated", 10, 1, dueNs=30_000 * MS)]
    lines = waiting_for(document(events, [turn(0, 0, 10)], awaits=awaits("approval")))
    assert lines[0].startswith("timer: fires in 20.0 s")
    assert lines[1].startswith("external event 'approval'")


def test_a_wait_for_ever_is_no_number_of_seconds():
    """A timer of months is reported in days, one until the end of time by the year that it is not due before."""
    for due_ns, words in (
        (100 * 24 * 3_600_000 * MS, "timer: fires in 99 d 23 h"),
        (LATEST_NS, "timer: is due after the year 2115"),
    ):
        events = [*begins(), event("timerCreated", 10, 1, dueNs=due_ns)]
        assert waiting_for(document(events, [turn(0, 0, 10)])) == [words]


def test_the_cause_in_a_child_takes_the_place_of_waiting_for_it():
    """Of parents that wait for their children the innermost wait is reported, with the instance it is of."""
    inner = document(begins(), [turn(0, 0, 10)], instanceId="child", orchestrator="c", awaits=awaits("paid"))
    created = event("subOrchestrationInstanceCreated", 10, 1, name="c", instanceId="child")
    middle = document([*begins(), created], [turn(0, 0, 10)], instanceId="middle", orchestrator="m", children=[inner])
    created = event("subOrchestrationInstanceCreated", 10, 1, name="m", instanceId="middle")
    lines = waiting_for(document([*begins(), created], [turn(0, 0, 10)], children=[middle], awaits=awaits()))
    assert lines == ["external event 'paid' (function_app.py:44): has not come (for 9.99 s) (in c child)"]


def test_a_child_that_is_not_known_is_waited_for_itself():
    """A purged child, or one of another app, is named."""
    created = event("subOrchestrationInstanceCreated", 10, 1, name="c", instanceId="child")
    lines = waiting_for(document([*begins(), created], [turn(0, 0, 10)]))
    assert lines == ["sub-orchestration 'c': has not ended (for 9.99 s)"]


def test_without_the_hosts_word_the_last_event_is_named():
    """Of a service that does not say what is awaited: the event that came last, after which nothing was asked for."""
    works = [turn(0, 0, 10), turn(4000, 4000, 4010)]
    [lines] = waiting_for(document([*begins(), *raised(4000, "approved")], works))
    assert lines == "an external event: none has come that it takes (for 5.99 s); the last that came was 'approved'"


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "TERMINATED"])
def test_what_has_ended_waits_for_nothing(status):
    """Whatever a document says beside it."""
    assert waiting_for(document(begins(), [turn(0, 0, 10)], status=status, ended_ms=20, awaits=awaits("x"))) == []


def test_what_is_alike_is_one_line():
    """Many of one kind are counted, with the oldest."""
    waits = [Wait("activity 'a'", "runs", age * 10**9, Part.CODE) for age in (1, 3)]
    assert wait_lines(waits) == ["2 x activity 'a': runs (for 3.00 s, the oldest)"]
