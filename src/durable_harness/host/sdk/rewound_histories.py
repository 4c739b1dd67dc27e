"""Histories rewritten for a rewind: what failed is done again, what succeeded is not.

The service's rule takes out the failures and the activities that failed. That is not enough where a failure led to
more: the timers and attempts of a retry, or what an `except` block asked for, stay behind under ids that the code now
gives to other tasks. So the code is taken through its history without the failures. Only what it asks for on that way
is kept of its history, under the id that it has then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

from durable_harness.host.sdk.generation import ReplayedExecution
from durable_harness.host.sdk.steps import SCHEDULING_KINDS, Step, is_same, step_of_event
from durable_harness.protocol import copy_of, pb

OUTCOMES = {
    "taskCompleted": "taskScheduledId",
    "taskFailed": "taskScheduledId",
    "subOrchestrationInstanceCompleted": "taskScheduledId",
    "subOrchestrationInstanceFailed": "taskScheduledId",
    "timerFired": "timerId",
}
"""The events that end what was asked for, and their field that has its id."""
FAILURES = frozenset({"taskFailed", "subOrchestrationInstanceFailed"})
ANSWERS = {
    "entityOperationCompleted": "requestId",
    "entityOperationFailed": "requestId",
    "entityLockGranted": "criticalSectionId",
}
"""The events that answer a message to an entity, and their field that has the id of the message."""

BeginExecution = Callable[[pb.OrchestratorRequest], ReplayedExecution]


class _UnexplainedError(Exception):
    """Raised if the code does not ask for what its history has, and no failure explains that."""


def rewound(
    request: pb.OrchestratorRequest, begin: BeginExecution | None, whole: pb.OrchestratorRequest | None = None
) -> list[pb.HistoryEvent]:
    """Return the history of an OrchestratorRequest that has an ExecutionRewound event, as it is to be replayed.

    `begin` begins an execution of the orchestrator; without it, or if the code contradicts its history, the history is
    rewritten by the service's rule. The next turn then reports the contradiction. `whole` is the request with the
    payloads that the app keeps elsewhere.
    """
    history = _history(request)
    if begin is None or not any(_kind(event) in FAILURES for event in history):
        return without_failures(history)
    try:
        return _Rewriting(request, history, _history(whole or request), begin).run()
    except _UnexplainedError:
        return without_failures(history)


def _history(request: pb.OrchestratorRequest) -> list[pb.HistoryEvent]:
    return [*request.pastEvents, *request.newEvents]


def without_failures(history: Iterable[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """Return a history by the service's rule: without failures, the activities that failed, and the end."""
    events = list(history)
    failed = {event.taskFailed.taskScheduledId for event in events if event.HasField("taskFailed")}
    return [
        event
        for event in events
        if _kind(event) not in FAILURES | {"executionCompleted"}
        and not (event.HasField("taskScheduled") and event.eventId in failed)
    ]


@dataclass(slots=True)
class _AskedFor:
    """Something that was asked for in a history: where, and where it failed if it did."""

    position: int
    event: pb.HistoryEvent
    step: Step
    failed_at: int | None = None
    new_id: int | None = None
    is_matched: bool = False


