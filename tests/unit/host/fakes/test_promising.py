"""Events that a test promises to instances: what is taken, and what is refused with a reason."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from durable_harness.host.fakes.promising import end, promise, promised
from durable_harness.host.fakes.responses import Responses
from durable_harness.protocol import RpcError, RpcStatus

WAITING = {"instanceId": "i", "children": [], "awaits": {"events": ["go"]}}


class Scheduler:
    """Knows one instance, and notes the events that are raised for it."""

    def __init__(self, timings=WAITING, error=None):
        self.timings, self.error = timings, error
        self.raised = []

    async def instance_timings(self, _instance_id):
        if isinstance(self.timings, Exception):
            raise self.timings
        return self.timings

    async def raise_event(self, request):
        if self.error is not None:
            raise self.error
        self.raised.append((request.instanceId, request.name, request.input.value))


async def _nothing_to_learn(*_arguments, **_options):
    """Add nothing: the document has what the instance waits for."""


NOTES = SimpleNamespace(awaiting=SimpleNamespace(add_to=_nothing_to_learn))


def ask(scheduler, **given):
    """Promise an event; return the status, the document, and the promises that there are then."""

    async def run():
        responses = Responses(scheduler)
        return await promise(responses, scheduler, NOTES, given), responses

    answer, responses = asyncio.run(run())
    return answer.status, json.loads(answer.body), responses


@pytest.mark.parametrize("given", [{}, {"event": ""}, {"event": 3}, {"event": "go", "instance": 3}])
def test_a_promise_names_an_event(given):
    """An event and an instance are names; without an event nothing is promised."""
    status, document, responses = ask(Scheduler(), **given)
    assert (status, responses.promised) == (400, {})
    assert '"event" or "instance" is not a name' in document["error"]


@pytest.mark.parametrize("times", [0, True, "1", 1.5])
def test_times_are_a_whole_number(times):
    """A promise is kept a whole number of times, at least once."""
    status, document, _ = ask(Scheduler(), event="go", times=times)
    assert status == 400
    assert f'"times" is {times!r}, expected a whole number of at least 1' in document["error"]


def test_an_instance_that_waits_already_is_answered():
    """The event is raised at once, counted, and not promised any more at the end."""
    scheduler = Scheduler()
    status, document, responses = ask(scheduler, event="GO", payload={"ok": True}, instance="i", times=1)
    assert (status, scheduler.raised) == (200, [("i", "go", '{"ok": true}')])
    number = str(document["number"])
    assert json.loads(promised(responses, number).body) == {"count": 1}
    assert (end(responses, number).status, promised(responses, number).status) == (204, 404)


def test_a_promise_to_all_waits_for_their_turns():
    """Without an instance nothing is raised until an orchestration comes to wait."""
    scheduler = Scheduler()
    _, _, responses = ask(scheduler, event="go")
    assert (scheduler.raised, len(responses.promised)) == ([], 1)


@pytest.mark.parametrize(
    ("scheduler", "status", "is_kept"),
    [
        (Scheduler(RpcError(RpcStatus.NOT_FOUND, "no such instance")), 404, False),
        (Scheduler(RpcError(RpcStatus.UNAVAILABLE, "gone")), 502, False),
        (Scheduler(error=RpcError(RpcStatus.UNAVAILABLE, "gone")), 502, False),
        (Scheduler(error=RpcError(RpcStatus.NOT_FOUND, "purged")), 200, True),
    ],
)
def test_a_promise_that_cannot_be_kept_is_withdrawn(scheduler, status, is_kept):
    """An unknown instance is 404 and a scheduler that fails 502; an instance that has gone meanwhile is no error."""
    answered, _, responses = ask(scheduler, event="go", instance="i")
    assert (answered, bool(responses.promised)) == (status, is_kept)


@pytest.mark.parametrize("number", ["7", "x", ""])
def test_an_unknown_promise_is_404(number):
    """The number of another host leads to nothing, and its end changes nothing."""
    _, _, responses = ask(Scheduler(), event="go")
    assert promised(responses, number).status == 404
    assert end(responses, number).status == 204
    assert responses.promised
