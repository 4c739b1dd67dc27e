"""Timer functions fire by their schedules, on the scheduler's clock: real, moved by hand, or skipped."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

pytestmark = pytest.mark.stacks("embedded", reason="only this scheduler's clock can be moved")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app of timers."""
    return Path(__file__).parents[1] / "apps" / "clockwork"


def nights(operations):
    """Return the due times at which the nightly timer fired in this test."""
    return [datetime.fromisoformat(text) for text in operations.written("nights")]


def test_a_timer_runs_at_the_start(operations, durable_clock):
    """A function that runs on startup does so once, and is not late."""
    durable_clock.advance(0)  # waits for what happens
    log = operations.stack.log_path.read_text()
    assert log.count("Timer 'at_start' fires") == 1
    assert log.count("wrote to queue 'starts' ($return): started") == 1


def test_a_timer_fires_each_night_that_passes(operations, durable_clock):
    """Three days moved by hand are three nights, each at two o'clock, and what they start runs."""
    durable_clock.advance(3 * DAY)
    found = nights(operations)
    assert [due.hour for due in found] == [2, 2, 2]
    assert [later - earlier for earlier, later in itertools.pairwise(found)] == [DAY, DAY]
    assert_completed(operations.follow(f"night-{found[0]:%Y-%m-%d}"), output=found[0].isoformat())


def test_what_a_timer_starts_is_found_by_its_orchestrator(operations, durable_clock):
    """A test need not know the ids that an app gives; what other tests started is not among them."""
    durable_clock.advance(2 * DAY)
    operations.start_orchestrator("journey", 0)
    first, second = operations.started("night", count=2)
    assert [operation.instance_id for operation in operations.started()][:2] == [first.instance_id, second.instance_id]
    durable_clock.advance(2 * HOUR)
    assert_completed(second)
    with pytest.raises(AssertionError, match=r"1 of 2 instances of 'JOURNEY' were started in 0 s\. All: night night-"):
        operations.started("JOURNEY", count=2, timeout_s=0)


def test_timers_fire_while_time_is_skipped(operations, durable_clock):
    """An orchestration that waits for two days lets two nights pass, in their order."""
    durable_clock.skip()
    assert_completed(operations.start_orchestrator("journey", 2), output="home")
    found = nights(operations)
    assert len(found) == 2
    assert found[1] - found[0] == DAY


def test_a_timer_alone_is_no_reason_to_skip_time(operations, durable_clock):
    """A timer is always due again: without an orchestration that waits, time passes as it does."""
    durable_clock.skip()
    before = durable_clock.now()
    operations.trigger("unset")
    assert durable_clock.now() - before < HOUR
    assert nights(operations) == []


def test_a_timer_that_fails_fires_again(operations, durable_clock):
    """A failure is in the log, and the next hour has its own."""
    before = operations.stack.log_path.read_text().count("Function 'failing' failed")
    durable_clock.advance(2 * HOUR)
    assert operations.stack.log_path.read_text().count("Function 'failing' failed") == before + 2
    assert operations.written("tries") == []


def test_a_timer_that_hangs_does_not_hold_time_up(operations, durable_clock):
    """Time waits for a timer function no longer than for an activity; one that hangs does not fire a second time."""
    before = operations.stack.log_path.read_text().count("Timer 'hanging' fires")
    operations.trigger("hang", "yes")
    try:
        durable_clock.advance(2 * DAY, patience_s=0.2)
        assert operations.stack.log_path.read_text().count("Timer 'hanging' fires") == before + 1
        assert len(nights(operations)) == 2
    finally:
        operations.trigger("hang", "no")


def test_a_schedule_that_cannot_be_read_is_named_at_the_start(operations):
    """The app starts; the timer does not fire, gives the reason, and runs by hand."""
    log = operations.stack.log_path.read_text()
    assert "warning: Timer 'unset' does not fire: the setting 'NOT_SET' that its schedule names is not set." in log
    assert "warning: Timer 'misspelt' does not fire: 'every day' is not a schedule. Expected six fields" in log
    assert "nightly: timerTrigger, fires by '0 0 2 * * *'" in log
    assert "unset: timerTrigger, runs by hand only: POST http://localhost" in log
    assert operations.trigger("unset").written("by_hand") == ["ran"]
