"""Running an app's durable functions with azure-functions-durable 2.x: its own messages in, its own answers out.

The SDK takes a turn or a batch as the scheduler sends it, and gives the answer that the scheduler takes. What user code
raises is in that answer. Only what the SDK itself does not answer is failed here.
"""

from __future__ import annotations

import base64
import time
from typing import TypeVar

from azure.functions import get_binding_registry
from azure.functions._durable_functions import EntityContext, OrchestrationContext
from azure.functions.meta import Datum
from durabletask.internal.helpers import convert_to_entity_batch_request
from google.protobuf.message import Message

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import ActivitySource, Invoker
from durable_harness.host.custom_status import check_custom_status
from durable_harness.host.failure_log import log_failed_work, log_failure
from durable_harness.host.failures import (
    error_with_place,
    function_begins,
    place_in_app,
    qualified_name,
    sendable,
    text_of,
    trace_of,
    type_name,
)
from durable_harness.host.sdk.activities import find_activity, log_activity_failure, not_serializable, trace_of_request
from durable_harness.host.sdk.batches import all_failed, unknown_entity
from durable_harness.host.sdk.endings import execution_started, failed, no_start, terminated, unknown_orchestrator
from durable_harness.host.sdk.generation import HistoryNeededError, NonDeterminismError
from durable_harness.host.sdk.rewound_histories import rewound
from durable_harness.host.sdk2.repeating import contradiction
from durable_harness.host.sdk2.replayed import EngineReplay
from durable_harness.host.sdk2.stored_payloads import with_payloads
from durable_harness.host.stages import CURRENT
from durable_harness.protocol import copy_of, pb, unwrap_text, wrap_text
from durable_harness.settings import DurableTaskSettings
from durable_harness.wording.places import place_in

ACTIVITY_TRIGGER = "activityTrigger"

M = TypeVar("M", bound=Message)


