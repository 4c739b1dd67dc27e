"""Recorded histories against changed orchestrators: every change that a replay would suffer from is named."""

import dataclasses
import json
from datetime import timedelta

import azure.durable_functions as df
import pytest

from durable_harness.host.app.functions import FunctionApp
from durable_harness.protocol import pb
from durable_harness.protocol.history_file import as_document, from_document, from_events
from durable_harness.replay import replay
from history_events import event
from recorded import app_of, record

RETRY = df.RetryOptions(5000, 2)
COUNTER = df.EntityId("counter", "k")


def two_activities(context):
    first = yield context.call_activity("a", 1)
    return (yield context.call_activity("b", first))


def together(context):
    yield context.task_all([context.call_activity("a", 1), context.call_activity("b", 2)])


def sleeping(context):
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=5))
    yield context.call_activity("a")


def approval(context):
    name = yield context.wait_for_external_event("approved")
    yield context.call_activity("a", name)


def difference(history, changed):
    """Replay a history against a changed orchestrator; there must be a difference, which is returned."""
    found = replay(history, app_of(o=changed))
    assert found is not None
    return found


def place_of(history, changed):
    found = difference(history, changed)
    return found.aspect, found.turn, found.event_id


# -- the six kinds of difference --------------------------------------------------------------------------------------


def test_another_kind():
    """A timer where history has an activity differs in kind, and both are described."""

    def changed(context):
        yield context.create_timer(context.current_utc_datetime)

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn, found.event_id) == ("kind", 1, 0)
    assert found.expected == "activity 'a' with input 1"
    assert found.got == "timer due 2026-01-01T00:00:00Z"


def test_another_name():
    """An activity of another name differs in name, in the turn and under the id that history has of it."""

    def changed(context):
        first = yield context.call_activity("a", 1)
        return (yield context.call_activity("c", first))

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn, found.event_id) == ("name", 2, 1)
    assert (found.expected, found.got) == ("activity 'b' with input 0", "activity 'c' with input 0")


def test_another_input():
    """An activity with another input differs in input, and the line of the code that asks for it is named."""

    def changed(context):
        first = yield context.call_activity("a", 1)
        return (yield context.call_activity("b", [first]))

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn, found.event_id) == ("input", 2, 1)
    assert found.line == f"{__file__}:{changed.__code__.co_firstlineno + 2}"


@pytest.mark.parametrize(("before", "now"), [(1, True), (1, 1.0), ("1", 1), (None, 0), ({"a": 1}, {"a": "1"})])
def test_inputs_are_compared_as_json(before, now):
    """Values that Python takes for equal and JSON does not are different inputs."""

    def calling(value):
        def orchestrator(context):
            yield context.call_activity("a", value)

        return orchestrator

    assert place_of(record(calling(before)), calling(now)) == ("input", 1, 0)
    assert replay(record(calling({"a": 1, "b": 2})), app_of(o=calling({"b": 2, "a": 1}))) is None


def test_another_due_time():
    """A timer that is due at another time differs in due time."""

    def changed(context):
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=6))

    found = difference(record(sleeping), changed)
    assert (found.aspect, found.turn, found.event_id) == ("due time", 1, 0)
    assert (found.expected, found.got) == ("timer due 2026-01-01T00:00:05Z", "timer due 2026-01-01T00:00:06Z")


def test_another_order_in_one_turn():
    """The same actions of one turn in another order differ in order."""

    def changed(context):
        yield context.task_all([context.call_activity("b", 2), context.call_activity("a", 1)])

    assert place_of(record(together), changed) == ("order", 1, 0)


def test_another_order_over_turns():
    """Two activities one after the other that changed places differ in order, not just in name."""

    def straight(context):
        yield context.call_activity("a", 1)
        yield context.call_activity("b", 2)

    def changed(context):
        yield context.call_activity("b", 2)
        yield context.call_activity("a", 1)

    assert place_of(record(straight), changed) == ("order", 1, 0)


def test_a_step_gone_from_the_front_is_a_matter_of_count():
    """Without its first activity the second one comes too early: that is a count, no order."""

    def straight(context):
        yield context.call_activity("a", 1)
        yield context.call_activity("b", 2)

    def changed(context):
        yield context.call_activity("b", 2)

    assert place_of(record(straight), changed) == ("count", 1, 0)


