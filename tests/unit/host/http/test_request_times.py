"""The times of single requests at a host of ours: how it writes them, and how the generator reads them."""

import asyncio
import time

import pytest

from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.host.http import request_times
from durable_harness.host.http.request_times import HEADER, Lateness, timed
from durable_harness.host.stages import CURRENT
from durable_harness.operations import host_times
from durable_harness.operations.host_times import HostTimes, read_host_times


async def with_function():
    """Answer as a function does whose beginning and end are noted."""
    CURRENT.get().begun_ns = time.monotonic_ns()
    CURRENT.get().ended_ns = time.monotonic_ns()
    return ApiResponse(200, b"done", {"Content-Type": "text/plain"})


def test_host_and_generator_name_the_same_header():
    """Both rooms have the name, as neither imports the other."""
    assert host_times.HEADER == HEADER


def test_an_answer_has_the_moments_of_its_request():
    """By the wall clock, in their order; the answer is else as it was, and the context is as before."""
    before_ns = time.time_ns()
    response = asyncio.run(timed(with_function, Lateness()))
    times = read_host_times(response.headers[HEADER])
    moments = [times.received_ns, times.begun_ns, times.ended_ns, times.answered_ns]
    assert moments == sorted(moments)
    assert times.received_ns == pytest.approx(before_ns, abs=1e9)
    assert (times.asked_ns, times.has_function) == (0, True)
    assert (response.status, response.body, response.headers["Content-Type"]) == (200, b"done", "text/plain")


def test_the_next_request_of_a_connection_is_timed_afresh():
    """Requests of one connection share a context: what one noted is not there any longer."""

    async def two():
        await timed(with_function, Lateness())
        return CURRENT.get()

    assert asyncio.run(two()) is None


def test_a_loop_that_stood_still_is_late(monkeypatch):
    """What the loop comes to after code has kept it to itself may have waited for as long."""
    monkeypatch.setattr(request_times, "BEAT_S", 0.001)

    async def late():
        lateness = Lateness()
        first_ns = lateness.now_ns()
        time.sleep(0.05)  # noqa: ASYNC251 - that is what is wrong
        return first_ns, lateness.now_ns()

    first_ns, then_ns = asyncio.run(late())
    assert first_ns == 0
    assert then_ns >= 40_000_000


def test_the_heartbeat_pauses_without_requests(monkeypatch):
    """No timer is left behind a while after the last request that asked."""
    monkeypatch.setattr(request_times, "BEAT_S", 0.001)
    monkeypatch.setattr(request_times, "REST_S", 0.0)

    async def rested():
        lateness = Lateness()
        lateness.now_ns()
        while lateness.is_beating:  # noqa: ASYNC110 - a timer of the loop ends it
            await asyncio.sleep(0.001)
        return lateness.now_ns()

    assert asyncio.run(rested()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "5,0,0,0,4,0",
        "0,0,0,0,0,0",
        "1,0,0,0,x,0",
        "1,0,0,0,-2,0",
        "1,0,0,0,2,²",
        "1" * 200,
        "1,0,0,0,2,0,7",
    ],
)
def test_what_no_host_of_ours_writes_is_not_read(text):
    """Whatever else a header of that name has is no time."""
    assert read_host_times(text) is None


def test_six_numbers_are_read():
    """Five moments and how late the loop was; 0 is a moment that was not."""
    assert read_host_times("10,0,11,12,20,3") == HostTimes(10, 0, 11, 12, 20, 3)
    assert not read_host_times("10,0,0,0,20,3").has_function
