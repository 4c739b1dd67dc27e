"""What an instance waits for is learned once for each history, however often a page asks."""

import asyncio
from types import SimpleNamespace

from durable_harness.host.durable_http.awaits import MOST_KNOWN, Awaiting
from durable_harness.protocol import pb


class Sdk:
    """Replays whatever it is given, and counts that."""

    def __init__(self):
        self.replays = 0

    def with_payloads(self, events):
        return events

    def begin_replay(self, function, request, started):
        self.replays += 1
        return SimpleNamespace(
            advance=lambda request: None,
            has_ended=False,
            awaited_events=lambda: ["go"],
            unclaimed_events=list,
            line=None,
        )


async def history(request):
    started = pb.ExecutionStartedEvent(name="o")
    yield pb.HistoryChunk(events=[pb.HistoryEvent(executionStarted=started)])


def document(instance_id, *events):
    return {
        "instanceId": instance_id,
        "orchestrator": "O",
        "status": "RUNNING",
        "createdNs": 1,
        "events": list(events),
        "children": [],
    }


def test_code_is_replayed_once_for_each_history():
    """The app's code runs again when the history has grown, and not because a client asks again."""

    async def check():
        sdk = Sdk()
        awaiting = Awaiting(SimpleNamespace(orchestrators={"o": object()}), sdk)
        scheduler = SimpleNamespace(stream_instance_history=history)
        for events, replays in ((["a"], 1), (["a"], 1), (["a", "b"], 2)):
            asked = document("i", *events)
            await awaiting.add_to(asked, scheduler)
            assert asked["awaits"]["events"] == ["go"]
            assert sdk.replays == replays
        for number in range(2 * MOST_KNOWN):
            await awaiting.add_to(document(f"i{number}", "a"), scheduler)
        assert len(awaiting._known) == MOST_KNOWN

    asyncio.run(check())
