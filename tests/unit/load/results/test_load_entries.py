"""Locust's statistics, filled in bulk: they must not differ from what Locust counts one by one."""

import random
from importlib import import_module
from types import SimpleNamespace

import pytest

from durable_harness.operations import HttpResponse, NoResponse, OperationRecord, OperationState


@pytest.fixture
def locust_names(import_unpatched):
    """Return what is needed of Locust, imported without patching the standard library of this test process."""
    return SimpleNamespace(
        event=import_unpatched("locust.event").EventHook,
        stats=import_unpatched("locust.stats").RequestStats,
        entries=import_unpatched("durable_harness.load.results.entries").LocustEntries,
    )


@pytest.fixture
def new_environment(locust_names):
    """Return new_environment(): statistics, and an event that the runner listens to as Locust's does."""

    def make():
        stats, event = locust_names.stats(), locust_names.event()

        def on_request(request_type, name, response_time, response_length, exception=None, **_):
            stats.log_request(request_type, name, response_time, response_length)
            if exception:
                stats.log_error(request_type, name, exception)

        on_request.__module__ = "locust.runners"
        event.add_listener(on_request)
        return SimpleNamespace(stats=stats, events=SimpleNamespace(request=event))

    return make


def exchange(elapsed_ms, result, redirects=0):
    """Make an exchange as far as the statistics look at it."""
    return SimpleNamespace(elapsed_ms=elapsed_ms, result=result, redirects=redirects)


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


def test_rows_are_as_if_locust_had_counted_each(locust_names, new_environment):
    """Counts, failures, averages, extremes, lengths and percentiles of rows and total equal Locust's own."""
    bulk, single = new_environment(), new_environment()
    entries = locust_names.entries(bulk)
    source = random.Random(3)
    for number in range(2000):
        value = source.lognormvariate(2, 1.5)
        problem = "HTTP 503" if number % 50 == 0 else None
        result = NoResponse("gone") if problem else HttpResponse(200, {}, b"x" * (number % 7))
        entries.requested("GET", "/status", exchange(value, result), problem)
        if number % 300 == 0:
            entries.flush()
        fire = single.events.request.fire
        failed = problem and RuntimeError(problem)
        length = 0 if problem else number % 7
        fire(request_type="GET", name="/status", response_time=value, response_length=length, exception=failed)
    entries.flush()
    for row in (("/status", "GET"), (None, None)):
        assert seen(bulk.stats, *row) == seen(single.stats, *row)
    assert [error.occurrences for error in bulk.stats.errors.values()] == [40]


def ended(state=OperationState.COMPLETED, scenario="Steady", **fields):
    """Make the record of an operation that ended after two seconds."""
    seen = None if state in (OperationState.REFUSED, OperationState.TIMED_OUT) else 102.0
    return OperationRecord(
        "token", 100.0, 1_000_000.0, sent=100.0, ended=102.0, state=state, scenario=scenario, **{"seen": seen, **fields}
    )


def test_a_scenario_has_one_row_in_no_total(locust_names, new_environment):
    """All ends of a scenario's operations are one row; neither it nor its failures are in Locust's totals."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    ok, kind = HttpResponse(200, {}, b""), OperationState
    for _ in range(3):
        entries.requested("GET", "/status", exchange(5.0, ok), None)
        entries.polled(None, 5.0, None)
    entries.ended(ended())
    entries.ended(ended(kind.FAILED, error="it broke"))
    entries.ended(ended(kind.REFUSED, error="HTTP 404"))
    entries.ended(ended(kind.TIMED_OUT, error="still running"))
    entries.ended(ended(kind.TERMINATED))
    entries.ended(ended(scenario="Burst"))
    entries.flush()
    stats = environment.stats
    assert set(stats.entries) == {("/status", "GET"), ("Steady completion", "OP"), ("Burst completion", "OP")}
    row = stats.get("Steady completion", "OP")
    assert (row.num_requests, row.num_none_requests, row.num_failures) == (4, 1, 3)
    assert row.avg_response_time == pytest.approx(2000)
    assert (stats.total.num_requests, stats.total.num_failures, stats.total.max_response_time) == (3, 0, 5.0)


def test_failed_operations_are_among_locusts_failures(locust_names, new_environment):
    """Operations that did not complete are listed by scenario and reason, with how many there were."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    for _ in range(3):
        entries.ended(ended(OperationState.FAILED, error="it broke"))
    entries.ended(ended(OperationState.FAILED, scenario="Burst", error="it broke"))
    listed = {(error.name, error.to_dict()["error"]): error.occurrences for error in environment.stats.errors.values()}
    reason = "OperationError('it broke')"
    assert listed == {("Steady completion", reason): 3, ("Burst completion", reason): 1}


