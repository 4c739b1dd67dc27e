"""The history and the inbox of an execution: what they cost and what they keep."""

import pytest

from durable_harness.protocol import pb
from durable_harness.scheduler.instances.execution_events import History, Inbox
from history_events import event


def raised(name):
    return event(eventRaised={"name": name})


def names(events):
    return [past.eventRaised.name for past in events]


def test_a_history_gives_its_events_from_any_position():
    """A history has the events that were added, and gives those from a position on."""
    history = History(map(raised, "abc"))
    history.extend([raised("d")])
    assert len(history) == 4
    assert names(history) == ["a", "b", "c", "d"]
    assert [names(history.since(position)) for position in (2, 4, 9)] == [["c", "d"], [], []]


def test_a_history_shares_nothing_with_the_events_it_was_given():
    """An event that is changed after it was added, or after it was read, is another one."""
    given = raised("a")
    history = History([given])
    given.eventRaised.name = "b"
    history.since(0)[0].eventRaised.name = "c"
    assert names(history) == ["a"]


def test_a_history_adds_itself_to_a_request():
    """The past events of a request are added after its other fields, which stay."""
    request = pb.OrchestratorRequest(instanceId="i", newEvents=[raised("new")])
    History(map(raised, "abc")).add_to(request, 1)
    assert (request.instanceId, names(request.pastEvents), names(request.newEvents)) == ("i", ["b", "c"], ["new"])


def test_a_history_knows_how_large_it_is_when_it_is_sent():
    """Its size is that of a message with its events."""
    events = [raised("x" * length) for length in (1, 300, 70_000)]
    assert History(events).size_bytes == pb.OrchestratorRequest(pastEvents=events).ByteSize()


class Counted:
    """An event that counts how often it is looked at."""

    def __init__(self, kind):
        self.kind = kind
        self.looks = 0

    def WhichOneof(self, _group):  # noqa: N802 - the protocol's name
        self.looks += 1
        return self.kind

    def HasField(self, kind):  # noqa: N802 - same
        self.looks += 1
        return self.kind == kind


def test_no_waiting_event_is_looked_at_twice():
    """Whether an inbox has a control event costs the same however many events wait: none is looked at again."""
    inbox = Inbox()
    events = [Counted("eventRaised") for _ in range(1000)]
    for waiting in events:
        inbox.append(waiting)
        assert not inbox.has_any({"executionResumed", "executionTerminated"})
    assert {waiting.looks for waiting in events} == {1}


def test_events_are_taken_through_the_first_of_a_kind():
    """What comes after a suspension stays when events are taken through it."""
    inbox = Inbox([raised("a"), event(executionSuspended={}), raised("b")])
    assert len(inbox.take_through("executionSuspended")) == 2
    assert names(inbox.events) == ["b"]


def test_what_is_put_back_comes_first_again():
    """Events of a turn that was not done are the first of the next one, in their order."""
    inbox = Inbox(map(raised, "ab"))
    taken = inbox.take_through("executionSuspended")
    inbox.append(raised("c"))
    inbox.put_back(taken)
    assert names(inbox.events) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["executionSuspended", "executionResumed", "executionTerminated"])
def test_an_inbox_knows_its_control_events(kind):
    """A control event is known while it waits, no longer once it is taken, and again when it is put back."""
    inbox = Inbox([raised("a"), event(**{kind: {}})])
    assert inbox.has_any({kind})
    taken = inbox.take_through("executionSuspended")
    assert not inbox.has_any({kind})
    inbox.put_back(taken)
    assert inbox.has_any({kind})
