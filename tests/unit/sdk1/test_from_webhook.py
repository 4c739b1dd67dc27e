"""Histories recorded from the durable HTTP API alone: what it reports is enough to find most changes."""

import json
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import pytest

from durable_harness.host.durable_http.status_json import history_events
from durable_harness.protocol.history_file import UnreadableHistoryError, from_events
from durable_harness.replay import replay
from durable_harness.replay.from_webhook import history_from_rows
from history_events import event
from recorded import app_of, record
from test_replay import approval, eternal, racing, retrying, two_activities


def webhook(history):
    """Return a history as the durable HTTP API reports it, and recorded from there."""
    return history_from_rows("i", history_events(spread(history.events), show_input=True, show_output=True))


def spread(events):
    """Return events each a little later than the one before, as the Durable extension writes them."""
    moved = []
    for number, source in enumerate(events):
        later = type(source)()
        later.CopyFrom(source)
        moment = source.timestamp.ToDatetime(tzinfo=UTC) + timedelta(milliseconds=number)
        later.timestamp.FromDatetime(moment)
        moved.append(later)
    return moved


def fan_out(size):
    def orchestrator(context):
        yield context.task_all([context.call_activity("a", number) for number in range(size)])
        yield context.call_sub_orchestrator("child", "x")

    return orchestrator


@pytest.mark.parametrize(
    ("orchestrator", "run"),
    [
        (two_activities, {}),
        (approval, {"events": [("approved", '"yes"')]}),
        (racing(), {"events": [("go", "1")]}),
        (retrying(), {"fails": {0}}),
        (retrying(), {"fails": {0, 2}}),
        (fan_out(4), {"order": lambda ids: sorted(ids, reverse=True)}),
        (fan_out(4), {"batch": 4, "fails": {2}}),
    ],
)
def test_histories_of_the_api_replay_clean(orchestrator, run):
    """Names, inputs and times of what was scheduled are enough to give the steps their ids and their order."""
    history = webhook(record(orchestrator, **run))
    assert history.lacks >= {"turns", "dueTimes"}
    assert replay(history, app_of(o=orchestrator)) is None


@pytest.mark.parametrize(
    ("history", "changed", "aspect"),
    [
        (record(two_activities), retrying("a"), "input"),
        (record(retrying()), retrying("b"), "name"),
        (record(fan_out(3)), fan_out(4), "kind"),
        (record(fan_out(3)), fan_out(2), "count"),
        (record(two_activities), eternal(), "count"),
        (record(racing(), events=[("go", "1")]), two_activities, "kind"),
    ],
)
def test_changes_are_found_all_the_same(history, changed, aspect):
    """Changes in kind, name, input and count are found without turns."""
    assert replay(webhook(history), app_of(o=changed)).aspect == aspect


@pytest.mark.parametrize("wrapped", [True, False])
def test_activity_inputs_of_the_extension_are_unpacked(wrapped):
    """Inputs that are lists of one text of JSON, as the Durable extension hands them on, are read as that text."""

    def orchestrator(context):
        yield context.task_all([context.call_activity("a", value) for value in ("Ada", ["x"], {"n": 1}, None)])

    rows = history_events(spread(record(orchestrator).events), show_input=True, show_output=True)
    for row in rows:
        if row.get("FunctionName") == "a" and wrapped:
            row["Input"] = [json.dumps(row["Input"])]
    assert replay(history_from_rows("i", rows), app_of(o=orchestrator)) is None


def test_due_times_are_not_known():
    """A timer's due time was computed from a time that the API does not report, so another one is no difference."""
    assert replay(webhook(record(racing(60), events=[("go", "1")])), app_of(o=racing(61))) is None


def test_missing_inputs_are_reported():
    """Where a deployment keeps inputs out of its histories, the recording says so and compares the rest."""
    rows = history_events(spread(record(two_activities).events), show_input=True, show_output=True)
    for row in rows:
        row.pop("Input", None)
    history = history_from_rows("i", rows)
    assert history.lacks == {"turns", "dueTimes", "inputs"}
    assert replay(history, app_of(o=two_activities)) is None


def test_entities_need_the_scheduler():
    """Calls of entities cannot be distinguished from the API's rows; the error states where to record instead."""

    def orchestrator(context):
        yield context.call_entity(df.EntityId("e", "k"), "get")

    with pytest.raises(UnreadableHistoryError, match="Record it from its scheduler: --scheduler"):
        webhook(record(orchestrator))


def test_an_instance_that_has_not_begun():
    """No rows are no history."""
    with pytest.raises(UnreadableHistoryError, match="no turn has run"):
        history_from_rows("i", [])


def test_times_without_a_zone_are_utc():
    """Times of the API are read as UTC whether they say so or not."""
    rows = [{"EventType": "ExecutionStarted", "FunctionName": "o", "Timestamp": "2026-01-01T00:00:00.1234567"}]
    started = history_from_rows("i", rows).events[1]
    assert started.timestamp.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert from_events("i", [event(executionStarted={"name": "o"})]).lacks == frozenset()