class Sdk2Runner:
    """Implements `durable_harness.host.sdk.generation.Runner`."""

    keeps_executions = False
    wraps_operation_inputs = False

    def __init__(
        self, app: FunctionApp, invoker: Invoker, settings: DurableTaskSettings, *, always_replay: bool = False
    ) -> None:
        self._app = app
        self._invoker = invoker
        self._default_version = settings.default_version
        self._always_replay = always_replay
        self._activity_values = get_binding_registry().get(ACTIVITY_TRIGGER)

    async def turn(self, request: pb.OrchestratorRequest, _token: str) -> pb.OrchestratorResponse:
        if request.requiresHistoryStreaming:
            raise HistoryNeededError
        started = execution_started(request)
        if started is None:
            return no_start(request)
        function = self._app.orchestrators.get(started.name.lower())
        if function is None:
            is_terminated = any(event.HasField("executionTerminated") for event in request.newEvents)
            return terminated(request) if is_terminated else unknown_orchestrator(request, started.name, self._app)
        response = await self._run(function, request)
        if any(action.HasField("rewindOrchestration") for action in response.actions):
            return await self._rewound(function, request, response)
        return await self._compared(function, request, response) if self._always_replay else response

    async def _run(self, function: Function, request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
        stages, begun_s = CURRENT.get(), time.perf_counter()
        if stages is not None:
            stages.replayed_events = len(request.pastEvents)
        try:
            answer = await self._invoker.invoke(function, OrchestrationContext(_encoded(request)))
            response = self._with_versions(_decoded(pb.OrchestratorResponse, answer))
            check_custom_status(response.customStatus.value)
            _note_failure(function, request, response)
            events, turn_ms = len(request.pastEvents) + len(request.newEvents), (time.perf_counter() - begun_s) * 1000
            self._app.near_limits.history(function, request.instanceId, events, turn_ms)
            self._app.near_limits.turn(function, request, response)
        except Exception as error:  # noqa: BLE001 - of the SDK itself: user code's are in its answer
            described = error_with_place(error, place_in_app(error, function))
            message = f"Orchestrator function '{function.durable_name}' failed: {described}"
            log_failure("Orchestrator", function.durable_name, error, function, request.instanceId)
            return failed(request, type_name(error), message)
        return response

    async def _rewound(
        self, function: Function, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse
    ) -> pb.OrchestratorResponse:
        """Return the SDK's answer to a rewind without what followed from the failures, which the SDK leaves in."""

        def rewrite() -> list[pb.HistoryEvent]:
            return rewound(request, lambda turn: EngineReplay(function, turn.instanceId), with_payloads(request))

        kept = await self._invoker.in_thread(rewrite, f"The rewind of instance '{request.instanceId}'")
        renewed = response.actions[0].rewindOrchestration.newHistory
        starts = [copy_of(event) for event in renewed if event.HasField("executionStarted")]  # with a new execution id
        del renewed[:]
        renewed.extend(starts.pop(0) if starts and event.HasField("executionStarted") else event for event in kept)
        return response

    def _with_versions(self, response: pb.OrchestratorResponse) -> pb.OrchestratorResponse:
        """Set the default version of host.json on sub-orchestrations if the code names none."""
        if self._default_version:
            for action in response.actions:
                child = action.createSubOrchestration if action.HasField("createSubOrchestration") else None
                if child is not None and not child.version.value:
                    child.version.value = self._default_version
        return response

    async def _compared(
        self, function: Function, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse
    ) -> pb.OrchestratorResponse:
        """Return the answer of a turn, or a failure if the code does not do again what its history has."""
        what = f"A replay of instance '{request.instanceId}'"
        problem = await self._invoker.in_thread(lambda: contradiction(function, request, response), what)
        if problem is None:
            return response
        message = f"Orchestrator function '{function.durable_name}' is not deterministic: {problem}."
        error = NonDeterminismError(message)
        log_failure("Orchestrator", function.durable_name, error, function, request.instanceId)
        return failed(request, "NonDeterministicOrchestrationException", message)

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        name = request.instanceId.removeprefix("@").partition("@")[0]
        function = self._app.entities.get(name.lower())
        if function is None:
            return unknown_entity(request, name, self._app)
        batch, operation_infos = convert_to_entity_batch_request(request)
        try:
            answer = _decoded(
                pb.EntityBatchResult, await self._invoker.invoke(function, EntityContext(_encoded(batch)))
            )
        except Exception as error:  # noqa: BLE001 - same
            log_failure("Entity", function.durable_name, error, function, request.instanceId)
            described = error_with_place(error, place_in_app(error, function))
            message = f"Entity function '{function.durable_name}' failed: {described}"
            return all_failed(request, message, qualified_name(error), trace_of(error))
        for operation, outcome in zip(batch.operations, answer.results, strict=False):
            if outcome.HasField("failure"):
                name = f"{function.durable_name}.{operation.operation}"
                log_failed_work("Entity", name, outcome.failure.failureDetails, function, request.instanceId)
        self._app.near_limits.texts_of(function, state=answer.entityState.value)
        answer.operationInfos.extend(operation_infos)
        return answer

    async def activity(self, request: pb.ActivityRequest) -> str:
        function = find_activity(self._app, request.name)
        given = unwrap_text(request, "input")
        value = self._decode(given)
        source = ActivitySource(value, request.orchestrationInstance.instanceId)
        result = await self._invoker.invoke(function, value, trace_of_request(request), source=source)
        output = self._encode(function, result)
        self._app.near_limits.texts_of(function, input=given, output=output)
        return output

    def _decode(self, input_text: str | None) -> object:
        if input_text is None:
            return None
        return self._activity_values.decode(Datum(type="json", value=input_text), trigger_metadata=None)

    def _encode(self, function: Function, result: object) -> str:
        try:
            return str(self._activity_values.encode(result, expected_type=None).value)
        except (TypeError, ValueError) as error:
            raise not_serializable(function, result, error) from error

    def activity_failure(self, request: pb.ActivityRequest, error: BaseException) -> pb.TaskFailureDetails:
        log_activity_failure(self._app, request, error)
        failure = pb.TaskFailureDetails(
            errorType=qualified_name(error),
            errorMessage=sendable(text_of(error)),
            stackTrace=wrap_text(trace_of(error)),
        )
        _add_place(failure, self._app.activities.get(request.name.lower()))
        return failure

    async def close(self) -> None:
        """Nothing is held."""


def _encoded(message: Message) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def _decoded(message: type[M], answer: object) -> M:
    """Read an answer of the SDK. Raises RuntimeError if there is none."""
    if not isinstance(answer, str) or not answer:
        raise RuntimeError("the SDK gave no answer")
    return message.FromString(base64.b64decode(answer))


def _note_failure(function: Function, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> None:
    """Log a failure that the SDK made of what an orchestrator raised."""
    for action in response.actions:
        ending = action.completeOrchestration
        if ending.HasField("failureDetails"):
            _add_place(ending.failureDetails, function)
            log_failed_work("Orchestrator", function.durable_name, ending.failureDetails, function, request.instanceId)


def _add_place(failure: pb.TaskFailureDetails, function: Function | None) -> None:
    """Add the line of the function to a failure without a line of the app, such as of an output that is not JSON."""
    begins = function_begins(function)
    if begins is not None and place_in(failure.stackTrace.value) is None:
        failure.stackTrace.value = f"{begins.as_frame()}{failure.stackTrace.value}"
