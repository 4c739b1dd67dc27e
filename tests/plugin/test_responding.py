"""Events that tests promise: raised when, and as often as, an orchestration waits for them."""

from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack
from durable_harness.testing import Operations, StuckOperationError, assert_completed


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose orchestrations wait for events."""
    return Path(__file__).parents[1] / "apps" / "alone"


def test_an_operation_that_waits_is_answered(operations):
    """An event is raised for an operation that has waited for it before it was promised."""
    operation = operations.start_orchestrator("approval")
    operation.wait_for("Running")
    response = operation.respond({"approved": True}, to="approved")
    assert_completed(operation, output=[{"approved": True}])
    assert response.count == 1


def test_it_is_answered_as_often_as_it_waits(operations):
    """An orchestration that waits for one event again and again gets it each time, and no more often."""
    operation = operations.start_orchestrator("approval", {"times": 60})
    response = operation.respond("yes", to="approved")
    assert_completed(operation, output=["yes"] * 60)
    assert response.count == 60
    assert [row["EventType"] for row in operation.history()].count("EventRaised") == 60


def test_an_event_promised_early_wins_against_skipped_time(operations, durable_clock):
    """Where time is skipped, a promised event comes before the timeout that it races with, every time."""
    durable_clock.skip()
    operations.respond("yes", to="approved")
    operation = operations.start_orchestrator("approval", {"times": 20, "days": 1})
    assert_completed(operation, output=["yes"] * 20)
    assert "TimerFired" not in {row["EventType"] for row in operation.history()}


def test_a_timeout_is_skipped_to_beside_what_is_answered(operations, durable_clock):
    """Once as many events as promised have come, the timeout that is skipped to ends the wait."""
    durable_clock.skip()
    response = operations.respond("yes", to="approved", times=2)
    assert_completed(operations.start_orchestrator("approval", {"times": 5}), output=["yes", "yes", "timed out"])
    assert response.count == 2


def test_what_was_promised_first_answers_first(operations):
    """Two promises for one event are kept in their order; each counts what it has answered."""
    first = operations.respond("no", to="approved", times=1)
    second = operations.respond("yes", to="approved")
    assert_completed(operations.start_orchestrator("approval", {"times": 3}), output=["no", "yes", "yes"])
    assert (first.count, second.count) == (1, 2)


def test_an_orchestration_that_continues_as_new(operations):
    """Each execution of an orchestration that continues as new is answered, once."""
    operation = operations.start_orchestrator("rounds", 7)
    response = operation.respond(to="next")
    assert_completed(operation, output="done")
    assert response.count == 7


def test_an_id_that_is_used_again(operations):
    """An operation under the ID of one that ended with an event on its way is answered as any other."""
    for _ in range(2):
        operation = operations.start_orchestrator("approval", instance_id="used-again")
        operation.respond("yes", to="approved")
        assert_completed(operation, output=["yes"])


def test_a_scheduler_in_a_process_of_its_own(inner):
    """Where faults make host and scheduler two processes, a promised event wins against skipped time as well."""
    inner.write(
        "test_it.py",
        """
from durable_harness.testing import assert_completed

def test_it(operations, durable_clock, durable_faults):
    durable_clock.skip()
    operations.respond("yes", to="approved", times=5)
    assert_completed(operations.start_orchestrator("approval", {"times": 9}), output=[*["yes"] * 5, "timed out"])
""",
    )
    outcome = inner.run(f"--app-dir={Path(__file__).parents[1] / 'apps' / 'alone'}")
    assert outcome.code == 0, outcome.output


def test_several_events_and_a_sub_orchestration(operations):
    """Events that are waited for at once, and those of a sub-orchestration, are all answered."""
    operation = operations.start_orchestrator("panel")
    for name in ("first", "second", "below"):
        operation.respond(name, to=name)
    assert_completed(operation, output=["first", "second", ["below"]])


def test_a_sub_orchestration_that_waits_already(operations):
    """A sub-orchestration that has begun to wait before is answered, too."""
    operation = operations.start_orchestrator("panel")
    operation.wait_for("Running")
    [child] = _children(operation)
    operations.follow(child).wait_for("Running")
    for name in ("first", "second", "below"):
        operation.respond(name, to=name)
    assert_completed(operation, output=["first", "second", ["below"]])


def test_a_crowd_of_sub_orchestrations_that_wait_already(operations):
    """Of many sub-orchestrations that wait, each is answered."""
    operation = operations.start_orchestrator("crowd", 30)
    for child in _children(operation, 30):
        operations.follow(child).wait_for("Running")
    response = operation.respond("yes", to="approved")
    assert_completed(operation, output=[["yes"]] * 30)
    assert response.count == 30


def _children(operation, count=1):
    """Return the IDs of sub-orchestrations, once there are that many."""
    while len(found := getattr(operation.tree(), "children", [])) < count:
        pass
    return [child.instance_id for child in found]


def test_only_the_operation_that_it_was_promised_to_is_answered(operations):
    """Another operation that waits for the same event is not answered, by name in any case."""
    other, operation = operations.start_orchestrator("approval"), operations.start_orchestrator("approval")
    operation.respond("yes", to="APPROVED")
    assert_completed(operation, output=["yes"])
    assert other.status()["runtimeStatus"] == "Running"
    other.terminate("the test is over")


def test_a_promise_can_be_taken_back(operations):
    """After `end` nothing is raised any more."""
    operations.respond("yes", to="approved").end()
    operation = operations.start_orchestrator("approval")
    with pytest.raises(StuckOperationError, match="waits for external event 'approved'"):
        operation.wait(0.5)
    operation.terminate("the test is over")


def test_promises_end_with_their_test(durable_stack, tmp_path):
    """What one test has promised is not raised for the operations of the next."""
    before = Operations(durable_stack, tmp_path)
    before.respond("yes", to="approved")
    before.close()
    operation = before.start_orchestrator("approval")
    with pytest.raises(StuckOperationError, match="waits for external event 'approved'"):
        operation.wait(0.5)
    operation.terminate("the test is over")


def test_an_event_beside_those_that_a_test_raises_by_hand(operations):
    """A test may raise an event itself before it promises the rest."""
    operation = operations.start_orchestrator("approval", {"times": 3})
    operation.raise_event("approved", "by hand")
    response = operation.respond("promised", to="approved")
    assert_completed(operation, output=["by hand", "promised", "promised"])
    assert response.count == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": ""}, "to is ''; expected the name of an event"),
        ({"to": "x", "times": 0}, "times is 0; expected a whole number from 1"),
        ({"to": "x", "times": 1.5}, "times is 1.5; expected a whole number from 1"),
        ({"to": "x", "payload": {1}}, "is no JSON"),
    ],
)
def test_what_cannot_be_promised_is_refused(operations, arguments, message):
    """A wrong name, count or value is refused with what is allowed."""
    with pytest.raises(UsageError) as caught:
        operations.respond(**arguments)
    assert str(caught.value).startswith(f"respond(to='{arguments['to']}'): ")
    assert message in str(caught.value)


def test_a_host_that_is_not_ours_promises_nothing(tmp_path):
    """On a deployment the promise is refused with what to do instead."""
    remote = Operations(RunningStack("remote", "http://localhost:1"), tmp_path)
    with pytest.raises(UsageError, match=r"remote stack raises no events .* raise_event, or run this test with"):
        remote.respond("yes", to="approved")
