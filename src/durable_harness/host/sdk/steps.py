"""What an orchestrator does, step by step, in the terms that a history of it and a replay of it share.

The SDK itself notices only that a step is of another kind (and not always). Here two lists of steps are compared in all
that makes a replay go wrong: kind, name, input, due time, order, count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from durable_harness.documents import parse_json
from durable_harness.host.app.functions import BUILT_IN_HTTP_ACTIVITY
from durable_harness.host.payload_encoding import parse_or_text, unwrap_json
from durable_harness.protocol import from_ns, pb, to_ns, unwrap_text
from durable_harness.wording.json_places import first_place, shown

SCHEDULING_KINDS = frozenset(
    {
        "taskScheduled",
        "timerCreated",
        "subOrchestrationInstanceCreated",
        "eventSent",
        "entityOperationCalled",
        "entityOperationSignaled",
        "entityLockRequested",
        "entityUnlockSent",
    }
)
"""The events of what an orchestrator asked for; their ids are those of its actions."""
TO_ENTITIES = {
    "entityOperationCalled": "entity call",
    "entityOperationSignaled": "entity signal",
    "entityLockRequested": "entity lock",
    "entityUnlockSent": "entity unlock",
}
UNKNOWN = "\0"
"""Stands for an input that a history does not have; it is equal to every other."""
ENDINGS = {
    pb.ORCHESTRATION_STATUS_COMPLETED: "completion",
    pb.ORCHESTRATION_STATUS_FAILED: "failure",
    pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW: "continue-as-new",
    pb.ORCHESTRATION_STATUS_TERMINATED: "termination",
    pb.ORCHESTRATION_STATUS_CANCELED: "cancellation",
}
HOST_MADE_ID = re.compile(r"(:[0-9a-fA-F]+|^[0-9a-f]{32})$")
"""The id of a child that its orchestrator did not name; such ids are not compared."""
MAX_SHOWN_CHARS = 200
NO_ID = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an orchestrator asks for, or its end. `payload` is stored text, `due` the times (ns) that do."""

    kind: str
    name: str = ""
    payload: str | None = None
    due: tuple[int, ...] = ()
    event_id: int = NO_ID
    line: str | None = None
    """Where in the app's code it was asked for, as `file:line`; only replays know."""

    @property
    def is_end(self) -> bool:
        return self.event_id == NO_ID

    def __str__(self) -> str:
        """Describe it for people."""
        if self.kind == "timer":
            return f"timer due {' or '.join(map(_moment, self.due)) or 'at a time not recorded'}"
        words = f"{self.kind} '{self.name}'" if self.name else self.kind
        if self.payload is None or self.payload == UNKNOWN:
            return words
        if self.kind == "failure":
            return f"{words}: {_clipped(self.payload)}"
        noun = "output" if self.kind == "completion" else "input"
        return f"{words} with {noun} {_clipped(_readable(self.payload))}"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step in which a replay differs; None stands for no step at all."""

    aspect: str
    """kind, name, input, due time, order or count; output for what an orchestration returned."""
    expected: Step | None
    got: Step | None

    def place(self) -> str | None:
        """Return where in their input or output two steps differ, None if there is no such place."""
        expected, got = self.expected, self.got
        if self.aspect not in {"input", "output"} or not (expected and got and expected.payload and got.payload):
            return None
        before, now = (parse_or_text(_readable(step.payload or "")) for step in (expected, got))
        place, was, became = first_place(before, now, self.aspect, lambda one, other: shown(one) == shown(other))
        return None if place == self.aspect else f"{place}: {_clipped(was)} → {_clipped(became)}"

    def __str__(self) -> str:
        where = f" ({self.got.line})" if self.got and self.got.line else ""
        return (
            f"they differ in {self.aspect}: history has {self.expected or 'nothing more'},"
            f" the replay {self.got or 'nothing more'}{where}"
        )


def first_difference(expected: Sequence[Step], got: Sequence[Step]) -> Difference | None:
    """Return the first difference of a replay's steps from those expected, None if there is none."""
    for position, (wanted, found) in enumerate(zip(expected, got, strict=False)):
        aspect = _aspect(wanted, found)
        if aspect is not None:
            return _explained(expected[position:], got[position:], aspect)
    if len(expected) > len(got):
        return Difference("count", expected[len(got)], None)
    if len(got) > len(expected):
        return Difference("count", None, got[len(expected)])
    return None


def is_same(one: Step, other: Step) -> bool:
    """Return whether two steps are the same, wherever they are."""
    return _aspect(one, other) is None


def _explained(expected: Sequence[Step], got: Sequence[Step], aspect: str) -> Difference:
    """Return the difference as that of a step that is new, gone or in another place, or else of a changed one."""
    wanted, found = expected[0], got[0]
    comes_later = any(is_same(wanted, step) for step in got[1:])
    came_later = any(is_same(found, step) for step in expected[1:])
    if comes_later and came_later:
        return Difference("order", wanted, found)
    if wanted.is_end != found.is_end or (comes_later and len(got) > len(expected)):
        return Difference("count", wanted, found)
    if came_later and len(expected) > len(got):
        return Difference("count", wanted, found)
    return Difference(aspect, wanted, found)


def _aspect(wanted: Step, found: Step) -> str | None:
    if wanted.kind != found.kind:
        return "kind"
    if wanted.name != found.name:
        return "name"
    if wanted.due and found.due and not set(wanted.due) & set(found.due):
        return "due time"
    if wanted.kind != "failure" and not _same_payload(wanted.payload, found.payload):
        return "output" if wanted.kind == "completion" else "input"
    return None


