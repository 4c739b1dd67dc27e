"""Locust's statistics, filled in bulk: they must not differ from what Locust counts one by one."""

import random
from importlib import import_module
from types import SimpleNamespace

import pytest

from durable_harness.operations import Answer, NoAnswer, OperationRecord, OperationState


@pytest.fixture
def locust_names(monkeypatch):
    """Give what is needed of Locust, imported without patching the standard library of this test process."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    return SimpleNamespace(
        event=import_module("locust.event").EventHook,
        stats=import_module("locust.stats").RequestStats,
        entries=import_module("durable_harness.load.results.entries").LocustEntries,
    )


@pytest.fixture
def new_environment(locust_names):
    """Give new_environment(): statistics, and an event that the runner listens to as Locust's does."""

    def make():
        stats, event = locust_names.stats(), locust_names.event()

        def on_request(request_type, name, response_time, response_length, exception=None, **_):
            stats.log_request(request_type, name, response_time, response_length)
            if exception:
                stats.log_error(request_type, name, exception)

        event.add_listener(on_request)
        return SimpleNamespace(stats=stats, events=SimpleNamespace(request=event))

    return make


def exchange(elapsed_ms, result):
    """Make an exchange as far as the statistics look at it."""
    return SimpleNamespace(elapsed_ms=elapsed_ms, result=result)


def seen(stats, name, method):
    """What Locust's table shows of a row."""
    row = stats.total if name is None else stats.get(name, method)
    return {
        "requests": row.num_requests,
        "failures": row.num_failures,
        "average": pytest.approx(row.avg_response_time),
        "min": row.min_response_time,
        "max": row.max_response_time,
        "length": row.total_content_length,
        "percentiles": [row.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99, 1.0)],
    }


def test_rows_are_as_if_locust_had_been_told_of_each(locust_names, new_environment):
    """Counts, failures, averages, extremes, lengths and percentiles of rows and total equal Locust's own."""
    bulk, single = new_environment(), new_environment()
    entries = locust_names.entries(bulk)
    source = random.Random(3)
    for number in range(2000):
        value = source.lognormvariate(2, 1.5)
        problem = "HTTP 503" if number % 50 == 0 else None
        result = NoAnswer("gone") if problem else Answer(200, {}, b"x" * (number % 7))
        entries.requested("GET", "/status", exchange(value, result), problem)
        entries.polled(None, value, problem)
        if number % 300 == 0:
            entries.flush()
        fire = single.events.request.fire
        failed = problem and RuntimeError(problem)
        length = 0 if problem else number % 7
        fire(request_type="GET", name="/status", response_time=value, response_length=length, exception=failed)
        fire(request_type="OP", name="poll", response_time=value, response_length=0, exception=failed)
    entries.flush()
    for row in (("/status", "GET"), ("poll", "OP"), (None, None)):
        assert seen(bulk.stats, *row) == seen(single.stats, *row)
    assert [error.occurrences for error in bulk.stats.errors.values()] == [40, 40]


def ended(**fields):
    """Make the record of an operation whose end was seen after two seconds."""
    return OperationRecord(
        "token", 100.0, 1_000_000.0, sent=100.0, seen=102.0, ended=102.0, state=OperationState.COMPLETED, **fields
    )


def test_a_row_is_there_where_its_figure_is_known(locust_names, new_environment):
    """Whole seconds make no row of a lag; the scheduler's times and costs have rows, and counts are in no total."""
    coarse, fine = new_environment(), new_environment()
    whole_seconds = {"server_updated_epoch_s": 1_000_101.0, "server_update_is_coarse": True}
    measured = {"server_updated_epoch_s": 1_000_101.5, "actions": {"activity": 2}, "payload_bytes": 7_000}
    for environment, fields in ((coarse, whole_seconds), (fine, measured)):
        entries = locust_names.entries(environment)
        entries.ended(ended(**fields))
        entries.flush()
    shown = {"completion", "polls per operation"}
    assert {name for name, _ in coarse.stats.entries} == shown
    assert {name for name, _ in fine.stats.entries} == {
        *shown,
        *("finish", "detection lag", "actions per operation", "payload bytes per operation"),
    }
    assert fine.stats.get("detection lag", "OP").avg_response_time == pytest.approx(500, abs=1)
    assert (fine.stats.total.num_requests, fine.stats.total.max_response_time) == (3, pytest.approx(2000))


def test_nothing_is_counted_twice(locust_names, new_environment):
    """What was handed over is not handed over again."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    entries.polled(None, 5.0, None)
    for _ in range(3):
        entries.flush()
    assert environment.stats.total.num_requests == 1


def test_listeners_of_others_hear_of_each_request(locust_names, new_environment):
    """Where somebody listens to Locust's request event, every poll is an event, as Locust's users expect."""
    environment, heard = new_environment(), []
    environment.events.request.add_listener(lambda name, response_time, **_: heard.append((name, response_time)))
    entries = locust_names.entries(environment)
    entries.polled(None, 5.0, None)
    entries.polled(None, 6.0, None)
    assert heard == [("poll", 5.0), ("poll", 6.0)]
    entries.flush()
    assert environment.stats.total.num_requests == 2


def test_each_purpose_of_an_arrival_has_its_own_chance(locust_names):
    """Phases of polls are drawn by the seed, the same in any process, and change nothing that payloads draw."""
    arrival = import_module("durable_harness.load.engine.open_load").Arrival(3, 100.0, "1:Steady:3")
    drawn = arrival.random().random()
    phases = [arrival.random("poll phases").random() for _ in range(2)]
    assert phases[0] == phases[1] != drawn
    assert arrival.random().random() == drawn
