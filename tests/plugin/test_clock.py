"""The clock of the scheduler in the hands of tests: the `durable_clock` fixture."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import assert_completed
from sdk_generation import NEEDS_OTHER_SDK, SDK

DAY = timedelta(days=1)

pytestmark = pytest.mark.stacks("embedded", reason="only this scheduler's clock can be moved")


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose orchestrators wait for days."""
    return Path(__file__).parents[1] / "apps" / "waiting"


def fired_at(operation):
    """Return when the timers of an operation fired, in the order of its history."""
    return [datetime.fromisoformat(row["Timestamp"]) for row in operation.history() if row["EventType"] == "TimerFired"]


def test_a_month_passes_when_time_is_skipped(operations, durable_clock):
    """A timer of 30 days ends at once, and history and clock show 30 days."""
    began = durable_clock.now()
    durable_clock.skip()
    operation = operations.start_orchestrator("naps", {"days": 30})
    assert_completed(operation, output=1)
    assert fired_at(operation)[-1] - began >= 30 * DAY
    assert durable_clock.now() - began >= 30 * DAY


def test_the_timer_of_an_instance_that_has_ended_moves_no_time(operations, durable_clock):
    """What an earlier test left behind, such as a timeout that was not needed, is no time that this one skips."""
    left = operations.start_orchestrator("naps", {"days": 30})
    left.wait_for("Running")
    left.terminate()
    left.wait()
    began = durable_clock.now()
    durable_clock.skip()
    assert_completed(operations.start_orchestrator("naps", {"days": 2}), output=1)
    assert 2 * DAY <= durable_clock.now() - began < 3 * DAY


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
    moved_to = durable_clock.advance(DAY.total_seconds())
    assert_completed(operation, output=1)
    assert abs(durable_clock.now() - moved_to) < timedelta(minutes=1)


def test_a_move_goes_from_one_due_time_to_the_next(operations, durable_clock):
    """A daily timer that is created again each time fires daily within one move, with an activity in between."""
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


@pytest.mark.parametrize("by", ["100000000d", "32000d", timedelta(days=999_999)])
def test_time_is_moved_no_further_than_the_clock_goes(durable_clock, by):
    """A length beyond the clock's end is refused with that end before anything moves."""
    began = durable_clock.now()
    with pytest.raises(UsageError, match=r"advance: time cannot be moved beyond 2086-\d\d-\d\d"):
        durable_clock.advance(by)
    assert durable_clock.now() - began < DAY


@pytest.mark.skipif(SDK == 2, reason=f"its timers are of three days at most, one after the other: {NEEDS_OTHER_SDK}")
@pytest.mark.parametrize("years", [70, 120])
def test_a_wait_for_ever_is_not_skipped_to(operations, durable_clock, years):
    """A timer of the clock's last years, or beyond its end, does not fire, and takes no room from other tests."""
    began = durable_clock.now()
    operation = operations.start_orchestrator("naps", {"days": 365 * years})
    operation.wait_for("Running")
    durable_clock.skip()
    assert_completed(operations.start_orchestrator("naps", {"days": 1}))
    assert operation.status()["runtimeStatus"] == "Running"
    assert durable_clock.now() - began < 2 * DAY
    operation.terminate("the test is over")


def test_a_move_that_takes_too_long_reports_how_far_it_came(operations, durable_clock):
    """Timers that are made again and again can outlast a move: it fails, and the next one is as fast as ever."""
    operation = operations.start_orchestrator("naps", {"days": 0.01, "times": 1_000_000})
    operation.wait_for("Running")
    with pytest.raises(AssertionError, match=r"advance\('3650d'\): after 0.2 s time has moved from 20.* end it,"):
        durable_clock.advance("3650d", timeout_s=0.2)
    operation.terminate("the test is over")
    operation.wait()
    durable_clock.advance("1d")


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), -DAY])
def test_time_cannot_go_back(durable_clock, wrong):
    """What is no time ahead is refused, with what is allowed."""
    before = durable_clock.now()
    with pytest.raises(UsageError, match="expected 0 or more seconds"):
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
    """Where the scheduler is a foreign one the test is skipped, and the reason states what to do."""
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


def test_an_event_wins_while_the_clock_is_held(operations, durable_clock):
    """A timeout that is skipped to does not come before an event which is raised under a hold, whatever it takes."""
    durable_clock.skip()
    with durable_clock.hold():
        operation = operations.start_orchestrator("approval", {"days": 3})
        operation.wait_for("Running")
        assert "TimerFired" not in [row["EventType"] for row in operation.history()]
        operation.raise_event("approved", "yes")
        assert_completed(operation, output="yes")


