"""Running an app's durable functions with azure-functions-durable 1.x."""

from __future__ import annotations

import functools
import json

from durable_harness.host.app.functions import BUILT_IN_HTTP_ACTIVITY, FunctionApp
from durable_harness.host.app.invocation import ActivitySource, Invoker
from durable_harness.host.failures import error_with_place, failure_details, place_in_app, trace_of
from durable_harness.host.sdk.activities import find_activity, log_activity_failure, not_serializable, trace_of_request
from durable_harness.host.sdk1.entity_batches import EntityRunner
from durable_harness.host.sdk1.orchestrations import OrchestrationRunner
from durable_harness.host.sdk1.serialization import df_dumps, df_loads
from durable_harness.host.work.http_activity import HttpActivity
from durable_harness.protocol import pb
from durable_harness.settings import DurableTaskSettings


class Sdk1Runner:
    """Implements `durable_harness.host.sdk.generation.Runner`."""

    wraps_operation_inputs = True

    def __init__(
        self, app: FunctionApp, invoker: Invoker, settings: DurableTaskSettings, *, always_replay: bool = False
    ) -> None:
        self._app = app
        self._invoker = invoker
        self._orchestrations = OrchestrationRunner(app, settings.default_version, always_replay=always_replay)
        self._entities = EntityRunner(app)
        self._http_activity = HttpActivity(settings.http_poll_interval_s)
        self.keeps_executions = self._orchestrations.keeps_executions

    async def turn(self, request: pb.OrchestratorRequest, token: str) -> pb.OrchestratorResponse:
        call = functools.partial(self._orchestrations.run, request, token)
        return await self._invoker.in_thread(call, f"A turn of instance '{request.instanceId}'")

    async def batch(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        call = functools.partial(self._entities.run, request)
        return await self._invoker.in_thread(call, f"A batch of entity '{request.instanceId}'")

    async def activity(self, request: pb.ActivityRequest) -> str:
        input_text = request.input.value if request.HasField("input") else None
        if request.name == BUILT_IN_HTTP_ACTIVITY:
            return json.dumps(await self._http_activity.call(json.loads(input_text or "{}")))
        function = find_activity(self._app, request.name)
        try:  # as the Python worker reads it: objects of the app are restored, other text is passed as it is
            value = None if input_text is None else df_loads(input_text)
        except json.JSONDecodeError:
            value = input_text
        source = ActivitySource(value, request.orchestrationInstance.instanceId)
        result = await self._invoker.invoke(function, value, trace_of_request(request), source=source)
        try:
            output = str(df_dumps(result))
        except TypeError as error:
            raise not_serializable(function, result, error) from error
        self._app.near_limits.texts_of(function, input=input_text, output=output)
        return output

    def activity_failure(self, request: pb.ActivityRequest, error: BaseException) -> pb.TaskFailureDetails:
        log_activity_failure(self._app, request, error)
        place = place_in_app(error, self._app.activities.get(request.name.lower()))
        message = f"Activity function '{request.name}' failed: {error_with_place(error, place)}"
        return failure_details(error, message, trace_of(error))

    async def close(self) -> None:
        await self._http_activity.close()
