"""Which operations of a run stand for the others when its time is split."""

import numpy as np
import pyarrow as pa
import pytest

from durable_harness.gate import Histogram
from durable_harness.gate.records import SCHEMA
from durable_harness.load.audit.samples import Samples, completion_ms


def row(number, completion_ms, **fields):
    """Make the row of an operation that was sent at 1,000 s and completed some milliseconds later."""
    values = {
        "token": f"t{number}",
        "instance_id": f"i{number}",
        "scenario": "Steady",
        "intended_s": 1000.0,
        "sent_s": 1000.0,
        "accepted_s": 1000.0,
        "seen_s": 1000 + completion_ms / 1000,
        "ended_s": 1000 + completion_ms / 1000,
        "polls": 2,
        "poll_ms": 4.0,
        "state": "completed",
        "workload": "open",
        "phase": "measured",
        "start_at_host": "",
        "poll_at_host": "",
        "server_clock": "",
    }
    return dict.fromkeys(SCHEMA.names) | values | fields


def samples(*rows, scenario=""):
    """Make the samples of some rows."""
    return Samples(pa.Table.from_pylist(list(rows), SCHEMA), scenario)


def ids(rows):
    return [one["instance_id"] for one in rows]


def test_the_mean_of_few_is_that_of_all():
    """From the fastest to the slowest, evenly: their mean completion is close to that of all, whatever the shape."""
    times = np.random.default_rng(1).lognormal(5, 1, 5000)
    few = samples(*(row(number, time) for number, time in enumerate(times))).evenly(40)
    mean_ms = np.mean([(one["seen_s"] - one["from_s"]) * 1000 for one in few])
    assert mean_ms == pytest.approx(times.mean(), rel=0.1)


def test_the_mean_is_of_measured_completed_operations():
    """Failures, the warm-up and other scenarios are left out."""
    rows = [row(1, 10), row(2, 20, state="failed"), row(3, 30, phase="warm-up"), row(4, 40, scenario="Other")]
    assert ids(samples(*rows).evenly(40)) == ["i1", "i4"]
    assert ids(samples(*rows, scenario="Steady").evenly(40)) == ["i1"]


def test_completion_counts_from_the_start_of_its_workload():
    """From the intended start of an open workload, from sending of a closed one."""
    opened, closed = row(1, 50, sent_s=1000.02), row(2, 50, sent_s=1000.02, workload="closed")
    assert [one["from_s"] for one in samples(opened, closed).evenly(2)] == [1000.02, 1000.0]


@pytest.mark.parametrize(
    ("metric", "fields"),
    [
        ("completion_ms", {"seen_s": 1000.5}),
        ("slip_ms", {"intended_s": 999.5}),
        ("start_ms", {"accepted_s": 1000.5}),
        ("queueing_ms", {"server_created_s": 1000.0, "server_running_s": 1000.5}),
        ("execution_ms", {"server_running_s": 1000.0, "server_updated_s": 1000.5}),
        ("finish_ms", {"server_updated_s": 1000.5}),
        ("server_completion_ms", {"server_created_s": 1000.0, "server_updated_s": 1000.5}),
        ("detection_lag_ms", {"server_updated_s": 1000.0, "seen_s": 1000.5}),
        ("poll_ms", {"poll_ms": 1000.0}),
        ("polling_ms", {"poll_ms": 500.0}),
    ],
)
def test_operations_beyond_a_limit_are_found_by_any_figure(metric, fields):
    """The one whose figure is above the limit; those below it, and those without the figure, are not."""
    found = samples(row(1, 20), row(2, 20, **fields), row(3, 20)).beyond(metric, 400, 10)
    assert ids(found) == ["i2"]


def test_what_timed_out_is_beyond_a_limit_too():
    """It lasted at least until the wait was given up."""
    late = row(2, 0, seen_s=None, ended_s=1060.0, state="timed out")
    (found,) = samples(row(1, 20), late).beyond("completion_ms", 100, 10)
    assert (found["instance_id"], found["seen_s"]) == ("i2", 1060.0)


def test_a_few_are_taken_of_many_beyond_a_limit():
    """Evenly from the smallest excess to the largest."""
    found = samples(*(row(number, number) for number in range(1000))).beyond("completion_ms", 500, 10)
    assert len(found) == 10
    assert 500 < int(found[0]["instance_id"][1:]) < 550
    assert 950 < int(found[-1]["instance_id"][1:]) < 1000


@pytest.mark.parametrize(
    ("count", "percent", "near"), [(30, 50, 9), (120, 50, 9), (120, 99, 3), (400, 99, 9), (30, 99, 1)]
)
def test_operations_near_a_percentile_are_around_it(count, percent, near):
    """As many as can be, on both sides of the percentile that the histogram of the same operations has."""
    found = samples(*(row(number, 100 + number) for number in range(count))).near(percent, 9)
    histogram = Histogram()
    for number in range(count):
        histogram.record(100 + number)
    mean_ms = np.mean([completion_ms(one) for one in found])
    assert len(found) == near
    assert mean_ms == pytest.approx(histogram.percentile(percent), rel=1e-3)


def test_nothing_is_chosen_of_nothing():
    """A run without operations, and a figure that is no time, have no samples."""
    none = samples()
    assert (none.evenly(40), none.near(99, 9), none.beyond("completion_ms", 1, 9), none.failed()) == (
        [],
        [],
        [],
        [],
    )
    assert (none.timed_out(9), none.offered_per_s(), none.is_of_our_host()) == ([], None, False)
    assert samples(row(1, 20)).beyond("actions_per_operation", 1, 9) == []


def test_the_offered_rate_is_that_of_the_starts():
    """Ten a second, whatever became of them."""
    rows = [row(number, 20, sent_s=1000 + number / 10) for number in range(11)]
    assert samples(*rows).offered_per_s() == pytest.approx(10)


def test_a_host_of_ours_is_known_by_what_it_reports():
    """Its clock, or its times of a request."""
    assert samples(row(1, 20, server_clock="scheduler")).is_of_our_host()
    assert samples(row(1, 20, poll_at_host="1,0,0,0,2,0")).is_of_our_host()
    assert not samples(row(1, 20, server_clock="service")).is_of_our_host()