def test_what_is_held_fires_when_it_is_let_go(operations, durable_clock):
    """A timer that time was skipped to fires after the hold, and one that came due as time passed does too."""
    hold = durable_clock.hold()
    durable_clock.skip()
    far, now = (operations.start_orchestrator("naps", {"days": days}) for days in (30, 0))
    far.wait_for("Running")
    now.wait_for("Running")
    assert "TimerFired" not in {row["EventType"] for one in (far, now) for row in one.history()}
    hold.release()
    assert_completed(far, output=1)
    assert_completed(now, output=1)


def test_a_held_clock_cannot_be_moved(durable_clock):
    """Moving a clock that is held is refused with the remedy, and works once it is let go."""
    durable_clock.hold()
    with pytest.raises(UsageError, match=r"^advance: time is held .* durable_clock\.release\(\)"):
        durable_clock.advance(1)
    durable_clock.release()
    durable_clock.advance(1)


def test_time_is_skipped_no_further_than_the_test_sets(operations, durable_clock):
    """A timer within the limit ends at once, and one beyond it stays."""
    began = durable_clock.now()
    durable_clock.skip(at_most="3d")
    near, far = (operations.start_orchestrator("naps", {"days": days}) for days in (2, 5))
    assert_completed(near, output=1)
    far.wait_for("Running")
    assert "TimerFired" not in [row["EventType"] for row in far.history()]
    assert durable_clock.now() - began < 3 * DAY
    durable_clock.skip(at_most=timedelta(days=6))
    assert_completed(far, output=1)


@pytest.mark.parametrize("wrong", ["", "30", "30 days", "-1d", -1, True, None])
def test_a_length_of_time_that_is_none_is_refused(durable_clock, wrong):
    """What is no length of time is refused, with the forms that are allowed."""
    with pytest.raises(UsageError, match='a text such as "90s", "12h" or "30d"'):
        durable_clock.advance(wrong)


@pytest.mark.durable_time("skip", at_most="40d")
def test_a_mark_lets_the_time_of_one_test_be_skipped(operations):
    """With the mark, a timer of 30 days ends at once without the fixture."""
    assert_completed(operations.start_orchestrator("naps", {"days": 30}), output=1)


@pytest.mark.durable_time("hold")
def test_a_mark_holds_the_clock_of_one_test(operations, durable_clock):
    """With the mark, timers wait from the test's first step until it lets them go."""
    operation = operations.start_orchestrator("naps", {"days": 0})
    operation.wait_for("Running")
    assert "TimerFired" not in [row["EventType"] for row in operation.history()]
    durable_clock.release()
    assert_completed(operation, output=1)


def test_a_mark_alone_gives_a_module_the_clock(inner):
    """A module in which only a mark speaks of time gets a host whose clock can be moved; the nearest mark counts."""
    inner.write(
        "test_marked.py",
        """
import pytest
from durable_harness.testing import StuckOperationError, assert_completed

pytestmark = pytest.mark.durable_time("skip")

def test_a_month(operations):
    assert_completed(operations.start_orchestrator("naps", {"days": 30}), output=1, timeout_s=5)

@pytest.mark.durable_time("real")
def test_now(operations):
    with pytest.raises(StuckOperationError, match="timer"):
        operations.start_orchestrator("naps", {"days": 1}).wait(0.3)

@pytest.mark.durable_time("skip", at_most="1h")
def test_an_hour(operations):
    with pytest.raises(StuckOperationError, match="timer"):
        operations.start_orchestrator("naps", {"days": 1}).wait(0.3)
""",
    )
    outcome = inner.run(f"--app-dir={Path(__file__).parents[1] / 'apps' / 'waiting'}", "--strict-markers")
    assert outcome.code == 0, outcome.output
    assert len(outcome.cases) == 3


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "got no mode, expected one of skip, hold, real"),
        ("'fast'", "got 'fast', expected one of skip, hold, real"),
        ("'skip', at_most='a month'", "at_most: got 'a month'; expected 0 or more seconds"),
        ("'real', at_most='1d'", "at_most is for skip only"),
        ("'skip', most='1d'", "it takes a mode and at_most"),
    ],
)
def test_a_wrong_mark_ends_the_run(inner, written, message):
    """A wrong mark ends the run before any test, and names the test and how the mark is written."""
    inner.write("test_it.py", f"import pytest\n\n@pytest.mark.durable_time({written})\ndef test_it(): ...\n")
    outcome = inner.run()
    assert outcome.code == pytest.ExitCode.USAGE_ERROR
    assert f"test_it.py::test_it: durable_time: {message}" in outcome.output
    assert 'write it as @pytest.mark.durable_time("skip", at_most="30d")' in outcome.output
