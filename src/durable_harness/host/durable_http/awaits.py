"""Which external events a living instance waits for, and where in its code: histories do not have that.

An orchestrator that waits for an event asks for nothing, so neither the scheduler nor the history knows the name. The
code does: its history is replayed here, on a thread of its own and without its log entries. Nothing is sent or changed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.sdk.generation import Generation
from durable_harness.logs.categories import unlogged
from durable_harness.protocol import Scheduler, pb
from durable_harness.protocol.timings import Document
from durable_harness.wording.places import shown_place

logger = logging.getLogger(__name__)

LIVING = frozenset({"RUNNING", "SUSPENDED"})
MOST_INSTANCES = 20
"""Of a tree. A fan-out of many that are stuck is stuck for the same reason."""
MOST_EVENTS = 10_000
"""Of a history, which takes some 50 microseconds for each."""
PATIENCE_S = 2.0
MOST_KNOWN = 100
"""Of how many instances the answer is kept: a page that is open asks again and again."""


@dataclass(frozen=True)
class Awaiting:
    """Learns from the code of an app what its instances wait for."""

    app: FunctionApp
    sdk: Generation
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: dict[str, tuple[object, Document | None]] = field(default_factory=dict)
    """What was learned of instances, with what their histories were then."""

    async def add_to(self, document: Document, scheduler: Scheduler, most: int | None = MOST_INSTANCES) -> None:
        """Add `awaits` to an instance and those below it: event names, those that nothing took, `line`.

        To that many at `most`, to all for None.

        What cannot be learned in time is left out.
        """
        async with self._one_at_a_time:
            for instance in itertools.islice(_living(document), most):
                awaits = await self._known_of(instance, scheduler)
                if awaits is not None:
                    instance["awaits"] = awaits

    async def _known_of(self, instance: Document, scheduler: Scheduler) -> Document | None:
        """Return what was learned of this very history, or learn it: the code of the app runs once for it."""
        instance_id, history = str(instance["instanceId"]), (instance["createdNs"], instance["events"])
        known = self._known.get(instance_id)
        if known is None or known[0] != history:
            if len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            known = self._known[instance_id] = (history, await self._of(instance, scheduler))
        return known[1]

    async def _of(self, instance: Document, scheduler: Scheduler) -> Document | None:
        if len(instance["events"]) > MOST_EVENTS:
            return None
        instance_id = str(instance["instanceId"])
        query = pb.StreamInstanceHistoryRequest(instanceId=instance_id)
        events = [event async for chunk in scheduler.stream_instance_history(query) for event in chunk.events]
        return await self.learn(str(instance["orchestrator"]), instance_id, events)

    async def learn(self, orchestrator: str, instance_id: str, events: list[pb.HistoryEvent]) -> Document | None:
        """Return what an instance with this history waits for: `events`, `unclaimed` and `line`.

        None if it has ended, or if that cannot be learned in time.
        """
        function = self.app.orchestrators.get(orchestrator.lower())
        if function is None:
            return None
        try:
            # Not on the threads of functions: that they are all busy may be what is asked about.
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.to_thread(self._replayed, function, instance_id, events)
        except Exception as error:  # noqa: BLE001 - the code of the app, or a history that it contradicts
            logger.debug("What '%s' waits for cannot be learned: %r", instance_id, error)
            return None

    def _replayed(self, function: Function, instance_id: str, events: list[pb.HistoryEvent]) -> Document | None:
        history = self.sdk.with_payloads(events)
        started = next((event.executionStarted for event in history if event.HasField("executionStarted")), None)
        if started is None:
            return None
        request = pb.OrchestratorRequest(instanceId=instance_id, pastEvents=history)
        with unlogged():
            execution = self.sdk.begin_replay(function, request, started)
            execution.advance(request)
        if execution.has_ended:
            return None  # today's code does otherwise, or its end is on the way
        return {
            "events": execution.awaited_events(),
            "unclaimed": execution.unclaimed_events(),
            "line": shown_place(execution.line),
        }


def _living(document: Document) -> Iterator[Document]:
    if document["status"] in LIVING and document["events"]:
        yield document
    for child in document["children"]:
        yield from _living(child)
