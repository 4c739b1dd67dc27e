"""An orchestrator of azure-functions-durable 2.x taken through a history, to see what it asks for and where.

The engine is durabletask's, driven event by event. It keeps what was asked for until the history confirms it; here each
of these is noted as it is put in, with the line of the app's code.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from types import FrameType

from azure.durable_functions.internal.compat.orchestration_context import wrap_orchestrator
from azure.durable_functions.internal.serialization import DEFAULT_FUNCTIONS_DATA_CONVERTER
from durabletask.worker import _OrchestrationExecutor, _Registry, _RuntimeOrchestrationContext

from durable_harness.host.app.functions import Function
from durable_harness.host.sdk.generators import line_of_generator
from durable_harness.host.sdk.steps import Step, step_of_action, step_of_ending
from durable_harness.protocol import pb
from durable_harness.protocol.continuing import past_length

_quiet = logging.Logger("replay", logging.CRITICAL)  # noqa: LOG001 - the engine's own log is not for users
NOT_THE_APP = ("durabletask", "azure.durable_functions", "durable_harness")


class _PendingActions(dict[int, pb.OrchestratorAction]):
    """What the engine has asked for and no event has confirmed, noting each action as it is put in."""

    def __init__(self, note: Callable[[pb.OrchestratorAction], None]) -> None:
        super().__init__()
        self._note = note

    def __setitem__(self, number: int, action: pb.OrchestratorAction) -> None:
        self._note(action)
        super().__setitem__(number, action)


class _Context(_RuntimeOrchestrationContext):
    """The engine's context, noting where the app's code failed."""

    failed_at: str | None = None

    def set_failed(self, ex: Exception | pb.TaskFailureDetails) -> None:
        if self.failed_at is None and isinstance(ex, BaseException) and ex.__traceback__ is not None:
            raised_in, line = list(traceback.walk_tb(ex.__traceback__))[-1]
            self.failed_at = f"{raised_in.f_code.co_filename}:{line}"
        super().set_failed(ex)


class EngineReplay:
    """Implements `durable_harness.host.sdk.generation.ReplayedExecution`."""

    def __init__(self, function: Function, instance_id: str) -> None:
        registry = _Registry()  # type: ignore[no-untyped-call]
        self._registry, self._orchestrator = registry, wrap_orchestrator(function.call.orchestrator_function)  # type: ignore[attr-defined]
        self._executor = _OrchestrationExecutor(registry, _quiet, DEFAULT_FUNCTIONS_DATA_CONVERTER)
        self._executor._orchestration_name = function.durable_name
        self._context = _Context(instance_id, registry, DEFAULT_FUNCTIONS_DATA_CONVERTER, logger=_quiet)
        self._context._pending_actions = _PendingActions(self._note)
        self._steps: list[Step] = []
        self._ending: pb.CompleteOrchestrationAction | None = None
        self._seen = 0
        self._replay_at = 0

    def advance(self, request: pb.OrchestratorRequest) -> None:
        """Go through the events that were not seen yet."""
        length = past_length(request)
        past = request.pastEvents[self._seen :]
        try:
            for is_replaying, events in ((True, past), (False, request.newEvents)):
                self._context._is_replaying = is_replaying
                for event in events:
                    self._process(event)
        except BaseException as error:  # noqa: BLE001 - user code may raise SystemExit too
            self._context.set_failed(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        self._replay_at = self._replay_at or 2 * length
        self._seen = length + len(request.newEvents)
        if self._context._is_complete and self._ending is None:
            self._ending = next(a.completeOrchestration for a in self._context.get_actions() if _is_end(a))

    def steps(self, start: int = 0) -> list[Step]:
        steps = self._steps[start:]
        return steps if self._ending is None else [*steps, step_of_ending(self._ending, self.line)]

    def is_due_for_replay(self, request: pb.OrchestratorRequest) -> bool:
        return past_length(request) >= self._replay_at

    @property
    def has_ended(self) -> bool:
        return self._ending is not None

    def awaited_events(self) -> list[str]:
        return list(self._context._pending_events)

    def unclaimed_events(self) -> list[str]:
        return [name for name, came in self._context._received_events.items() for _ in came]

    def waiting(self) -> str:
        names = ", ".join(f"'{name}'" for name in self.awaited_events())
        return f"external event {names}" if names else "what it asked for before"

    @property
    def line(self) -> str | None:
        """Where the app's code is, or where it raised; of generators the innermost."""
        if self._context.failed_at is not None:
            return self._context.failed_at
        return line_of_generator(self._context._generator)

    def _process(self, event: pb.HistoryEvent) -> None:
        if event.HasField("executionStarted") and self._registry.get_orchestrator(event.executionStarted.name) is None:
            self._registry.add_named_orchestrator(event.executionStarted.name, self._orchestrator)
        self._executor.process_event(self._context, event)

    def _note(self, action: pb.OrchestratorAction) -> None:
        if not _is_end(action):
            self._steps.append(step_of_action(action, _line_of_app()))


def _is_end(action: pb.OrchestratorAction) -> bool:
    return bool(action.HasField("completeOrchestration"))


def _line_of_app() -> str | None:
    """Return the innermost line on the stack that is of the app, None if the engine asks by itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not EngineReplay.advance.__code__:
        if not str(frame.f_globals.get("__name__", "")).startswith(NOT_THE_APP):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None
