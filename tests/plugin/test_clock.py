"""The clock of the scheduler in the hands of tests: the `durable_clock` fixture."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import assert_completed

DAY = timedelta(days=1)

pytestmark = pytest.mark.stacks("embedded", reason="only this scheduler's clock can be moved")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Give the app whose orchestrators wait for days."""
    return Path(__file__).parents[1] / "apps" / "waiting"


def fired_at(operation):
    """Return when the timers of an operation fired, in the order of its history."""
    return [datetime.fromisoformat(row["Timestamp"]) for row in operation.history() if row["EventType"] == "TimerFired"]


def test_a_month_passes_when_time_is_skipped(operations, durable_clock):
    """A timer of 30 days ends at once, and history and clock tell of 30 days."""
    began = durable_clock.now()
    durable_clock.skip()
    operation = operations.start_orchestrator("naps", {"days": 30})
    assert_completed(operation, output=1)
    assert fired_at(operation)[-1] - began >= 30 * DAY
    assert durable_clock.now() - began >= 30 * DAY


def test_time_is_real_again_after_a_test_that_skipped(operations):
    """Without asking for more, a timer of a day stays a timer of a day, also in a module that moves time."""
    operation = operations.start_orchestrator("naps", {"days": 1})
    operation.wait_for("Running")
    assert [row["EventType"] for row in operation.history()] == ["ExecutionStarted", "TimerCreated"]
    operation.terminate("the test is over")


def test_real_time_can_be_chosen_within_a_test(operations, durable_clock):
    """`real` ends the skipping that `skip` began."""
    durable_clock.skip()
    assert_completed(operations.start_orchestrator("naps", {"days": 1}))
    durable_clock.real()
    before = durable_clock.now()
    operation = operations.start_orchestrator("naps", {"days": 1})
    operation.wait_for("Running")
    assert durable_clock.now() - before < DAY
    operation.terminate("the test is over")


def test_time_is_advanced_by_hand(operations, durable_clock):
    """A timer fires in the move that reaches its due time, not in one that ends before."""
    operation = operations.start_orchestrator("naps", {"days": 2})
    durable_clock.advance(DAY)
    assert operation.status()["runtimeStatus"] == "Running"
    told = durable_clock.advance(DAY.total_seconds())
    assert_completed(operation, output=1)
    assert abs(durable_clock.now() - told) < timedelta(minutes=1)


def test_a_move_goes_from_one_due_time_to_the_next(operations, durable_clock):
    """A daily timer that is created anew each time fires daily within one move, with an activity in between."""
    began = durable_clock.now()
    operation = operations.start_orchestrator("naps", {"days": 1, "times": 30})
    durable_clock.advance(29.5 * DAY)
    assert operation.status()["runtimeStatus"] == "Running"
    assert len(fired_at(operation)) == 29
    durable_clock.advance(DAY)
    assert_completed(operation, output=30)
    days = [(moment - began) / DAY for moment in fired_at(operation)]
    assert [round(day) for day in days] == list(range(1, 31))


def test_an_event_wins_against_a_timer_that_is_not_due(operations, durable_clock):
    """With time moved by hand, an event that comes before the timeout is what the orchestration gets."""
    operation = operations.start_orchestrator("approval", {"days": 3})
    durable_clock.advance(2 * DAY)
    operation.raise_event("approved", "yes")
    assert_completed(operation, output="yes")


def test_a_timeout_is_reached_over_an_activity_that_hangs(operations, durable_clock):
    """An activity that does not return does not hold up the move to the timeout that it races with."""
    operation = operations.start_orchestrator("deadline", {"days": 1})
    operation.wait_for("Running")
    durable_clock.advance(2 * DAY, patience_s=0.1)
    assert_completed(operation, output="timed out")


def test_the_same_move_ends_several_operations_in_their_order(operations, durable_clock):
    """What is due earlier ends earlier, whoever was started first."""
    started = {days: operations.start_orchestrator("naps", {"days": days}) for days in (3, 1, 2)}
    durable_clock.advance(4 * DAY)
    ended = {days: assert_completed(operation) and fired_at(operation)[-1] for days, operation in started.items()}
    assert sorted(ended, key=ended.__getitem__) == [1, 2, 3]


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), -DAY])
def test_time_cannot_go_back(durable_clock, wrong):
    """What is no time ahead is refused, with what is allowed."""
    before = durable_clock.now()
    with pytest.raises(UsageError, match="allowed are seconds from 0"):
        durable_clock.advance(wrong)
    assert before <= durable_clock.now() < before + DAY


def test_the_fixture_needs_no_options(inner):
    """A user's test of a timer of 30 days is a test that asks for the clock; others keep the wall clock's time."""
    inner.write(
        "test_month.py",
        """
from durable_harness.testing import assert_completed

def test_a_month(operations, durable_clock):
    durable_clock.skip()
    assert_completed(operations.start_orchestrator("naps", {"days": 30}), output=1, timeout_s=5)
""",
    )
    inner.write(
        "test_now.py",
        """
from datetime import UTC, datetime, timedelta

def test_now(operations):
    operation = operations.start_orchestrator("naps", {"days": 0})
    told = datetime.fromisoformat(operation.wait()["createdTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
""",
    )
    outcome = inner.run(f"--app-dir={Path(__file__).parents[1] / 'apps' / 'waiting'}", "-p", "no:randomly")
    assert outcome.code == 0, outcome.output
    assert len(outcome.cases) == 2


def test_a_stack_without_such_a_clock_is_a_skip_with_the_remedy(inner):
    """Where the scheduler is somebody else's the test is skipped, and the reason says what to do."""
    inner.write(
        "test_it.py",
        """
import pytest

@pytest.fixture(scope="session")
def durable_stack_name():
    return "elsewhere"

@pytest.fixture(scope="module")
def durable_stack():
    from durable_harness.stack import RunningStack
    return RunningStack("elsewhere", "http://localhost:1")

def test_a_month(durable_clock): ...
""",
    )
    outcome = inner.run()
    assert "the clock of the elsewhere stack cannot be moved" in outcome.skip_reason("test_a_month")
    assert "--stack embedded" in outcome.skip_reason("test_a_month")
