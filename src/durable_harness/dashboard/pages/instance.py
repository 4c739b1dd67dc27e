"""One instance: how it stands, what it was given and gave, when it did what, its relatives, its history."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web

from durable_harness.dashboard.failure_texts import failures_of
from durable_harness.dashboard.history_rows import PAGE_SIZE, payload_of, rows_of
from durable_harness.dashboard.known_instance import KnownInstance, find_state, history_of, read_instance
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, instance_url
from durable_harness.dashboard.pages.acts import ACTS, acts_for
from durable_harness.dashboard.payload_texts import Payload
from durable_harness.dashboard.shown_log import lines_about
from durable_harness.dashboard.tree import read_tree
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import unwrap_text
from durable_harness.protocol.history_file import UnreadableHistoryError, as_document, from_events
from durable_harness.protocol.run_again import ORIGIN_TAG, RECEIVED, origin_of
from durable_harness.replay.activity_inputs import unpack_activity_inputs
from durable_harness.why.waits import Wait

OWN_PAYLOADS = {"input": "input", "output": "output", "custom-status": "customStatus"}
EVENT_PAYLOAD = re.compile(r"event-(\d{1,9})")
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
LIVE_EVERY_S, ENDED_EVERY_S = 2, 10
"""How often a page asks for what is new: of an instance that has ended, only an act changes something."""


async def show(visit: Visit) -> web.Response:
    """Show an instance."""
    instance = await read_instance(visit, visit.arguments["id"])
    return visit.page("instance.html", **await values_of(visit, instance))


async def values_of(visit: Visit, instance: KnownInstance) -> dict[str, Any]:
    """Return all that the template shows of an instance."""
    instance_id = str(instance.state.instanceId)
    first = _first_event(visit, len(instance.events))
    return {
        "instance": instance,
        "tree": await read_tree(visit, instance.node),
        "state": instance.state,
        "id": instance_id,
        "payloads": [
            (title, Payload(text, _raw_url(visit, name)))
            for title, name, field in (
                ("Input", "input", "input"),
                ("Output", "output", "output"),
                ("Custom status", "custom-status", "customStatus"),
            )
            if (text := instance.text(field)) is not None
        ],
        "failures": list(failures_of(instance.state.failureDetails)) if _has_failed(instance) else [],
        "waits": list(_waits(instance)),
        "rows": rows_of(instance.events, first, repeats=instance.repeats),
        "first": first,
        "page_size": PAGE_SIZE,
        "here": lambda first: instance_url(visit.hub, instance_id, query=[("events", str(first))]),
        "raw_url": lambda number: _raw_url(visit, f"event-{number}"),
        "acts": acts_for(instance.state.orchestrationStatus),
        "all_acts": list(ACTS.values()),
        "failed": "",
        "refused": None,
        "typed": {},
        "done": DONE.get(visit.query.get("done", ""), ""),
        "logs": lines_about(visit, instance_id),
        "can_again": _again(visit, instance.events),
        "origin": origin_of(instance.state.tags[ORIGIN_TAG]) if ORIGIN_TAG in instance.state.tags else None,
        "can_replay": visit.source.replay is not None,
        "live_every": ENDED_EVERY_S if instance.has_ended else LIVE_EVERY_S,
    }


async def raw(visit: Visit) -> web.Response:
    """Answer with a payload, whole and as it was written."""
    instance_id, name = visit.arguments["id"], visit.arguments["payload"]
    state = await find_state(visit, instance_id)
    found = EVENT_PAYLOAD.fullmatch(name)
    if name in OWN_PAYLOADS:
        text = unwrap_text(state, OWN_PAYLOADS[name])
    elif found is not None:
        text = _event_payload(await history_of(visit, instance_id), int(found[1]))
    else:
        text = None
    if text is None:
        raise PageError(404, f"The instance has no such payload: {name}.")
    # Whatever it holds, a browser takes it for text only.
    return web.Response(body=text.encode("utf-8", "replace"), content_type="text/plain", charset="utf-8")


async def history_file(visit: Visit) -> web.Response:
    """Answer with the history as a file that `durable-harness replay` reads."""
    instance_id = visit.arguments["id"]
    document = await history_document(visit, instance_id)
    name = NOT_IN_FILE_NAMES.sub("-", f"{document['orchestrator']}-{instance_id}")[:120]
    return web.Response(
        text=json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}.json"'},
    )


async def history_document(visit: Visit, instance_id: str) -> dict[str, Any]:
    """Return the history of an instance as a file of it has it. Raises PageError where no turn has run yet."""
    await find_state(visit, instance_id)
    events = await history_of(visit, instance_id)
    unpack_activity_inputs(events)
    try:
        return as_document(from_events(instance_id, events))
    except UnreadableHistoryError as error:
        raise PageError(409, f"There is no history to replay yet: {error.reason}.") from error


def _again(visit: Visit, events: Sequence[Any]) -> set[int]:
    """Return the numbers of the events from which the history can be run again."""
    if visit.source.overview is None or visit.options.is_read_only:
        return set()
    return {number for number, event in enumerate(events, 1) if event.WhichOneof("eventType") in RECEIVED}


def _raw_url(visit: Visit, payload: str) -> str:
    return instance_url(visit.hub, visit.arguments["id"], "raw", payload)


def _event_payload(events: list[Any], number: int) -> str | None:
    if not 1 <= number <= len(events):
        return None
    event = events[number - 1]
    kind = event.WhichOneof("eventType")
    return payload_of(getattr(event, kind))[1] if kind else None


def _first_event(visit: Visit, count: int) -> int:
    """Return the number of the first event that is shown; a page begins where its address says."""
    text = visit.query.get("events", "")
    return min(max(int(text), 1), max(count, 1)) if text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004 - digits


def _has_failed(instance: KnownInstance) -> bool:
    return bool(instance.state.HasField("failureDetails"))


def _waits(instance: KnownInstance) -> Iterator[tuple[Wait, int]]:
    """Yield what it waits for, of those that are alike the oldest, and how many these are."""
    alike: dict[Wait, list[Wait]] = {}
    for wait in instance.explained.waits if instance.explained is not None else ():
        alike.setdefault(dataclasses.replace(wait, age_ns=None, on=""), []).append(wait)
    for waits in alike.values():
        yield max(waits, key=lambda wait: wait.age_ns or 0), len(waits)


DONE = {
    "new": "The orchestration was accepted.",
    "event": "The event was raised.",
    "suspend": "The instance was asked to suspend: it does before its next turn.",
    "resume": "The instance was resumed.",
    "terminate": "The instance was asked to terminate.",
    "restart": "The orchestration was started again. This is the new instance.",
    "again": "The history was taken up to the event. This is the new instance, which continues from there.",
    "restart-same": "The orchestration was started again under its id.",
    "rewind": "The instance was rewound: what had failed runs again.",
}
"""What was done just now, by the word in the address."""

ROUTES = (
    PageRoute("GET", (ORCHESTRATIONS, "{id}"), show, ORCHESTRATIONS),
    PageRoute("GET", (ORCHESTRATIONS, "{id}", "raw", "{payload}"), raw),
    PageRoute("GET", (ORCHESTRATIONS, "{id}", "history.json"), history_file),
)
