"""Recorded histories: JSON documents that are committed beside the tests and replayed against later code.

    {
      "format": "durable-harness history",
      "version": 1,
      "orchestrator": "greeting",
      "instanceId": "…",
      "lacks": [],
      "events": [{"eventId": -1, "timestamp": "2026-01-01T00:00:00Z", "orchestratorStarted": {}}, …]
    }

`events` is the history of one execution, event by event as protobuf's JSON mapping writes the `HistoryEvent` of the
Durable Task protocol, without what a replay does not need (trace contexts, tags) and without empty fields. Times are
those of the scheduler's clock, modelled ones included; payloads are the stored text, exactly. A turn begins with
`orchestratorStarted`; what it asked for comes behind what it was given. One and the same history is always written as
the same text.

`lacks` names what the place of recording does not know: see LACKS.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from durable_harness.documents import JsonObject, read_json
from durable_harness.errors import UsageError
from durable_harness.wording.foreign_text import shown

FORMAT = "durable-harness history"
VERSION = 1
LACKS = {
    "turns": "which actions were asked for in one turn: they are compared in their order only",
    "dueTimes": "the time from which timers count: their due times are not compared",
    "inputs": "some inputs: those that are missing are not compared",
}
ASKING = frozenset({"taskScheduled", "subOrchestrationInstanceCreated", "timerCreated"})
"""The events that have an id of their own in an execution."""
FAILING = frozenset({"taskFailed", "subOrchestrationInstanceFailed"})
NOISE = frozenset({"parentTraceContext", "orchestrationSpanID", "tags", "properties"})


class UnreadableHistoryError(UsageError):
    """Raised when a file is not a recorded history that this version can read, for this `reason`."""

    def __init__(self, where: Path | str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class RecordedHistory:
    """The history of one execution of one instance, as protocol events."""

    instance_id: str
    orchestrator: str
    events: Sequence[pb.HistoryEvent]
    lacks: frozenset[str] = frozenset()


def as_document(history: RecordedHistory) -> dict[str, object]:
    """Return a history as the JSON object that a file of it holds."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "orchestrator": history.orchestrator,
        "instanceId": history.instance_id,
        "lacks": sorted(history.lacks),
        "events": [_event_as_json(event) for event in history.events],
    }


def from_events(instance_id: str, events: Iterable[pb.HistoryEvent], lacks: Iterable[str] = ()) -> RecordedHistory:
    """Return the history that a scheduler's events are. Raises UnreadableHistoryError where no execution began."""
    history = list(events)
    started = next((event.executionStarted for event in history if event.HasField("executionStarted")), None)
    if started is None:
        raise UnreadableHistoryError(f"instance {instance_id}", "its history has no executionStarted: no turn has run")
    return RecordedHistory(instance_id, started.name, history, frozenset(lacks))


def write_document(path: Path, document: dict[str, object]) -> None:
    """Write a recorded history, making the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_history(path: Path) -> RecordedHistory:
    """Read a recorded history. Raises UnreadableHistoryError."""
    try:
        document = read_json(path)
    except OSError as error:
        raise UnreadableHistoryError(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableHistoryError(path, f"is not JSON: {error}") from error
    return from_document(document, path)


def from_document(document: object, where: Path | str) -> RecordedHistory:
    """Return the history in a document. Raises UnreadableHistoryError, which names `where` it came from."""
    recorded = _checked_format(document, where)
    try:
        events = [ParseDict(event, pb.HistoryEvent()) for event in recorded["events"]]
        lacks = frozenset(map(str, recorded.get("lacks") or ()))
    except (ParseError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableHistoryError(where, f"its events are not those of a history: {error}") from error
    try:
        history = from_events(str(recorded.get("instanceId")), events, lacks)
    except UnreadableHistoryError as error:
        raise UnreadableHistoryError(where, error.reason) from error
    if contradiction := _contradiction(history, recorded.get("orchestrator")):
        raise UnreadableHistoryError(where, f"contradicts itself: {contradiction}. Record it again, or undo the edit")
    return history


def _contradiction(history: RecordedHistory, named: object) -> str | None:
    """Return what no recording can have written: a replay of an edited file would pass, and prove nothing."""
    if named != history.orchestrator:
        return f"its orchestrator is {shown(repr(named))}, that of its executionStarted '{shown(history.orchestrator)}'"
    if unknown := sorted(history.lacks - LACKS.keys()):
        return f"lacks has '{shown(unknown[0])}', expected {', '.join(LACKS)}"
    return _repeated(history)


def _repeated(history: RecordedHistory) -> str | None:
    """Return what is there twice and can be only once, unless a rewind has done it."""
    kinds = Counter(event.WhichOneof("eventType") for event in history.events)
    if kinds["executionRewound"]:
        return None
    if kinds["executionStarted"] > 1:
        return f"it has {kinds['executionStarted']} events executionStarted, expected 1"
    if kinds["executionCompleted"] + kinds["continueAsNew"] > 1:
        return "it ends more than once"
    return _asked_twice(history.events)


def _asked_twice(events: Iterable[pb.HistoryEvent]) -> str | None:
    """SDK 2.x asks for each attempt of a task with retries under one id, once the attempt before has failed."""
    asked: set[int] = set()
    for event in events:
        kind = event.WhichOneof("eventType")
        if kind in FAILING:
            asked.discard(getattr(event, kind).taskScheduledId)
        elif kind in ASKING:
            if event.eventId in asked:
                return f"more than one thing was asked for as eventId {event.eventId}"
            asked.add(event.eventId)
    return None


def _checked_format(document: object, where: Path | str) -> JsonObject:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UnreadableHistoryError(
            where, f'is not a recorded history ("format": "{FORMAT}"). Record one: durable-harness record INSTANCE_ID'
        )
    version = document.get("version")
    if version != VERSION:
        raise UnreadableHistoryError(where, f"has version {version!r}, this durable-harness reads {VERSION}")
    recorded: JsonObject = document
    return recorded


def _event_as_json(event: pb.HistoryEvent) -> dict[str, object]:
    fields: dict[str, object] = MessageToDict(event, always_print_fields_with_no_presence=True)
    kind = event.WhichOneof("eventType")
    ordered: dict[str, object] = {key: fields[key] for key in ("eventId", "timestamp") if key in fields}
    return {**ordered, kind: _replayed_part(fields[kind])} if kind else ordered


def _replayed_part(value: object) -> object:
    """Return a value without noise and without what is empty, but for payloads: an empty one is a text."""
    if not isinstance(value, dict):
        return value
    kept = {key: _replayed_part(item) for key, item in value.items() if key not in NOISE}
    return {key: item for key, item in kept.items() if item != {} and (item not in ("", []) or key in _PAYLOADS)}


_PAYLOADS = frozenset({"input", "result", "output", "errorMessage"})
