"""Which events a host raises for a test, and how often, whatever turns bring meanwhile."""

import asyncio

import pytest

from durable_harness.host.fakes.responses import Responses
from durable_harness.protocol import RpcError, RpcStatus, pb


class Inboxes:
    """A scheduler that notes what is raised, and knows every instance but those that are gone."""

    def __init__(self, *gone):
        self.raised = []
        self._gone = gone

    async def raise_event(self, request):
        if request.instanceId in self._gone:
            raise RpcError(RpcStatus.NOT_FOUND, "gone")
        self.raised.append((request.instanceId, request.name, request.input.value))


@pytest.fixture
def inboxes():
    """Return such a scheduler."""
    return Inboxes("gone")


@pytest.fixture
def responses(inboxes):
    """Return the promises of a host that works for it."""
    return Responses(inboxes)


def answer(responses, instance_id, *names):
    asyncio.run(responses.answer(instance_id, names))


def brought(name):
    """Return an event of a turn that brings an external event."""
    return pb.HistoryEvent(eventRaised=pb.EventRaisedEvent(name=name))


def begun():
    """Return the event that an execution begins with."""
    return pb.HistoryEvent(executionStarted=pb.ExecutionStartedEvent(name="o"))


def test_an_event_on_its_way_is_not_raised_again(responses, inboxes):
    """A turn that leaves an orchestration waiting, such as one that suspends it, raises nothing that is yet to come."""
    responses.add("approved", True, None, None)
    answer(responses, "i", "approved")
    responses.note_turn("i", "", [])
    answer(responses, "i", "approved")
    assert inboxes.raised == [("i", "approved", "true")]
    responses.note_turn("i", "", [brought("Approved")])
    answer(responses, "i", "approved")
    assert len(inboxes.raised) == 2


def test_a_new_execution_has_nothing_on_its_way(responses, inboxes):
    """What was raised for an execution that has ended is not waited for by the next one of this ID."""
    responses.add("approved", True, None, None)
    answer(responses, "i", "approved")
    responses.note_turn("i", "", [begun()])
    answer(responses, "i", "approved")
    assert len(inboxes.raised) == 2


def test_the_end_of_all_promises_forgets_what_was_on_its_way(responses, inboxes):
    """Turns are not watched while nothing is promised, so a new promise does not wait for what they bring."""
    first = responses.add("approved", 1, None, None)
    answer(responses, "i", "approved")
    responses.end(first.number)
    responses.add("approved", 2, None, None)
    answer(responses, "i", "approved")
    assert [value for _, _, value in inboxes.raised] == ["1", "2"]


def test_a_sub_orchestration_belongs_to_its_parent(responses, inboxes):
    """A sub-orchestration that begins later, and those below it, are answered as their parent is."""
    responses.add("approved", True, None, "parent")
    responses.note_turn("child", "parent", [begun()])
    responses.note_turn("grandchild", "child", [begun()])
    responses.note_turn("stranger", "other", [begun()])
    for instance_id in ("child", "grandchild", "stranger"):
        answer(responses, instance_id, "approved")
    assert [instance_id for instance_id, _, _ in inboxes.raised] == ["child", "grandchild"]


def test_an_instance_with_a_turn_to_come_is_answered_by_that(responses, inboxes):
    """Of what waits already, one that something has come for is left to the turn that brings it."""
    responses.add("approved", True, None, "i")
    below = {"instanceId": "below", "came": [], "awaits": {"events": ["approved"]}, "children": []}
    awaits = {"events": ["approved"]}
    document = {"instanceId": "i", "came": [{"kind": "eventRaised"}], "awaits": awaits, "children": [below]}
    asyncio.run(responses.answer_waiting(document))
    assert [instance_id for instance_id, _, _ in inboxes.raised] == ["below"]


def test_an_instance_that_is_gone_uses_up_nothing(responses, inboxes):
    """An event for an instance that was removed meanwhile counts for nothing."""
    response = responses.add("approved", True, 1, None)
    answer(responses, "gone", "approved")
    assert (response.count, response.left) == (0, 1)
    answer(responses, "i", "approved")
    answer(responses, "other", "approved")
    assert (response.count, len(inboxes.raised)) == (1, 1)
