"""Timers of a host whose scheduler is in a process of its own."""

from datetime import timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.stacks("embedded", reason="its processes can be killed and its clock can be moved")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app of timers."""
    return Path(__file__).parents[1] / "apps" / "clockwork"


def test_timers_follow_a_clock_in_another_process(operations, durable_faults, durable_clock):
    """Time that is moved in the scheduler's process fires the timers of the host's."""
    durable_clock.advance(timedelta(days=3))
    assert len(operations.written("nights")) == 3


def test_timers_continue_after_the_scheduler_died(operations, durable_faults, durable_clock):
    """A scheduler that was killed and came back is followed again."""
    durable_faults.kill_scheduler()
    durable_clock.advance(timedelta(days=1))
    operations.written("nights", count=1)