def test_too_many_in_a_turn():
    """An action more in a turn differs in count, wherever in the turn it is."""

    def at_the_end(context):
        yield context.task_all([context.call_activity(name, n) for n, name in ((1, "a"), (2, "b"), (3, "c"))])

    def at_the_front(context):
        yield context.task_all([context.call_activity(name, n) for n, name in ((3, "c"), (1, "a"), (2, "b"))])

    found = difference(record(together), at_the_end)
    assert (found.aspect, found.turn, found.event_id) == ("count", 1, None)
    assert (found.expected, found.got) == ("nothing more in this turn", "activity 'c' with input 3")
    assert place_of(record(together), at_the_front)[0] == "count"


def test_too_few_in_a_turn():
    """An action less differs in count, and what the code waits for instead is reported."""

    def changed(context):
        yield context.wait_for_external_event("approved by the boss")
        yield context.call_activity("a", "yes")

    found = difference(record(approval, events=[("approved", '"yes"')]), changed)
    assert (found.aspect, found.turn, found.event_id) == ("count", 2, 0)
    assert found.got == "nothing more; it waits for external event 'approved by the boss'"


def test_one_more_before_the_end():
    """An activity that was added at the end of the code differs in count: history ends there."""

    def changed(context):
        first = yield context.call_activity("a", 1)
        second = yield context.call_activity("b", first)
        yield context.call_activity("c")
        return second

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn) == ("count", 3)
    assert (found.expected, found.got) == ("completion with output 1", "activity 'c' with input null")


def test_an_end_that_comes_early():
    """Code that ends where history continues differs in count."""

    def changed(context):
        return (yield context.call_activity("a", 1))

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn, found.event_id) == ("count", 2, 1)
    assert found.got == "completion with output 0"


def test_another_output():
    """Another return value differs in output."""

    def changed(context):
        first = yield context.call_activity("a", 1)
        return [(yield context.call_activity("b", first))]

    found = difference(record(two_activities), changed)
    assert (found.aspect, found.turn, found.event_id) == ("output", 3, None)
    assert (found.expected, found.got) == ("completion with output 1", "completion with output [1]")


def test_code_that_raises_today():
    """Code that raises where history continues is reported with its error and the line that raised."""

    def changed(context):
        yield context.call_activity("a", 1)
        raise KeyError("customer")

    found = difference(record(two_activities), changed)
    assert found.aspect == "count"
    assert found.got.startswith("failure: Orchestrator function 'o' failed: KeyError: 'customer' (")
    assert found.line == f"{__file__}:{changed.__code__.co_firstlineno + 2}"


def test_an_orchestrator_that_is_gone():
    """Without the orchestrator the app's others are named."""
    found = replay(record(two_activities), app_of(other=two_activities))
    missing = "The orchestrator function 'o' does not exist in this app. Known ones: other."
    assert (found.aspect, found.got) == ("orchestrator", missing)


def test_a_disabled_orchestrator_is_named():
    """A history of an orchestrator that a setting disables names the setting, as a start of it does."""
    app = app_of(o=two_activities, other=two_activities)
    disabled = [dataclasses.replace(app.functions[0], disabled_by="AzureWebJobs.o.Disabled")]
    app = FunctionApp(app.directory, app.functions[1:], disabled=tuple(disabled))
    assert replay(record(two_activities), app).got == (
        "The orchestrator function 'o' is disabled, by AzureWebJobs.o.Disabled."
    )


# -- every feature: unchanged, and changed ----------------------------------------------------------------------------


def retrying(activity="a", interval_ms=5000, attempts=2):
    def orchestrator(context):
        try:
            yield context.call_activity_with_retry(activity, df.RetryOptions(interval_ms, attempts), "x")
        except Exception:  # noqa: BLE001 - the SDK raises bare Exception
            yield context.call_activity("after")

    return orchestrator


def children(name="child", given=1, instance_id=None):
    def orchestrator(context):
        yield context.call_sub_orchestrator(name, given, instance_id)

    return orchestrator


def entities(operation="add", given=1, signal_first=True):
    def orchestrator(context):
        if signal_first:
            context.signal_entity(COUNTER, operation, given)
        yield context.call_entity(COUNTER, "get", given)

    return orchestrator


def http(url="https://example.com/a"):
    def orchestrator(context):
        yield context.call_http("GET", url)

    return orchestrator


