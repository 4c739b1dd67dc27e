"""The endpoint that answers what an instance spent its time on: `GET /admin/durable-harness/timings?instance=ID`.

The scheduler's moments and those of this host, joined: `durable_harness.protocol.timings` has the format. Each piece of
work that this host did has the moments of its functions too; `limits` are those of this host, `holds` the times at
which a function kept its event loop to itself. `awaits` of a living instance has the external events that its code
waits for, those that came and nothing took, and the line where it waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durable_harness.host.durable_http.awaits import Awaiting
from durable_harness.host.durable_http.messages import ApiResponse, json_response
from durable_harness.host.stages import Holds, StagesNoted
from durable_harness.protocol import RpcError, RpcStatus, Scheduler
from durable_harness.protocol.timings import Document

EXPECTED = "expected ?instance=ID, the id of an orchestration instance"


@dataclass(frozen=True)
class HostNotes:
    """What this host knows of its own work."""

    stages: StagesNoted
    holds: Holds
    limits: Mapping[str, int]
    """How much it does at once: `threads`, and work by kind."""
    awaiting: Awaiting
    """What knows the external events that instances wait for."""


async def instance_timings(scheduler: Scheduler, notes: HostNotes, instance_id: str) -> ApiResponse:
    """Answer a request for timings: 200, 400 without an id, 404 if it is unknown, 502 if the scheduler refuses."""
    if not instance_id:
        return json_response({"error": f"No instance is named; {EXPECTED}."}, 400)
    try:
        return json_response(await joined_timings(scheduler, notes, instance_id))
    except RpcError as error:
        status = 404 if error.status is RpcStatus.NOT_FOUND else 502
        return json_response({"error": str(error)}, status)


async def joined_timings(scheduler: Scheduler, notes: HostNotes, instance_id: str) -> Document:
    """Return the document of an instance with what this host noted. Raises RpcError."""
    document = await scheduler.instance_timings(instance_id)
    await notes.awaiting.add_to(document, scheduler)
    _join(document, notes)
    return {**document, "limits": dict(notes.limits)}


def _join(document: Document, notes: HostNotes) -> None:
    """Add this host's moments to the work that it did. Both clocks were read at the same moment, within a call."""
    if document["nowNs"] is None:
        return
    offset_ns = document["nowNs"] - time.monotonic_ns()
    for work in _all_work(document):
        stages = notes.stages.of(work.pop("token"))
        work["host"] = stages and stages.as_json(offset_ns)
    since_ns = document["createdNs"] - offset_ns
    document["holds"] = [
        {"function": hold.function, "fromNs": hold.from_ns + offset_ns, "toNs": hold.to_ns + offset_ns}
        for hold in notes.holds.since(since_ns)
    ]


def _all_work(document: Document) -> Iterator[Document]:
    yield from document["work"]
    for works in document["entities"].values():
        yield from works
    for child in document["children"]:
        yield from _all_work(child)