def test_a_redirect_is_a_request_of_its_own(locust_names, new_environment):
    """What the service was asked counts: each redirect that was followed, which has no time, and the last request."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    entries.requested("POST", "/start", exchange(5.0, HttpResponse(202, {}, b""), redirects=2), None)
    entries.requested("POST", "/start", exchange(7.0, NoResponse("gone"), redirects=1), "gone")
    entries.flush()
    for row in (environment.stats.get("/start", "POST"), environment.stats.total):
        assert (row.num_requests, row.num_none_requests, row.num_failures) == (5, 3, 1)
        assert row.avg_response_time == pytest.approx(6)


def test_nothing_is_counted_twice(locust_names, new_environment):
    """What was handed over is not handed over again."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    entries.requested("GET", "/status", exchange(5.0, HttpResponse(200, {}, b"")), None)
    for _ in range(3):
        entries.flush()
    assert environment.stats.total.num_requests == 1


@pytest.mark.parametrize(("now", "second"), [(1000.5, 1000), (1001.0, 1000), (1001.003, 1000), (1001.5, 1001)])
def test_requests_count_in_the_second_in_which_they_were_sent(locust_names, new_environment, monkeypatch, now, second):
    """Requests per second would go up and down if what is handed over on the second counted in the next one."""
    environment = new_environment()
    entries = locust_names.entries(environment)
    entries.requested("GET", "/status", exchange(5.0, HttpResponse(200, {}, b"")), None)
    clock = import_module("durable_harness.load.results.entries")
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: now))
    entries.flush()
    assert environment.stats.total.num_reqs_per_sec == {second: 1}
    assert (now + clock.seconds_to_flush()) % clock.FLUSH_S == pytest.approx(0, abs=1e-6)


def test_listeners_of_others_hear_of_each_request(locust_names, new_environment):
    """If Locust's request event has a listener, every request and operation is an event; totals stay right."""
    environment, heard = new_environment(), []
    environment.events.request.add_listener(lambda name, response_time, **_: heard.append((name, response_time)))
    entries = locust_names.entries(environment)
    entries.requested("GET", "/status", exchange(5.0, HttpResponse(200, {}, b"")), None)
    entries.requested("GET", "/status", exchange(6.0, HttpResponse(200, {}, b"")), None)
    entries.ended(ended(OperationState.FAILED, error="it broke"))
    assert heard == [("/status", 5.0), ("/status", 6.0), ("Steady completion", pytest.approx(2000))]
    entries.flush()
    assert (environment.stats.total.num_requests, environment.stats.total.num_failures) == (2, 0)
    assert environment.stats.get("Steady completion", "OP").num_requests == 1


def test_each_purpose_of_an_arrival_has_its_own_chance(locust_names):
    """Phases of polls are drawn by the seed, the same in any process, and change nothing that payloads draw."""
    arrival = import_module("durable_harness.load.engine.open_load").Arrival(3, 100.0, "1:Steady:3")
    drawn = arrival.random().random()
    phases = [arrival.random("poll phases").random() for _ in range(2)]
    assert phases[0] == phases[1] != drawn
    assert arrival.random().random() == drawn