def eternal(given=2):
    def orchestrator(context):
        yield context.wait_for_external_event("tick")
        context.continue_as_new(given)

    return orchestrator


def racing(seconds=60):
    def orchestrator(context):
        due = context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))
        winner = yield context.task_any([context.wait_for_external_event("go"), due])
        if winner is not due:
            due.cancel()
        yield context.call_activity("after", winner is due)

    return orchestrator


def compound(last=3):
    def orchestrator(context):
        either = context.task_any([context.call_activity("b", 2), context.wait_for_external_event("never")])
        yield context.task_all([context.call_activity("a", 1), either])
        yield context.call_activity("c", last)

    return orchestrator


CHANGES = {
    "retry: name": (retrying, {"fails": {0}}, {"activity": "b"}, "name", 1),
    "retry: interval": (retrying, {"fails": {0}}, {"interval_ms": 6000}, "due time", 2),
    "retry: attempts": (retrying, {"fails": {0, 2}}, {"attempts": 3}, "due time", 4),
    "sub-orchestration: name": (children, {}, {"name": "other"}, "name", 1),
    "sub-orchestration: input": (children, {}, {"given": 2}, "input", 1),
    "sub-orchestration: id": (children, {}, {"instance_id": "fixed"}, "name", 1),
    "sub-orchestration fails": (children, {"fails": {0}}, {"given": 2}, "input", 1),
    "entity: operation": (entities, {}, {"operation": "subtract"}, "name", 1),
    "entity: input": (entities, {}, {"given": 2}, "input", 1),
    "entity: no signal": (entities, {}, {"signal_first": False}, "count", 1),
    "call_http: URL": (http, {}, {"url": "https://example.com/b"}, "input", 1),
    "continue-as-new: input": (eternal, {"events": [("tick", "1")]}, {"given": 3}, "input", 2),
    "race with a timer": (racing, {"events": [("go", "1")]}, {"seconds": 61}, "due time", 1),
    "nested task sets": (compound, {"batch": 2}, {"last": 4}, "input", 2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_feature_is_compared(name):
    """A recording of each feature replays clean against its own code, and a change of the code is found."""
    make, run, changes, aspect, turn = CHANGES[name]
    history = record(make(), **run)
    assert replay(history, app_of(o=make())) is None
    found = difference(history, make(**changes))
    assert (found.aspect, found.turn) == (aspect, turn)


def test_the_custom_status_is_not_compared():
    """Another custom status is no difference: no replay depends on it."""

    def changed(context):
        context.set_custom_status("new")
        return (yield from two_activities(context))

    assert replay(record(two_activities), app_of(o=changed)) is None


def test_code_that_asks_whether_it_is_replayed():
    """An action that depends on is_replaying is found, although the first run of the code did just the same."""

    def orchestrator(context):
        if not context.is_replaying:
            yield context.call_activity("announce")
        yield context.call_activity("a")

    assert place_of(record(orchestrator), orchestrator)[0] in {"name", "count"}


def test_code_that_does_not_repeat_itself():
    """Inputs that come from outside the history differ, run by run."""
    numbers = iter(range(1000))

    def orchestrator(context):
        yield context.call_activity("a", next(numbers))

    assert place_of(record(orchestrator), orchestrator) == ("input", 1, 0)


def test_a_suspension_delays_what_came_meanwhile():
    """Events that came while the instance was suspended are replayed as after its resumption."""
    history = from_events(
        "i",
        [
            event(orchestratorStarted={}),
            event(executionStarted={"name": "o"}),
            event(executionSuspended={}),
            event(orchestratorCompleted={}),
            event(1, orchestratorStarted={}),
            event(1, eventRaised={"name": "approved", "input": {"value": '"yes"'}}),
            event(1, orchestratorCompleted={}),
            event(2, orchestratorStarted={}),
            event(2, executionResumed={}),
            event(2, 0, taskScheduled={"name": "a", "input": {"value": '"yes"'}}),
            event(2, orchestratorCompleted={}),
        ],
    )
    assert replay(history, app_of(o=approval)) is None


def test_a_termination_ends_the_comparison():
    """The turn that terminates an instance runs no code of it, so nothing is compared there."""
    history = record(approval)
    ended = [
        *history.events,
        event(1, orchestratorStarted={}),
        event(1, executionTerminated={}),
        event(1, orchestratorCompleted={}),
        event(1, executionCompleted={"orchestrationStatus": pb.ORCHESTRATION_STATUS_TERMINATED}),
    ]
    assert replay(from_events("i", ended), app_of(o=approval)) is None


def rewound(*before):
    """A history in which the first activity failed, and was done again after a rewind."""
    return from_events(
        "i",
        [
            event(orchestratorStarted={}),
            event(executionStarted={"name": "o"}),
            *before,
            event(orchestratorCompleted={}),
            event(1, orchestratorStarted={}),
            event(1, orchestratorCompleted={}),
            event(2, orchestratorStarted={}),
            event(2, executionRewound={}),
            event(2, 0, taskScheduled={"name": "a", "input": {"value": "1"}}),
            event(2, orchestratorCompleted={}),
            event(3, orchestratorStarted={}),
            event(3, taskCompleted={"taskScheduledId": 0, "result": {"value": "0"}}),
            event(3, 1, taskScheduled={"name": "b", "input": {"value": "0"}}),
            event(3, orchestratorCompleted={}),
        ],
    )


def test_a_rewound_history_is_compared_as_a_whole():
    """What a rewind did again stands in a later turn than it was asked for; changes are found anyway."""

    def changed(context):
        first = yield context.call_activity("a", 1)
        yield context.call_activity("c", first)

    assert replay(rewound(), app_of(o=two_activities)) is None
    assert place_of(rewound(), changed) == ("name", 4, 1)


def test_a_long_history_is_continued_and_compared():
    """Beyond the events that are replayed in every turn, a change in a late turn is found, and only then."""

    def looping(change_at):
        def orchestrator(context):
            for number in range(140):
                yield context.call_activity("a", -1 if number == change_at else number)

        return orchestrator

    history = record(looping(None), batch=1)
    assert len(history.events) > 200
    assert replay(history, app_of(o=looping(None))) is None
    assert place_of(history, looping(55)) == ("input", 56, 55)


def as_once_recorded(history):
    """A history as schedulers of before kept it: with the ends of turns, and an end without the id of its action."""
    events = []
    for past in history.events:
        if past.WhichOneof("eventType") in {"orchestratorStarted", "executionCompleted"} and events:
            events.append(event(orchestratorCompleted={}))
        copied = pb.HistoryEvent.FromString(past.SerializeToString())
        if copied.WhichOneof("eventType") in {"executionStarted", "executionCompleted"}:
            copied.eventId = -1
        events.append(copied)
    return from_events("i", events)


@pytest.mark.parametrize("orchestrator", [two_activities, sleeping, approval])
def test_histories_of_before_still_replay(orchestrator):
    """A file that has the ends of turns, and none of today's ids of start and end, is compared like any other."""
    history = record(orchestrator, events=[("approved", '"yes"')])
    before = as_once_recorded(history)
    assert len(before.events) > len(history.events)
    assert replay(before, app_of(o=orchestrator)) is None
    other = approval if orchestrator is not approval else sleeping
    assert place_of(before, other) == place_of(history, other) is not None


def test_a_history_of_an_instance_that_still_runs():
    """A recording may stop in the middle: what comes later is not compared."""
    history = record(approval)
    assert replay(history, app_of(o=approval)) is None
    assert place_of(history, two_activities) == ("count", 1, None)


def test_what_a_file_lacks_is_not_compared():
    """Without due times and inputs, only they are left out of the comparison."""
    history = record(sleeping)
    partial = from_document({**as_document(history), "lacks": ["dueTimes", "inputs", "turns"]}, "file")

    def later(context):
        yield context.create_timer(context.current_utc_datetime + timedelta(days=5))
        yield context.call_activity("a")

    def other(context):
        yield context.create_timer(context.current_utc_datetime + timedelta(days=5))
        yield context.call_activity("b")

    assert replay(partial, app_of(o=later)) is None
    assert place_of(partial, other) == ("name", 2, 1)


def test_a_recorded_history_is_the_same_after_a_file():
    """Writing and reading a history gives the same events, and the same text again."""
    history = record(racing(), events=[("go", "1")])
    document = as_document(history)
    again = from_document(json.loads(json.dumps(document)), "file")
    assert again.events == history.events
    assert as_document(again) == document