def _same_payload(one: str | None, other: str | None) -> bool:
    return one == other or UNKNOWN in (one, other) or _canonical(_json(one)) == _canonical(_json(other))


def _canonical(value: object) -> str:
    """Return text that is equal for equal JSON values; JSON's 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True)


def _json(payload: str | None) -> object:
    """Return stored text as JSON; text that is not JSON, and no text at all, are equal to themselves only."""
    try:
        return parse_json(payload) if payload is not None else UNKNOWN
    except ValueError:
        return f"{UNKNOWN}{payload}"


# -- steps of a replay and of a history -------------------------------------------------------------------------------


def step_of_action(action: pb.OrchestratorAction, line: str | None = None, also_due_ns: int | None = None) -> Step:
    """Return what a protocol action is. `also_due_ns` is another time at which other hosts make a timer due."""
    kind = action.WhichOneof("orchestratorActionType")
    detail = getattr(action, kind)
    if kind == "scheduleTask":
        return _task(detail, action.id, line)
    if kind == "createTimer":
        due = (to_ns(detail.fireAt),) if also_due_ns is None else (to_ns(detail.fireAt), also_due_ns)
        return Step("timer", due=due, event_id=action.id, line=line)
    if kind == "createSubOrchestration":
        return _child(detail, action.id, line)
    if kind == "sendEntityMessage":
        message = detail.WhichOneof("EntityMessageType")
        return _to_entity(message, detail, action.id, line)
    if kind == "sendEvent":
        return _event(detail, action.id, line)
    return Step(kind, event_id=action.id, line=line)


def step_of_event(event: pb.HistoryEvent, lacks: frozenset[str] = frozenset()) -> Step:
    """Return what a scheduling event of a history is. `lacks` names what is not known of the history."""
    kind = event.WhichOneof("eventType")
    step = _step_of_event(kind, event)
    if "dueTimes" in lacks and step.due:
        return Step(step.kind, event_id=step.event_id)
    if "inputs" in lacks and step.payload is None:
        return Step(step.kind, step.name, UNKNOWN, step.due, step.event_id)
    return step


def step_of_ending(
    ending: pb.CompleteOrchestrationAction | pb.ExecutionCompletedEvent, line: str | None = None
) -> Step:
    """Return the end that a CompleteOrchestrationAction or an ExecutionCompletedEvent is."""
    status = ending.orchestrationStatus
    payload = ending.failureDetails.errorMessage if ending.HasField("failureDetails") else unwrap_text(ending, "result")
    return Step(ENDINGS.get(status, "end"), payload=payload, line=line)


def _step_of_event(kind: str, event: pb.HistoryEvent) -> Step:
    detail, event_id = getattr(event, kind), event.eventId
    if kind == "taskScheduled":
        return _task(detail, event_id)
    if kind == "timerCreated":
        return Step("timer", due=(to_ns(detail.fireAt),) if detail.HasField("fireAt") else (), event_id=event_id)
    if kind == "subOrchestrationInstanceCreated":
        return _child(detail, event_id)
    if kind in TO_ENTITIES:
        return _to_entity(kind, event, event_id)
    if kind == "eventSent":
        return _event(detail, event_id)
    return Step(kind, getattr(detail, "name", ""), event_id=event_id)


def _task(detail: pb.ScheduleTaskAction | pb.TaskScheduledEvent, event_id: int, line: str | None = None) -> Step:
    payload = unwrap_text(detail, "input")
    if detail.name == BUILT_IN_HTTP_ACTIVITY:
        return Step("HTTP call", "", payload, event_id=event_id, line=line)
    return Step("activity", detail.name, payload, event_id=event_id, line=line)


def _child(
    detail: pb.CreateSubOrchestrationAction | pb.SubOrchestrationInstanceCreatedEvent,
    event_id: int,
    line: str | None = None,
) -> Step:
    by_host = not detail.instanceId or HOST_MADE_ID.search(detail.instanceId)
    name = detail.name if by_host else f"{detail.name} {detail.instanceId}"
    return Step("sub-orchestration", name, unwrap_text(detail, "input"), event_id=event_id, line=line)


def _to_entity(
    kind: str, holder: pb.HistoryEvent | pb.SendEntityMessageAction, event_id: int, line: str | None = None
) -> Step:
    name, detail = TO_ENTITIES[kind], getattr(holder, kind)
    if kind == "entityLockRequested":
        return Step(name, ", ".join(detail.lockSet), event_id=event_id, line=line)
    target = str(unwrap_text(detail, "targetInstanceId"))
    if kind == "entityUnlockSent":
        return Step(name, target, event_id=event_id, line=line)
    return Step(name, f"{target} {detail.operation}", unwrap_text(detail, "input"), event_id=event_id, line=line)


def _event(detail: pb.SendEventAction | pb.EventSentEvent, event_id: int, line: str | None = None) -> Step:
    """Return the step of an event that is sent to another instance; action and history name that differently."""
    if isinstance(detail, pb.SendEventAction):
        target, payload = detail.instance.instanceId, unwrap_text(detail, "data")
    else:
        target, payload = detail.instanceId, unwrap_text(detail, "input")
    return Step("event", f"{detail.name} to {target}", payload, event_id=event_id, line=line)


# -- for people -------------------------------------------------------------------------------------------------------


def _readable(payload: str) -> str:
    """Return a payload without the second layer of JSON that the SDK wraps around some."""
    return unwrap_json(payload) or payload


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 1]}…"


def _moment(time_ns: int) -> str:
    stamp = from_ns(time_ns)
    moment = datetime.fromtimestamp(stamp.seconds, UTC).replace(microsecond=stamp.nanos // 1000)
    return moment.isoformat().replace("+00:00", "Z")
