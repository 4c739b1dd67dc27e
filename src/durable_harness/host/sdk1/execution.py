"""One execution of an orchestrator: the user's generator, fed with history events, and the actions it asks for."""

from __future__ import annotations

import time
from enum import Enum
from typing import NamedTuple, NoReturn

from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction

from durable_harness.host.app.functions import Function
from durable_harness.host.custom_status import SMALL_STATUS_CHARS, check_custom_status
from durable_harness.host.failure_log import log_failure
from durable_harness.host.failures import error_with_place, failure_details, frames_of, function_place, place_in_app
from durable_harness.host.payload_encoding import unwrap_json, wrap_json
from durable_harness.host.sdk.generation import NonDeterminismError
from durable_harness.host.sdk.generators import line_of_generator
from durable_harness.host.sdk.steps import Step, first_difference, step_of_action, step_of_ending, step_of_event
from durable_harness.host.sdk1.actions import ActionBuilder, also_due_ns, differs_from_history
from durable_harness.host.sdk1.history_reader import HistoryReader, ReplayEvent
from durable_harness.host.sdk1.recording import Recorded, RecordingContext, RecordingExecutor
from durable_harness.host.sdk1.serialization import df_dumps
from durable_harness.logs.categories import running
from durable_harness.protocol import copy_of, pb, wrap_text
from durable_harness.protocol.continuing import continuation_of, past_length
from durable_harness.wording.places import shown_place

FEWEST_EVENTS = 2
"""With fewer events the SDK does not begin."""


class Done(NamedTuple):
    """The steps of an execution, and after how many events it had done them."""

    steps: list[Step]
    events_seen: int


class Checking(Enum):
    """What an execution is checked for against its history."""

    NOTHING = 0
    KIND_AND_NAME = 1
    EVERYTHING = 2


