"""An execution numbers the events that it receives, and moves them through its turns into its history."""

import pytest

from durable_harness.protocol import pb
from durable_harness.scheduler.instances.execution_events import Execution, event
from hub_bench import kinds


@pytest.fixture
def execution():
    """Return an execution that has received two events."""
    execution = Execution("e")
    for name in ("a", "b"):
        receive(execution, name)
    return execution


def receive(execution, name):
    execution.inbox.append(event(0, eventRaised=pb.EventRaisedEvent(name=name)))


def names(events):
    return [each.eventRaised.name for each in events]


def test_a_turn_begins_with_an_event_that_was_not_received(execution):
    """The event that begins a turn counts neither as received nor as taken, while the turn runs and once it is over."""
    assert kinds(execution.begin_turn(7)) == ["orchestratorStarted", "eventRaised", "eventRaised"]
    assert (execution.received, execution.taken) == (2, 0)
    assert kinds(execution.finish_turn()) == ["orchestratorStarted", "eventRaised", "eventRaised"]
    assert (execution.received, execution.taken, len(execution.history)) == (2, 2, 3)


def test_a_returned_turn_leaves_no_trace(execution):
    """The events of a turn that comes back stand in front of those that came meanwhile, with their numbers."""
    execution.begin_turn(7)
    receive(execution, "c")
    execution.return_turn()
    assert names(execution.inbox.events) == ["a", "b", "c"]
    assert (execution.received, execution.taken, len(execution.history)) == (3, 0, 0)
    execution.return_turn()
    assert names(execution.inbox.events) == ["a", "b", "c"]


@pytest.mark.parametrize("number", range(4))
def test_events_are_found_by_their_numbers_during_a_turn(execution, number):
    """Events of the turn under way and of the inbox are one row of numbers."""
    execution.begin_turn(7)
    receive(execution, "c")
    assert names(execution.received_since(number)) == ["a", "b", "c"][number:]


def test_events_are_found_by_their_numbers_between_turns(execution):
    """Once events are part of the history, those of the inbox continue with the next number."""
    execution.begin_turn(7)
    execution.finish_turn()
    receive(execution, "c")
    assert names(execution.received_since(2)) == ["c"]
    assert execution.received_since(3) == []


def test_a_suspension_ends_a_turn(execution):
    """What comes after a suspension waits for the resumption."""
    execution.inbox.append(event(0, executionSuspended=pb.ExecutionSuspendedEvent()))
    receive(execution, "c")
    assert kinds(execution.begin_turn(7))[-1] == "executionSuspended"
    assert names(execution.inbox.events) == ["c"]


@pytest.mark.parametrize("is_under_way", [True, False])
def test_a_termination_is_taken_with_all_before_it(execution, is_under_way):
    """Without a worker's answer the history is the same, whether a turn was under way or not."""
    if is_under_way:
        execution.begin_turn(7)
    execution.inbox.append(event(0, executionTerminated=pb.ExecutionTerminatedEvent()))
    receive(execution, "later")
    taken = execution.take_termination(7)
    assert kinds(taken) == ["orchestratorStarted", "eventRaised", "eventRaised", "executionTerminated"]
    assert kinds(execution.history) == kinds(taken)
    assert (execution.received, execution.taken) == (4, 3)
