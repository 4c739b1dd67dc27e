"""External events that a test has promised: they are raised whenever an orchestration waits for them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from durable_harness.protocol import RpcError, RpcStatus, Scheduler, pb, wrap_text
from durable_harness.protocol.timings import Document


@dataclass
class Response:
    """The answer to an event: for some instances and those below them, or for all; `left` None is any number."""

    number: int
    event: str
    payload: str
    left: int | None
    instances: set[str] | None = None
    count: int = 0

    def is_for(self, instance_id: str) -> bool:
        """Whether it answers this instance."""
        return self.left != 0 and (self.instances is None or instance_id in self.instances)


class Responses:
    """The answers of a host. Of several for one event, the one that was made first answers, until it is used up."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.promised: dict[int, Response] = {}
        """By their numbers."""
        self._numbers = itertools.count(1)
        self._on_the_way: Counter[tuple[str, str]] = Counter()
        """Events that were raised here and that no turn has brought yet, by instance and name."""
        self.at_rest = asyncio.Lock()
        """Held by who looks at what an instance waits for and raises it: nothing is raised twice for one wait."""

    def add(self, event: str, payload: object, times: int | None, instance_id: str | None) -> Response:
        """Answer an event from now on, of one instance and those below it, or of all."""
        instances = None if instance_id is None else {instance_id}
        response = Response(next(self._numbers), event.casefold(), json.dumps(payload), times, instances)
        self.promised[response.number] = response
        return response

    async def answer_waiting(self, document: Document) -> None:
        """Answer the instances in a document of timings with its `awaits`, which began to wait before."""
        waiting = list(_tree(document))
        for parent in waiting:
            for child in parent["children"]:
                self._note_child(str(child["instanceId"]), str(parent["instanceId"]))
        for one in waiting:
            if one.get("came"):
                continue  # the turn that brings this is answered, and may wait for something else
            await self.answer(str(one["instanceId"]), (one.get("awaits") or {}).get("events", ()))

    def get(self, number: int) -> Response | None:
        return self.promised.get(number)

    def end(self, number: int) -> None:
        """Answer no more."""
        self.promised.pop(number, None)
        if not self.promised:
            self._on_the_way.clear()  # no turn is noted any longer

    def note_turn(self, instance_id: str, parent_id: str, events: Iterable[pb.HistoryEvent]) -> None:
        """Note what a turn brings: events that are on the way no longer, and whose sub-orchestration this is."""
        for event in events:
            if event.HasField("executionStarted"):
                self._forget(instance_id)
            elif event.HasField("eventRaised"):
                self._arrived(instance_id, event.eventRaised.name.casefold())
        self._note_child(instance_id, parent_id)

    def _note_child(self, instance_id: str, parent_id: str) -> None:
        for response in self.promised.values():
            if response.instances is not None and parent_id in response.instances:
                response.instances.add(instance_id)

    def concern(self, instance_id: str) -> bool:
        """Whether any answers this instance."""
        return any(response.is_for(instance_id) for response in self.promised.values())

    async def answer(self, instance_id: str, awaited: Iterable[str]) -> None:
        """Raise the events that an instance waits for and that there are answers for."""
        for name in awaited:
            response = self._find(instance_id, name)
            if response is not None and not self._on_the_way[instance_id, name.casefold()]:
                await self._raise(response, instance_id, name)

    def _find(self, instance_id: str, name: str) -> Response | None:
        fitting = (one for one in self.promised.values() if one.event == name.casefold() and one.is_for(instance_id))
        return next(fitting, None)

    async def _raise(self, response: Response, instance_id: str, name: str) -> None:
        request = pb.RaiseEventRequest(instanceId=instance_id, name=name, input=wrap_text(response.payload))
        self._on_the_way[instance_id, name.casefold()] += 1
        response.left = None if response.left is None else response.left - 1
        response.count += 1
        try:
            await self._scheduler.raise_event(request)
        except RpcError as error:
            self._arrived(instance_id, name.casefold())
            response.left = None if response.left is None else response.left + 1
            response.count -= 1
            if error.status is not RpcStatus.NOT_FOUND:  # it was removed meanwhile
                raise

    def _forget(self, instance_id: str) -> None:
        """Forget what was on the way to an execution that has ended."""
        for key in [key for key in self._on_the_way if key[0] == instance_id]:
            del self._on_the_way[key]

    def _arrived(self, instance_id: str, name: str) -> None:
        if self._on_the_way[instance_id, name] <= 1:
            del self._on_the_way[instance_id, name]
        else:
            self._on_the_way[instance_id, name] -= 1


def _tree(document: Document) -> Iterator[Document]:
    yield document
    for child in document["children"]:
        yield from _tree(child)
