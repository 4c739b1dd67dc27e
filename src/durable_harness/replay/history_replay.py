"""Replaying a recorded history against an orchestrator as it is today.

Up to LONG_HISTORY_EVENTS events the code is run from its beginning for every turn, as hosts do. Beyond, the execution
is kept and only continued, and run from its beginning again each time that the history has doubled.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.sdk.generation import ReplayedExecution
from durable_harness.host.sdk.installed import PACKAGE
from durable_harness.host.sdk.steps import SCHEDULING_KINDS, Difference, Step, first_difference, is_same
from durable_harness.host.sdk_choice import installed_generation
from durable_harness.protocol.continuing import LONG_HISTORY_EVENTS
from durable_harness.protocol.history_file import RecordedHistory
from durable_harness.replay.recorded_turns import RecordedTurn, copy_for, outcome_of, split_turns


@dataclass(frozen=True)
class ReplayDifference:
    """The first difference between what an orchestrator does today and its recorded history."""

    aspect: str
    """What differs: kind, name, input, due time, order, count, or output of the end. It is orchestrator if the app has
    none of that name, and SDK if the history was recorded with the other SDK."""
    turn: int
    """The number of the turn, from 1."""
    event_id: int | None
    """The ID of the event in the history; None if the history has no such event."""
    expected: str
    """What the history has."""
    got: str
    """What the code does today."""
    place: str | None = None
    """The place in the input or output, such as `input.amount: 1 → 2`."""
    line: str | None = None
    """The line of the app's code, as `file:line`."""


def replay(history: RecordedHistory, app: FunctionApp) -> ReplayDifference | None:
    """Replay a history turn by turn; return the first difference, None if there is none."""
    function = app.orchestrators.get(history.orchestrator.lower())
    if function is None:
        problem = app.unknown("orchestrator", history.orchestrator)
        return ReplayDifference("orchestrator", 1, None, f"orchestrator '{history.orchestrator}'", problem)
    if _is_of_other_sdk(history, app):
        return _of_other_sdk(app)
    replayer = _Replayer(function, history)
    return next(filter(None, map(replayer.check, replayer.turns)), None)


def _is_of_other_sdk(history: RecordedHistory, app: FunctionApp) -> bool:
    """Return the SDK by the ids of actions: they begin with 0 in 1.x, with 1 in 2.x. A rewind may take the first."""
    ids = [event.eventId for event in history.events if event.WhichOneof("eventType") in SCHEDULING_KINDS]
    if app.is_passthrough or not ids:
        return 0 in ids
    return min(ids) > 0 and not any(event.HasField("executionRewound") for event in history.events)


def _of_other_sdk(app: FunctionApp) -> ReplayDifference:
    recorded, installed = ("1.x", "2.x") if app.is_passthrough else ("2.x", "1.x")
    return ReplayDifference(
        "SDK",
        1,
        None,
        f"recorded with {PACKAGE} {recorded}, which numbers its tasks otherwise",
        f"{PACKAGE} {installed} is installed. Record the history with it, or install the other one",
    )


class _Replayer:
    def __init__(self, function: Function, history: RecordedHistory) -> None:
        self._function = function
        self._sdk = installed_generation()
        history = dataclasses.replace(history, events=self._sdk.with_payloads(history.events))
        self._history = history
        self._started = next(e.executionStarted for e in history.events if e.HasField("executionStarted"))
        self.turns = list(itertools.takewhile(lambda turn: not turn.is_terminated, split_turns(history)))
        was_rewound = any(event.HasField("executionRewound") for event in history.events)
        self._is_by_turn = not was_rewound and "turns" not in history.lacks
        self._recorded = self._in_order()
        self._upto = list(itertools.accumulate(len(turn.steps) for turn in self.turns))
        self._live: ReplayedExecution | None = None
        self._confirmed = 0

    def check(self, turn: RecordedTurn) -> ReplayDifference | None:
        """Run the code up to the end of a turn; return the first difference from what is recorded up to there."""
        execution = self._run(turn)
        got = execution.steps(self._confirmed)
        expected = self._expected(turn, len(got))
        difference = first_difference(expected, got)
        if difference is not None:
            return self._told(turn, difference, execution)
        self._confirmed += len(got)
        return None

    def _in_order(self) -> list[Step]:
        """Return all recorded steps: as they came, or by their ids if a turn is not known or was done again."""
        steps = [step for turn in self.turns for step in turn.steps]
        if self._is_by_turn:
            return steps
        asked = sorted((step for step in steps if not step.is_end), key=lambda step: step.event_id)
        return [*asked, *[step for step in steps if step.is_end][-1:]]

    def _run(self, turn: RecordedTurn) -> ReplayedExecution:
        execution = self._live
        if execution is None or execution.is_due_for_replay(turn.as_request()):
            execution = self._begin(turn)
            self._confirmed = 0
        execution.advance(turn.as_request())
        self._live = execution if turn.first_event >= LONG_HISTORY_EVENTS else None
        return execution

    def _begin(self, turn: RecordedTurn) -> ReplayedExecution:
        return self._sdk.begin_replay(self._function, turn.as_request(), self._started)

    def _expected(self, turn: RecordedTurn, asked: int) -> Sequence[Step]:
        """Return what is recorded up to the end of a turn; if turns are not known, as much as was asked for."""
        if self._is_by_turn:
            return self._recorded[self._confirmed : self._upto[turn.number - 1]]
        if turn is self.turns[-1]:
            return self._recorded[self._confirmed :]
        return self._recorded[self._confirmed : self._confirmed + asked]

    def _told(self, turn: RecordedTurn, difference: Difference, execution: ReplayedExecution) -> ReplayDifference:
        expected, got = difference.expected, difference.got
        recorded_in = next((t for t in self.turns if any(step is expected for step in t.steps)), turn)
        return ReplayDifference(
            aspect=self._aspect(turn, difference),
            turn=recorded_in.number,
            event_id=expected.event_id if expected and not expected.is_end else None,
            expected=str(expected) if expected else "nothing more in this turn",
            got=str(got) if got else f"nothing more; it waits for {execution.waiting()}",
            place=difference.place(),
            line=got.line if got else execution.line,
        )

    def _aspect(self, turn: RecordedTurn, difference: Difference) -> str:
        """Return whether a step was changed or comes too early: because it moved, or others before it are gone."""
        expected, got = difference.expected, difference.got
        if difference.aspect in {"order", "count"} or expected is None or got is None:
            return difference.aspect
        later = next((step for step in self._recorded[self._upto[turn.number - 1] :] if is_same(step, got)), None)
        if later is None or later.is_end:
            return difference.aspect
        following = self._after(turn, got, later)
        return "order" if following is None or any(is_same(expected, step) for step in following) else "count"

    def _after(self, turn: RecordedTurn, got: Step, later: Step) -> list[Step] | None:
        """Return all that is asked for once a step that came too early has its outcome; None if that is unknown."""
        outcome = next((event for event in self._history.events if outcome_of(event) == later.event_id), None)
        if outcome is None:
            return None
        given = copy_for(outcome, got.event_id)
        past = [*turn.pastEvents, *turn.newEvents]
        further = dataclasses.replace(turn, pastEvents=past, newEvents=[turn.newEvents[0], given])
        execution = self._begin(further)
        execution.advance(further.as_request())
        return execution.steps()
