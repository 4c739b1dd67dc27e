"""One execution of an orchestrator: the user's generator, fed with history events, and the actions it asks for."""

from __future__ import annotations

import itertools
import traceback
from typing import Any

from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction
from azure.durable_functions.models.utils.df_serialization import df_dumps

from durable_harness.host.actions import ActionBuilder, differs_from_history
from durable_harness.host.functions import Function
from durable_harness.host.history import SCHEDULING_KINDS, HistoryReader
from durable_harness.host.payloads import unwrap_json, wrap_json
from durable_harness.host.replay import RecordingContext, RecordingExecutor
from durable_harness.protocol import optional_text, pb, text_or_none

ENDING_ACTION_ID = -1


class NonDeterminismError(Exception):
    """Raised when an orchestrator does not do again what its history says that it did."""


class Execution:
    """An orchestrator as far as its history goes. `advance` takes it through the events of the next turn."""

    def __init__(self, function: Function, request: Any, started: Any, default_version: str | None) -> None:
        self._function = function
        self._execution_id = request.executionId.value
        self._reader = HistoryReader()
        self._context = RecordingContext(
            self._reader.read(request.pastEvents, request.newEvents),
            request.instanceId,
            started.parentInstance.orchestrationInstance.instanceId or None,
            unwrap_json(text_or_none(started, "input")),
        )
        self._context._input_expected_type = getattr(function.call, "_df_input_type", None)
        self._executor = RecordingExecutor()
        self._builder = ActionBuilder(request.instanceId, self._execution_id, default_version)
        self._scheduled: dict[int, Any] = {}
        self._asked: list[Any] = []
        self._built = 0
        self._last_seen: Any = None
        self.events_seen = 0
        self._replay_at = 0

    def continues_in(self, request: Any) -> bool:
        """Whether a turn's history goes on where this execution stands."""
        past, seen = request.pastEvents, self.events_seen
        same = request.executionId.value == self._execution_id and seen <= len(past)
        return same and past[seen - 1] == self._last_seen

    def is_due_for_replay(self, request: Any) -> bool:
        """Whether the history has doubled since it was replayed whole."""
        return len(request.pastEvents) >= self._replay_at

    def advance(self, request: Any) -> tuple[list[Any], str | None]:
        """Go through the events that were not seen yet; return the new actions and the custom status as JSON.

        Raises NonDeterminismError where the code contradicts its history.
        """
        past = request.pastEvents[self.events_seen :]
        self._note_scheduled(itertools.chain(past, request.newEvents))
        self._run(past, request.newEvents)
        if not self._replay_at:
            self._replay_at = 2 * len(request.pastEvents)
        self.events_seen = len(request.pastEvents) + len(request.newEvents)
        self._last_seen = request.newEvents[-1] if len(request.newEvents) else request.pastEvents[-1]
        actions = self._new_actions()
        custom_status = self._custom_status()
        ending = self._ending()
        if ending is not None:
            actions.append(pb.OrchestratorAction(id=ENDING_ACTION_ID, completeOrchestration=ending))
        return actions, custom_status

    def check_repeats(self, earlier: Execution) -> None:
        """Raise NonDeterminismError where this replay did not ask for what the earlier run had asked for."""
        for before, now in zip(earlier._asked, self._asked, strict=False):
            if before != now:
                name = self._function.durable_name
                raise NonDeterminismError(
                    f"Orchestrator function '{name}' is not deterministic: action {before.id} was"
                    f" {_described(before)} and is {_described(now)} when replayed."
                )

    def _run(self, past: Any, new: Any) -> None:
        events = self._context.events
        try:
            if not self.events_seen:
                self._executor.execute(self._context, events, self._function.call.orchestrator_function)  # type: ignore[attr-defined]
            else:
                fresh = self._reader.read(past, new)
                events += fresh
                self._executor.go_on(fresh)
        except BaseException as error:  # noqa: BLE001 - plain functions raise straight through, and so does SystemExit
            self._executor.exception = error

    def _note_scheduled(self, events: Any) -> None:
        for event in events:
            if event.WhichOneof("eventType") in SCHEDULING_KINDS:
                self._scheduled[event.eventId] = event

    def _new_actions(self) -> list[Any]:
        """Return the actions that history does not have yet."""
        recorded, actions = self._context.recorded, []
        for position in range(self._built, len(recorded)):
            action = self._builder.build(recorded[position])
            if action is None:
                continue
            self._asked.append(action)
            known = self._scheduled.get(recorded[position].number)
            if known is None:
                actions.append(action)
                continue
            contradiction = differs_from_history(action, known)
            if contradiction is not None:
                name = self._function.durable_name
                raise NonDeterminismError(f"Orchestrator function '{name}' is not deterministic: {contradiction}.")
        self._built = len(recorded)
        return actions

    def _custom_status(self) -> str | None:
        """Return the status as JSON; one that cannot be written fails the orchestration, one that is falsy is none."""
        status = self._context.custom_status
        try:
            return df_dumps(status) if status else None
        except Exception as error:  # noqa: BLE001 - whatever a user's object raises
            self._executor.exception = self._executor.exception or error
            return None

    def _ending(self) -> Any | None:
        executor = self._executor
        if executor.exception is not None:
            return _failure(self._function.durable_name, executor.exception)
        if self._context.will_continue_as_new:
            return self._continue_as_new()
        if executor.orchestrator_returned:
            return pb.CompleteOrchestrationAction(
                orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED, result=optional_text(executor.output_text)
            )
        return None

    def _continue_as_new(self) -> Any:
        renewal = next(r.action for r in self._context.recorded if isinstance(r.action, ContinueAsNewAction))
        return pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
            result=optional_text(wrap_json(renewal.input_)),
            carryoverEvents=self._executor.untaken_events(self._context.events),
        )


def _described(action: Any) -> str:
    kind = action.WhichOneof("orchestratorActionType")
    name = getattr(getattr(action, kind), "name", "")
    return f"{kind} '{name}'" if name else str(kind)


def _failure(name: str, error: BaseException) -> Any:
    text = str(error) or str(type(error))
    return pb.CompleteOrchestrationAction(
        orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED,
        failureDetails=pb.TaskFailureDetails(
            errorType=type(error).__name__,
            errorMessage=f"Orchestrator function '{name}' failed: {text}",
            stackTrace=optional_text("".join(traceback.format_tb(error.__traceback__))),
        ),
    )
