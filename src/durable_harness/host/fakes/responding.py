"""A runner that raises the events which a test has promised, before anything else can come: no timer wins against them.

A turn that leaves an orchestration waiting is answered only when the event has been raised, so that the scheduler has
the event for the instance before it arms the timers of that turn, and before it could skip time.
"""

from __future__ import annotations

from durable_harness.host.durable_http.awaits import Awaiting
from durable_harness.host.fakes.responses import Responses
from durable_harness.host.sdk.generation import Runner, RunnerAround
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError, Scheduler, pb
from durable_harness.protocol.continuing import complete_history

logger = own_logger(HOST_LOGGER)


class RespondingRunner(RunnerAround):
    """Implements `durable_harness.host.sdk.generation.Runner`."""

    def __init__(self, runner: Runner, responses: Responses, awaiting: Awaiting, scheduler: Scheduler) -> None:
        super().__init__(runner)
        self._responses = responses
        self._awaiting = awaiting
        self._scheduler = scheduler
        self.activity = runner.activity
        self.batch = runner.batch

    async def turn(self, request: pb.OrchestratorRequest, token: str) -> pb.OrchestratorResponse:
        """Run a turn, and raise what the orchestration waits for then."""
        response = await self._runner.turn(request, token)
        if self._responses.promised:
            goes_on = not any(action.HasField("completeOrchestration") for action in response.actions)
            try:
                async with self._responses.at_rest:
                    await self._respond(request, goes_on=goes_on)
            except RpcError as error:
                logger.warning("'%s' was not answered as a test wants it: %s", request.instanceId, error)
        return response

    async def _respond(self, request: pb.OrchestratorRequest, *, goes_on: bool) -> None:
        history = await self._history(request)
        started = next((event.executionStarted for event in history if event.HasField("executionStarted")), None)
        if started is None:
            return
        instance_id = request.instanceId
        parent_id = started.parentInstance.orchestrationInstance.instanceId
        self._responses.note_turn(instance_id, parent_id, request.newEvents)
        if goes_on and self._responses.concern(instance_id):
            awaits = await self._awaiting.learn(started.name, instance_id, history)
            await self._responses.answer(instance_id, awaits["events"] if awaits else ())

    async def _history(self, request: pb.OrchestratorRequest) -> list[pb.HistoryEvent]:
        """Return all events up to those of a turn, also where it came without the ones that this host had seen."""
        whole = request
        if request.requiresHistoryStreaming:
            whole = pb.OrchestratorRequest()
            whole.CopyFrom(request)
            wanted = pb.StreamInstanceHistoryRequest(
                instanceId=request.instanceId, executionId=request.executionId, forWorkItemProcessing=True
            )
            await complete_history(whole, self._scheduler.stream_instance_history(wanted))
        return [*whole.pastEvents, *whole.newEvents]