class OrchestratorRun:
    """An orchestrator as far as its history goes. `advance` takes it through the events of the next turn."""

    def __init__(
        self,
        function: Function,
        request: pb.OrchestratorRequest,
        started: pb.ExecutionStartedEvent,
        default_version: str | None = None,
        checking: Checking = Checking.KIND_AND_NAME,
    ) -> None:
        self.function = function
        self._checking = checking
        self._instance_id = request.instanceId
        self._execution_id = request.executionId.value
        self._reader = HistoryReader(keeps_scheduled=checking is Checking.EVERYTHING)
        self._first_events = self._reader.read(request.pastEvents, request.newEvents)
        self._context = RecordingContext(
            [*self._first_events[0], *self._first_events[1]],
            request.instanceId,
            started.parentInstance.orchestrationInstance.instanceId or None,
            unwrap_json(started.input.value if started.HasField("input") else None),
        )
        # As the SDK's own orchestrator does since 1.6: `get_input` then returns the type that the app has annotated.
        self._context._input_expected_type = getattr(function.call, "_df_input_type", None)
        self._executor: RecordingExecutor = RecordingExecutor()
        self._context.executor = self._executor
        self._builder = ActionBuilder(request.instanceId, self._execution_id, default_version)
        self._asked: list[tuple[Recorded, pb.OrchestratorAction]] = []
        self._steps: list[Step] = []
        self._built = 0
        self._ended: pb.CompleteOrchestrationAction | None = None
        self._last_seen: pb.HistoryEvent | None = None
        self._token = ""
        self.events_seen = 0
        self.replayed_until_ns = 0
        """When the first event that was not replayed was reached, by the monotonic clock; 0 if none was."""
        self._replay_at = 0

    @property
    def name(self) -> str:
        return self.function.durable_name

    def continues_in(self, request: pb.OrchestratorRequest) -> bool:
        """Whether a turn's history continues that of this execution."""
        if request.executionId.value != self._execution_id:
            return False
        continuation, seen = continuation_of(request), self.events_seen
        if continuation is not None:
            return (continuation.token, continuation.omitted) == (self._token, seen)
        return seen <= len(request.pastEvents) and request.pastEvents[seen - 1] == self._last_seen

    def is_due_for_replay(self, request: pb.OrchestratorRequest) -> bool:
        """Whether the history has doubled since it was replayed whole."""
        return past_length(request) >= self._replay_at

    def note_turn(self, request: pb.OrchestratorRequest, token: str) -> None:
        """Note what the next turn must continue: the last event that was seen, and the completion token it came under.

        The event is copied: it is a part of its request.
        """
        self._describe_asked()
        self._token = token
        self._last_seen = copy_of(request.newEvents[-1] if len(request.newEvents) else request.pastEvents[-1])

    def advance(self, request: pb.OrchestratorRequest) -> tuple[list[pb.OrchestratorAction], str | None]:
        """Go through the events that were not seen yet; return the new actions and the custom status as JSON.

        Raises NonDeterminismError if the code contradicts its history.
        """
        if self.events_seen:
            length = past_length(request)
            past = request.pastEvents[len(request.pastEvents) - length + self.events_seen :]
            replayed, fresh = self._reader.read(past, request.newEvents)
            self._context.histories += replayed + fresh
        else:  # read already: the SDK's context begins with the first event
            length, (replayed, fresh) = len(request.pastEvents), self._first_events
            self._first_events = [], []
        self._run(replayed, fresh)
        self._replay_at = self._replay_at or 2 * length
        self.events_seen = length + len(request.newEvents)
        actions = self._new_actions()
        if self._executor.unasked_id is not None:
            self._check_outcome(self._executor.unasked_id)
        custom_status = None if self._context.custom_status is None else self._custom_status()
        ending = self._ending()
        if ending is not None:
            actions.append(ending)
            self._ended = ending.completeOrchestration
        if self._checking is Checking.EVERYTHING:
            self._check_everything()
        return actions, custom_status

    def steps(self, start: int = 0) -> list[Step]:
        """Return all that was asked for so far, from the numbered one on, and the end if this execution has ended."""
        self._describe_asked()
        steps = self._steps[start:]
        return steps if self._ended is None else [*steps, step_of_ending(self._ended, self.line)]

    def _describe_asked(self) -> None:
        """Turn new actions into steps. A step takes a tenth of the memory, but few executions are asked for theirs."""
        self._steps += [step_of_action(action, noted.line, also_due_ns(noted)) for noted, action in self._asked]
        self._asked.clear()

    def log_failure(self) -> None:
        """Log what the orchestrator raised, if this turn ended it so."""
        if self._executor.exception is not None:
            log_failure(
                "Orchestrator", self.name, self._executor.exception, self.function, self._instance_id, self.place
            )

    def done(self) -> Done:
        """Return what this execution has done, to be compared with another run of it."""
        return Done(self.steps(), self.events_seen)

    @property
    def has_ended(self) -> bool:
        return self._ended is not None

    def awaited_events(self) -> list[str]:
        return self._context.awaited_events()

    def unclaimed_events(self) -> list[str]:
        return [event.eventRaised.name for event in self._executor.untaken_events(self._context.histories)]

    def waiting(self) -> str:
        """Return in words what an execution that has not ended waits for besides what it asked for."""
        names = ", ".join(f"'{name}'" for name in self.awaited_events())
        return f"external event {names}" if names else "what it asked for before"

    @property
    def line(self) -> str | None:
        """Where the app's code is, as `file:line`."""
        return self._executor.current_line()

    @property
    def place(self) -> str | None:
        """Where the app's code is, for people; where it begins if it has returned."""
        generator = getattr(self._executor, "generator", None)
        is_waiting = getattr(generator, "gi_frame", None) is not None
        return shown_place(line_of_generator(generator)) if is_waiting else function_place(self.function)

    def check_repeats(self, earlier: Done) -> None:
        """Raise NonDeterminismError if this replay, of as many turns or more, did not do what an earlier run did."""
        again, has_continued = self.steps(), self.events_seen > earlier.events_seen
        difference = first_difference(earlier.steps, again[: len(earlier.steps)] if has_continued else again)
        if difference is not None:
            self._contradicts(f"it was replayed, and {difference}", difference.got.line if difference.got else None)

    def _run(self, replayed: list[ReplayEvent], fresh: list[ReplayEvent]) -> None:
        """Take the user's code through the next events, the new ones by themselves: so a replay can be timed."""
        executor, events = self._executor, replayed + fresh
        try:
            with running(self.function.name):
                if not self.events_seen:
                    first = replayed if len(replayed) >= FEWEST_EVENTS else events
                    executor.execute(self._context, first, self.function.call.orchestrator_function)  # type: ignore[attr-defined]
                    events = [] if executor.has_execution_completed else events[len(first) :]
                    self.replayed_until_ns = time.monotonic_ns() if events else 0
                if events:
                    executor.go_on(events)
        except BaseException as error:  # noqa: BLE001 - plain functions raise straight through, and so does SystemExit
            executor.exception = error

    def _new_actions(self) -> list[pb.OrchestratorAction]:
        """Return the actions that history does not have yet."""
        recorded, actions = self._context.recorded, []
        for position in range(self._built, len(recorded)):
            action = self._builder.build(recorded[position])
            if action is None:
                continue
            self._asked.append((recorded[position], action))
            known = self._reader.scheduled.get(recorded[position].number)
            if known is None:
                actions.append(action)
            elif self._checking is Checking.KIND_AND_NAME:
                contradiction = differs_from_history(action, known.kind, known.name)
                if contradiction is not None:
                    self._contradicts(contradiction, recorded[position].line)
        self._built = len(recorded)
        return actions

    def _check_outcome(self, unasked_id: int) -> None:
        """Raise NonDeterminismError if history also has the beginning of what the code had not asked for by its end."""
        known = self._reader.scheduled.get(unasked_id)
        if known is not None and self._checking is not Checking.NOTHING:
            what = f"{known.kind} '{known.name}'" if known.name else known.kind
            problem = f"history has {what} under id {unasked_id} and its end, the code did not ask for it"
            self._contradicts(problem, None)

    def _check_everything(self) -> None:
        """Compare what was asked for with all that history has of it."""
        scheduled = self._reader.scheduled
        asked = [step for step in self.steps() if step.event_id in scheduled]
        ids = [step.event_id for step in asked] if self._reader.was_rewound else sorted(scheduled)
        events = (event for event_id in ids if (event := scheduled[event_id].event) is not None)
        difference = first_difference([step_of_event(event) for event in events], asked)
        if difference is not None:
            self._contradicts(str(difference), difference.got.line if difference.got else None)

    def _contradicts(self, problem: str, line: str | None) -> NoReturn:
        place, name = shown_place(line) or self.place, self.function.durable_name
        where = f" ({place})" if place and place not in problem else ""
        raise NonDeterminismError(f"Orchestrator function '{name}' is not deterministic: {problem}.{where}", place)

    def _custom_status(self) -> str | None:
        """Return the status as JSON, None for a falsy one. If it is too large or not JSON, the orchestration fails."""
        status = self._context.custom_status
        try:
            if not status:
                return None
            text = str(df_dumps(status))
            if len(text) > SMALL_STATUS_CHARS:
                check_custom_status(text)
        except Exception as error:  # noqa: BLE001 - whatever a user's object raises
            self._executor.exception = self._executor.exception or error
            return None
        return text

    def _ending(self) -> pb.OrchestratorAction | None:
        """Return the end, if this was the last turn, under the next number; `continue_as_new` has one of its own."""
        executor, number = self._executor, None
        if executor.exception is not None:
            ending = self._failure(executor.exception)
        elif self._context.will_continue_as_new:
            renewal = next(r for r in self._context.recorded if isinstance(r.action, ContinueAsNewAction))
            number, ending = renewal.number, self._renewed(renewal)
        elif executor.orchestrator_returned:
            ending = pb.CompleteOrchestrationAction(
                orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED, result=wrap_text(executor.output_text)
            )
        else:
            return None
        number = self._context.next_number if number is None else number
        return pb.OrchestratorAction(id=number, completeOrchestration=ending)

    def _failure(self, error: BaseException) -> pb.CompleteOrchestrationAction:
        place = place_in_app(error) or self.place
        message = f"Orchestrator function '{self.function.durable_name}' failed: {error_with_place(error, place)}"
        return pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED,
            failureDetails=failure_details(error, message, frames_of(error)),
        )

    def close(self) -> None:
        """Release an execution that is not needed again: it would wait for the garbage collector, which is rare."""
        context = self._context
        context.executor = None
        context.deferred_tasks.clear()  # they hold the executor
        context.open_tasks.clear()
        for noted in context.recorded:
            if noted.task is not None:
                noted.task.parent = None
        self._executor.exception = None  # its traceback holds this object

    def _renewed(self, renewal: Recorded) -> pb.CompleteOrchestrationAction:
        return pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
            result=wrap_text(wrap_json(renewal.action.input_)),
            carryoverEvents=self._executor.untaken_events(self._context.histories),
        )
