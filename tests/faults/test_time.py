"""Moved time and faults together: the modelled time outlives a death as real time would."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed

DAY = timedelta(days=1)

pytestmark = pytest.mark.stacks("embedded", reason="the processes of other stacks are not ours to break")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose orchestrators wait for days."""
    return Path(__file__).parents[1] / "apps" / "waiting"


def fired_at(operation):
    return [datetime.fromisoformat(row["Timestamp"]) for row in operation.history() if row["EventType"] == "TimerFired"]


@pytest.mark.parametrize("death", ["kill_scheduler", "kill_host"])
def test_a_month_of_timers_continues_after_a_death(operations, durable_clock, durable_faults, death):
    """A death half-way through a month loses neither the timers nor the time that has passed."""
    began = durable_clock.now()
    operation = operations.start_orchestrator("naps", {"days": 1, "times": 30})
    durable_clock.advance(14.5 * DAY)
    getattr(durable_faults, death)()
    assert durable_clock.now() - began >= 14.5 * DAY
    durable_clock.advance(16 * DAY)
    assert_completed(operation, output=30)
    assert [round((moment - began) / DAY) for moment in fired_at(operation)] == list(range(1, 31))


def test_time_is_still_skipped_after_a_death(operations, durable_clock, durable_faults):
    """A scheduler that is killed while time is skipped skips on when it is back."""
    durable_clock.skip()
    durable_faults.kill_scheduler()
    assert_completed(operations.start_orchestrator("naps", {"days": 3, "times": 3}), output=3)


def test_lost_work_holds_up_time_until_it_is_back(operations, durable_clock, durable_faults):
    """A move waits for a turn that is lost on its way and comes again: its timers fire in that move."""
    durable_faults.drop_work_items(3, kind="orchestration")
    operation = operations.start_orchestrator("naps", {"days": 1, "times": 3})
    durable_clock.advance(4 * DAY)
    assert_completed(operation, output=3)
    assert len(fired_at(operation)) == 3
