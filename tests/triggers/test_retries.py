"""Retry policies: functions of timers are tried again on the scheduler's clock, in both models of an app."""

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import requests

import rooms
from durable_harness.errors import AppLoadError
from durable_harness.host.app.function_file import read_function_file
from durable_harness.host.app.retries import RetryPolicy, read_policy
from durable_harness.stack import embedded_stack

APPS = Path(__file__).parents[1] / "apps"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FOLDERS = pytest.param(
    "retrying_folders", marks=pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1)
)

pytestmark = pytest.mark.stacks("embedded", reason="only this scheduler's clock can be moved")


@pytest.fixture(scope="session", params=["retrying", FOLDERS])
def durable_app_dir(request):
    """Return an app whose functions have retry policies, of decorators or of function.json files."""
    return APPS / request.param


def go_to(clock, hour, minute):
    """Move the clock to the next such time of day, in UTC."""
    now = clock.now()
    wanted = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    clock.advance((wanted if wanted > now else wanted + DAY) - now)


def test_a_timer_that_fails_is_tried_again(operations, durable_clock):
    """After each wait of a fixed delay comes another try, which gets the number of the retry and the last error."""
    go_to(durable_clock, 3, 9)
    assert operations.written("done") == []
    durable_clock.advance(2 * MINUTE)
    assert operations.written("done", count=1) == ["retry 2 of 3 after ValueError: try 1"]


def test_a_function_that_never_succeeds_has_its_retries(operations, durable_clock):
    """An exponential backoff waits longer each time, up to its maximum, and ends with the last retry."""
    go_to(durable_clock, 3, 59)
    begin = len(operations.stack.log_path.read_text())
    durable_clock.advance(30 * MINUTE)
    logged = operations.stack.log_path.read_text()[begin:]
    assert logged.count("Function 'never' failed: RuntimeError: never") == 3
    waits = re.findall(r"Function 'never' is tried again in (\S+) s: retry (\d) of 2\.", logged)
    assert [number for _, number in waits] == ["1", "2"]
    assert [60 < float(wait) <= 120 for wait, _ in waits] == [True, True]


def test_a_queue_has_retries_of_its_own(operations):
    """A policy at a trigger that Azure does not retry by it changes nothing: one failure is one failure."""
    begin = len(operations.stack.log_path.read_text())
    with pytest.raises(AssertionError, match="not this message"):
        operations.trigger("message", "m")
    assert "is tried again" not in operations.stack.log_path.read_text()[begin:]


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        (None, None),
        (
            {"strategy": "fixed_delay", "max_retry_count": "3", "delay_interval": "01:02:03"},
            RetryPolicy(3, 3723.0, 3723.0),
        ),
        ({"strategy": "exponential_backoff", "max_retry_count": -1}, RetryPolicy(-1, 1.0, 60.0)),
    ],
)
def test_what_a_policy_sets(given, policy):
    """Counts and intervals are read from text; -1 is without end."""
    assert read_policy(given) == policy


def test_how_long_a_retry_waits():
    """A backoff stays within its bounds however often it is tried; a policy without end allows every retry."""
    backoff = RetryPolicy(-1, 2.0, 60.0)
    waits = [backoff.delay_s(retry) for retry in (1, 2, 3, 10, 10_000)]
    assert waits == sorted(waits)
    assert (2.0 < waits[0] < 5.0, waits[-1]) == (True, 60.0)
    assert backoff.allows(10_000)
    assert [RetryPolicy(1, 0.0, 0.0).allows(retry) for retry in (1, 2)] == [True, False]


@pytest.fixture
def one_app(tmp_path):
    """Return the app of decorators on a host of its own, and its log."""
    return APPS / "retrying", tmp_path / "log"


def test_a_host_ends_although_a_function_waits_for_a_retry(one_app, wait_until):
    """What waits for a retry is given up at once, with a line in the log."""
    app, log = one_app
    with embedded_stack(app, log_path=log) as stack:
        assert requests.post(f"{stack.base_url}/admin/functions/never", timeout=30).status_code == 202
        wait_until(lambda: "'never' is tried again" in log.read_text(), "the first failure")
    assert "Function 'never' is not tried again: the host ends." in log.read_text()
    assert "still runs" not in log.read_text()


def test_a_policy_in_a_file_is_checked(tmp_path):
    """What cannot be read in a function.json's policy keeps that function from loading, named as the file has it."""
    shutil.copytree(APPS / "retrying_folders" / "never", tmp_path / "never")
    file = tmp_path / "never" / "function.json"
    file.write_text(file.read_text().replace("00:01:00", "a minute"))
    with pytest.raises(AppLoadError, match=r"never/function\.json.*minimumInterval is 'a minute'\. Expected HH:MM:SS"):
        read_function_file(tmp_path / "never")