class _Rewriting:
    """One walk through a history, with the code beside it."""

    def __init__(
        self,
        request: pb.OrchestratorRequest,
        history: Sequence[pb.HistoryEvent],
        whole: Sequence[pb.HistoryEvent],
        begin: BeginExecution,
    ) -> None:
        self._history = history
        self._whole = whole
        self._kept: list[pb.HistoryEvent] = []
        # Not a message: that would copy the whole history at each of its turns.
        turn = SimpleNamespace(
            instanceId=request.instanceId,
            executionId=request.executionId,
            pastEvents=[],
            newEvents=(),
            requiresHistoryStreaming=False,
        )
        self._turn = cast("pb.OrchestratorRequest", turn)
        self._begin = begin
        self._execution: ReplayedExecution | None = None
        self._steps_seen = 0
        self._asked = _all_asked(whole)
        self._ahead = list(self._asked.values())
        self._current: dict[int, _AskedFor] = {}
        self._dropped_messages: set[str] = set()
        self._first_failure = next(i for i, event in enumerate(history) if _kind(event) in FAILURES)

    def run(self) -> list[pb.HistoryEvent]:
        for position, event in enumerate(self._history):
            self._walk(position, _kind(event), event)
        return self._kept

    def _walk(self, position: int, kind: str | None, event: pb.HistoryEvent) -> None:
        if kind in SCHEDULING_KINDS:
            self._walk_past_asked(self._asked[position])
        elif kind in OUTCOMES:
            self._walk_past_outcome(position, kind, event)
        elif kind != "executionCompleted" and not self._answers_dropped(kind, event):
            self._keep(position)

    def _walk_past_asked(self, asked: _AskedFor) -> None:
        self._match_new_steps(asked.position)
        self._current[asked.event.eventId] = asked
        if not asked.is_matched and asked.position < self._first_failure:
            raise _UnexplainedError
        new_id = asked.new_id
        if new_id is not None:
            self._keep(asked.position, lambda copy: setattr(copy, "eventId", new_id))
        elif not asked.is_matched:
            self._dropped_messages.add(_message_id(asked.event))

    def _walk_past_outcome(self, position: int, kind: str, event: pb.HistoryEvent) -> None:
        id_field = OUTCOMES[kind]
        asked = self._current.get(getattr(getattr(event, kind), id_field))
        if asked is not None and asked.new_id is not None and kind not in FAILURES:
            self._keep(position, lambda copy: setattr(getattr(copy, kind), id_field, asked.new_id))

    def _answers_dropped(self, kind: str | None, event: pb.HistoryEvent) -> bool:
        return kind in ANSWERS and getattr(getattr(event, kind), ANSWERS[kind]) in self._dropped_messages

    def _keep(self, position: int, change: Callable[[pb.HistoryEvent], None] = lambda _copy: None) -> None:
        for source, target in ((self._history, self._kept), (self._whole, self._turn.pastEvents)):
            copy = copy_of(source[position])
            change(copy)
            target.append(copy)

    def _match_new_steps(self, position: int) -> None:
        """Take the code through what was kept so far, and find in the rest of history what it asks for."""
        self._execution = self._execution or self._begin(self._turn)
        self._execution.advance(self._turn)
        steps = self._execution.steps(self._steps_seen)
        self._steps_seen += len(steps)
        for step in steps:
            if step.kind == "failure":
                raise _UnexplainedError
            if not step.is_end:
                self._match(step, position)

    def _match(self, step: Step, position: int) -> None:
        """Set the id that a step has now on its events in history. A failed one gets none: it is to be done again."""
        self._ahead = [asked for asked in self._ahead if not asked.is_matched and asked.position >= position]
        has_its_id = (asked for asked in self._ahead if asked.step.event_id == step.event_id)
        found = _first_like(step, has_its_id) or _first_like(step, self._ahead)
        if found is None:
            return
        found.is_matched = True
        repeated = found if found.failed_at is None else self._repeated(step, found.failed_at)
        if repeated is not None:
            repeated.is_matched, repeated.new_id = True, step.event_id
        elif found.step.kind == "sub-orchestration":
            found.new_id = step.event_id  # the scheduler rewinds the child that the event names

    def _repeated(self, step: Step, failed_at: int) -> _AskedFor | None:
        """Return the attempt that succeeded, or is under way, after one that failed."""
        later = (a for a in self._ahead if a.position > failed_at and a.failed_at is None and not a.is_matched)
        return _first_like(step, later)


def _first_like(step: Step, candidates: Iterable[_AskedFor]) -> _AskedFor | None:
    return next((asked for asked in candidates if is_same(asked.step, step)), None)


def _all_asked(history: Sequence[pb.HistoryEvent]) -> dict[int, _AskedFor]:
    """Return by its position all that was asked for in a history."""
    asked: dict[int, _AskedFor] = {}
    current: dict[int, _AskedFor] = {}
    for position, event in enumerate(history):
        kind = _kind(event)
        if kind in SCHEDULING_KINDS:
            asked[position] = current[event.eventId] = _AskedFor(position, event, step_of_event(event))
        elif kind in FAILURES and getattr(event, kind).taskScheduledId in current:
            current[getattr(event, kind).taskScheduledId].failed_at = position
    return asked


def _message_id(event: pb.HistoryEvent) -> str:
    """Return the id that the answer to a message has, "" if it is not a message."""
    detail = getattr(event, str(_kind(event)))
    return str(getattr(detail, "requestId", "") or getattr(detail, "criticalSectionId", ""))


def _kind(event: pb.HistoryEvent) -> str | None:
    kind: str | None = event.WhichOneof("eventType")
    return kind
