"""What an instance waits for, where it cannot be learned: left out, never an error."""

import asyncio
from types import SimpleNamespace

import pytest

from durable_harness.host.durable_http import awaits
from durable_harness.host.durable_http.awaits import MOST_EVENTS, Awaiting
from history_events import event

STARTED = event(executionStarted={"name": "o"})


def learn(events=(STARTED,), orchestrator="O", **execution):
    """Return what is learned of an instance whose replay ends like this."""
    replay = {
        "advance": lambda _request: None,
        "has_ended": False,
        "awaited_events": lambda: ["go"],
        "unclaimed_events": lambda: ["no"],
        "line": None,
        **execution,
    }
    sdk = SimpleNamespace(with_payloads=lambda given: given, begin_replay=lambda *_: SimpleNamespace(**replay))
    awaiting = Awaiting(SimpleNamespace(orchestrators={"o": object()}), sdk)
    return asyncio.run(awaiting.learn(orchestrator, "i", list(events)))


def _fail(_request):
    raise ValueError("another history")


def test_a_replay_shows_what_is_waited_for():
    """The names that the code waits for, and those that came and nothing took, are learned."""
    found = learn()
    assert (found["events"], found["unclaimed"]) == (["go"], ["no"])


@pytest.mark.parametrize(
    "given",
    [
        {"orchestrator": "another"},
        {"events": ()},
        {"has_ended": True},
        {"advance": _fail},
    ],
)
def test_what_cannot_be_learned_is_none(given):
    """An unknown orchestrator, a history without its start, an end, and code that contradicts it teach nothing."""
    assert learn(**given) is None


def test_code_that_takes_too_long_is_not_waited_for(monkeypatch):
    """A replay that holds on to its thread does not hold up the answer."""
    monkeypatch.setattr(awaits, "PATIENCE_S", 0.0)
    assert learn() is None


def document(status, events, *children):
    return {
        "instanceId": "i",
        "orchestrator": "O",
        "status": status,
        "createdNs": 1,
        "events": events,
        "children": list(children),
    }


def test_only_living_instances_are_looked_at():
    """Of an instance that has ended, has not begun, or has too long a history nothing is learned."""

    async def history(_request):
        yield SimpleNamespace(events=[])

    async def run():
        long = document("SUSPENDED", [1] * (MOST_EVENTS + 1))
        tree = document("COMPLETED", [1], document("RUNNING", []), long)
        await Awaiting(SimpleNamespace(orchestrators={}), None).add_to(
            tree, SimpleNamespace(stream_instance_history=history)
        )
        return tree

    tree = asyncio.run(run())
    assert [one for one in (tree, *tree["children"]) if "awaits" in one] == []
