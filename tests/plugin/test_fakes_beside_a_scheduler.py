"""Fakes on a stack whose scheduler is a process of its own, as it is for tests that break things."""

from datetime import timedelta
from pathlib import Path

import pytest

from durable_harness.testing import assert_completed


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose functions need what no test has."""
    return Path(__file__).parents[1] / "apps" / "faked"


@pytest.mark.stacks("embedded", reason="time is skipped")
def test_a_fake_sleeps_on_the_clock_of_another_process(operations, durable_activities, durable_clock, durable_faults):
    """A fake that takes hours is over at once where that scheduler skips time, before what is due days later."""
    assert durable_faults.log == []
    durable_clock.skip()
    durable_activities.fake("charge_card", returns=1, delay_s=timedelta(hours=20).total_seconds())
    assert_completed(operations.start("/api/orders/race", {}), output="charged")
