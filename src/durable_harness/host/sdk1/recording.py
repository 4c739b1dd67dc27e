"""Running an orchestrator of azure-functions-durable and learning which ids its tasks have.

The SDK answers with a list of actions that carry no ids; a scheduler needs only new actions, each with the id of its
outcome. Numbering the list from outside is wrong in several cases (retries, a task yielded alone
and again in a compound), so the ids are read from the SDK itself: the context below notes every number as it is given.
`selftest` beside this module proves at start that the installed SDK still numbers tasks in the methods used here.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from datetime import datetime
from types import CodeType
from typing import cast

from azure.durable_functions.models.actions.Action import Action
from azure.durable_functions.models.actions.WaitForExternalEventAction import WaitForExternalEventAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.history.HistoryEventType import HistoryEventType
from azure.durable_functions.models.Task import AtomicTask, TaskBase
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

from durable_harness.host.failures import hand_on
from durable_harness.host.sdk.generators import code_of_generator, line_of_generator
from durable_harness.host.sdk1.history_reader import RaisedEvent, ReplayEvent
from durable_harness.protocol import pb

REPLAY_SCHEMA_V3 = 2
_PROTOTYPE = TaskOrchestrationExecutor()


@dataclass(slots=True)
class Recorded:
    """A number that the SDK gave, what it was given to, and how things stood then.

    `attempts` counts those of a task with retries; it is 0 for any other.
    """

    number: int
    task: TaskBase | None
    action: Action
    now: datetime
    attempts: int = 0
    at: tuple[CodeType, int] | None = None
    """Where the app's code was."""

    @property
    def line(self) -> str | None:
        """Where the app's code was, as `file:line`."""
        return None if self.at is None else f"{self.at[0].co_filename}:{self.at[1]}"


class RecordingContext(DurableOrchestrationContext):  # type: ignore[misc]
    """The SDK's orchestration context over ready-made events, noting the numbers it gives to tasks."""

    histories = cast("list[ReplayEvent]", None)
    """The events. This replaces a property of the SDK, which its constructor reads."""

    def __init__(
        self, events: list[ReplayEvent], instance_id: str, parent_instance_id: str | None, input_text: str | None
    ) -> None:
        self.histories = events
        self.recorded: list[Recorded] = []
        self.executor: RecordingExecutor | None = None
        """What runs the app's code, for where that is."""
        super().__init__(
            history=(),
            instanceId=instance_id,
            isReplaying=False,
            parentInstanceId=parent_instance_id,
            input=input_text,
            upperSchemaVersion=1,
            upperSchemaVersionNew=REPLAY_SCHEMA_V3,
            defaultHttpAsyncRequestSleepTimeMillseconds=30000,
        )
        self._histories = events
        started = (event for event in events if event.event_type == HistoryEventType.EXECUTION_STARTED)
        self._version = next((event.Version for event in started), None)

    def _add_to_open_tasks(self, task: TaskBase) -> None:
        unnumbered = isinstance(task, AtomicTask) and task.id is None and not task._is_scheduled
        if unnumbered and not self.will_continue_as_new:
            attempts = getattr(task.parent, "num_attempts", 0)
            self._note(task, task._get_action(), attempts)
        super()._add_to_open_tasks(task)

    def _record_fire_and_forget_action(self, action: Action) -> None:
        if not self.will_continue_as_new:
            self._note(None, action)
        super()._record_fire_and_forget_action(action)

    def _note(self, task: TaskBase | None, action: Action, attempts: int = 0) -> None:
        now, at = self.current_utc_datetime, code_of_generator(getattr(self.executor, "generator", None))
        self.recorded.append(Recorded(self._sequence_number, task, action, now, attempts, at))

    @property
    def next_number(self) -> int:
        """The number that the next task will have."""
        return int(self._sequence_number)

    def awaited_events(self) -> list[str]:
        """Return the names of the external events that are waited for."""
        named = {name: task if isinstance(task, list) else [task] for name, task in self.open_tasks.items()}
        return [
            str(name)
            for name, tasks in named.items()
            if any(isinstance(task._get_action(), WaitForExternalEventAction) for task in tasks)
        ]


class RecordingExecutor(TaskOrchestrationExecutor):  # type: ignore[misc]
    """The SDK's executor, noting which external events no task has taken yet. Its outcome stays in attributes."""

    output: object
    exception: BaseException | None
    orchestrator_returned: bool
    output_text: str | None = None
    unasked_id: int | None = None
    """The first id that had an outcome before any task had the id. The SDK keeps such an outcome for the next task."""
    # The SDK makes a class for this table in every turn; that takes a tenth of a millisecond.
    event_to_SetTaskValuePayload = _PROTOTYPE.event_to_SetTaskValuePayload  # noqa: N815 - the SDK's name
    task_completion_events = _PROTOTYPE.task_completion_events
    __init__ = TaskOrchestrationExecutor.initialize

    def untaken_events(self, events: list[ReplayEvent]) -> list[pb.HistoryEvent]:
        """Return the protocol events that were raised and that this execution has not used, in their order."""
        return [event.to_protocol() for event in events if isinstance(event, RaisedEvent) and not event.is_processed]

    def go_on(self, events: list[ReplayEvent]) -> None:
        """Process events that follow those of `execute`, in the same generator."""
        for event in events:
            self._is_processing_new_events = not event.is_played
            self.process_event(event)
            if self.has_execution_completed:
                break
        self.get_orchestrator_state_str()

    def current_line(self) -> str | None:
        """Return where the user's code is now, or where it raised, as `file:line`; of generators the innermost."""
        if self.exception is not None and self.exception.__traceback__ is not None:
            raised_in, line = list(traceback.walk_tb(self.exception.__traceback__))[-1]
            return f"{raised_in.f_code.co_filename}:{line}"
        return line_of_generator(getattr(self, "generator", None))

    def set_task_value(self, event: ReplayEvent, is_success: bool, id_key: str) -> None:  # noqa: FBT001 - the SDK's signature
        key = getattr(event, id_key)
        task = self.context.open_tasks.get(key)
        event.is_processed = key in self.context.open_tasks
        if not event.is_processed and isinstance(key, int) and key >= self.context.next_number:
            self.unasked_id = key if self.unasked_id is None else self.unasked_id
        super().set_task_value(event, is_success, id_key)
        if event.failed_with is not None and isinstance(getattr(task, "result", None), Exception):
            hand_on(task.result, event.failed_with)

    def get_orchestrator_state_str(self) -> str:
        """Keep the outcome in attributes; only check, as the SDK does, that the output can be written as JSON."""
        if self.output is not None:
            try:
                self.output_text = json.dumps(self.output)
            except Exception as error:  # noqa: BLE001 - whatever a user's object raises
                self.output = None
                self.exception = error
        return ""
