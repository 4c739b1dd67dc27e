"""The interface between the host and a generation of azure-functions-durable. It imports none of them.

`host/sdk1` and `host/sdk2` implement it. Neither is imported before the version that is installed is known: both
generations have the same names on PyPI and in Python, and hardly a module of one exists in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from durable_harness.host.app.bindings import DurableEndpoints
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker
from durable_harness.host.sdk.steps import Step
from durable_harness.protocol import Scheduler, pb
from durable_harness.settings import DurableTaskSettings

RpcHandler = Callable[[web.BaseRequest], Coroutine[object, None, web.StreamResponse]]


SdkState = tuple[object, object]
"""The payload store and the history writer that an app gave the SDK for the whole process."""


class HistoryNeededError(Exception):
    """Raised for a turn that came without its whole history and cannot be run without it."""


class NonDeterminismError(Exception):
    """Raised when an orchestrator contradicts its history, at a `place` of the code if that is known."""

    def __init__(self, problem: str, place: str | None = None) -> None:
        super().__init__(problem)
        self.place = place


class Runner(Protocol):
    """Runs the orchestrators, entities and activities of one app. Completion tokens are put in by the worker."""

    keeps_executions: bool
    """Whether turns may come without the part of their history that this runner has seen."""
    wraps_operation_inputs: bool
    """Whether the SDK sends the input of an entity's operation as a JSON string that holds JSON."""

    async def turn(self, request: pb.OrchestratorRequest, token: str) -> pb.OrchestratorResponse:
        """OrchestratorRequest -> OrchestratorResponse. Raises HistoryNeededError if the request lacks history."""

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        """EntityRequest -> EntityBatchResult."""

    async def activity(self, request: pb.ActivityRequest) -> str:
        """ActivityRequest -> the text of its result. Raises what the activity raises."""

    def activity_failure(self, request: pb.ActivityRequest, error: BaseException) -> pb.TaskFailureDetails:
        """Log that an activity raised an error, and return its TaskFailureDetails."""

    async def close(self) -> None:
        """Release what the runner holds."""


class RunnerAround:
    """The members that every runner around another one takes over from it; its own are the kinds of work."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.keeps_executions = runner.keeps_executions
        self.wraps_operation_inputs = runner.wraps_operation_inputs
        self.activity_failure = runner.activity_failure
        self.close = runner.close


class ClientEndpoint(Protocol):
    """Where the SDK's own client reaches the host: a port of the loopback."""

    secrets: list[str]
    """The parts of its URL that must be in no log."""
    path: str
    """Where the durable HTTP API begins on it."""

    def bind(self, *, ephemeral: bool) -> str:
        """Take a port, its well-known one first or any free one, and return the URL for the client."""

    async def serve(self, handle_rpc: RpcHandler) -> None:
        """Answer calls; `handle_rpc` answers those of the durable HTTP API."""

    async def stop(self) -> None:
        """Take no more calls."""


class ReplayedExecution(Protocol):
    """An execution that is taken through a recorded history, turn by turn, to compare what it asks for."""

    @property
    def line(self) -> str | None:
        """Where the app's code is, as `file:line`."""

    def advance(self, request: pb.OrchestratorRequest) -> object:
        """Go through the events of a turn that were not seen yet."""

    def steps(self, start: int = 0) -> list[Step]:
        """Return what was asked for so far, from the numbered step on, and the end if there was one."""

    def is_due_for_replay(self, request: pb.OrchestratorRequest) -> bool:
        """Whether the history has doubled since this execution began."""

    def waiting(self) -> str:
        """Return in words what the execution waits for besides what it asked for."""

    def awaited_events(self) -> list[str]:
        """Return the names of the external events that it waits for."""

    def unclaimed_events(self) -> list[str]:
        """Return the names of the external events that came and that nothing has taken."""

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, in any way."""


class Generation(Protocol):
    """A generation of azure-functions-durable."""

    def check(self) -> None:
        """Raise UnsupportedSdkError if the installed version does not work as the host expects."""

    def runner(
        self, app: FunctionApp, invoker: Invoker, settings: DurableTaskSettings, *, always_replay: bool
    ) -> Runner:
        """Return what runs an app's durable functions."""

    def endpoint(self, scheduler: Scheduler, settings: DurableTaskSettings) -> ClientEndpoint:
        """Return the endpoint of the SDK's client, not bound yet."""

    def client_value(self, endpoints: DurableEndpoints, binding: Mapping[str, object]) -> str:
        """Return the text that a durableClient parameter receives."""

    def swap_state(self, state: SdkState | None) -> SdkState | None:
        """Set the state of an app, None for a new one; return the state of the app before."""

    def with_payloads(self, events: Sequence[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
        """Return a history's events with the payloads that the app keeps elsewhere."""

    def begin_replay(
        self, function: Function, turn: pb.OrchestratorRequest, started: pb.ExecutionStartedEvent
    ) -> ReplayedExecution:
        """Begin an execution for a recorded history; `started` is its ExecutionStartedEvent."""

    async def close(self) -> None:
        """Close what the SDK keeps open for the whole process."""
