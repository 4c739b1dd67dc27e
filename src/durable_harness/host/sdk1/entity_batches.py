"""One batch of an entity's operations: a work item in, state and outcomes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from azure.durable_functions.entity import Entity
from azure.durable_functions.models.DurableEntityContext import DurableEntityContext

from durable_harness.documents import JsonObject
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.failure_log import log_failure
from durable_harness.host.failures import error_with_place, failure_details, place_in_app, sendable, trace_of, type_name
from durable_harness.host.payload_encoding import entity_input
from durable_harness.host.sdk.batches import all_failed, operation_info, unknown_entity
from durable_harness.host.sdk1.serialization import df_loads
from durable_harness.logs.categories import running
from durable_harness.protocol import pb, unwrap_text, wrap_text


@dataclass(frozen=True)
class EntityRunner:
    """Runs batches of an app's entity functions. Plain and synchronous: it may be called on any thread."""

    app: FunctionApp

    def run(self, request: pb.EntityRequest) -> pb.EntityBatchResult:
        """EntityRequest -> EntityBatchResult (without its completion token). Never raises for user code."""
        name, _, key = request.instanceId.removeprefix("@").partition("@")
        function = self.app.entities.get(name.lower())
        if function is None:
            return unknown_entity(request, name, self.app)
        raised: list[BaseException] = []
        try:
            watched = _watched(function, request.instanceId, raised)
            result = _result(request, json.loads(watched(_context(request, function.durable_name, key))), raised)
        except BaseException as error:  # noqa: BLE001 - the SDK passes on its own errors, and SystemExit
            if not any(one is error for one in raised):
                log_failure("Entity", function.durable_name, error, function, request.instanceId)
            described = error_with_place(error, place_in_app(error, function))
            message = f"Entity function '{function.durable_name}' failed: {described}"
            return all_failed(request, message, type_name(error), trace_of(error))
        self.app.near_limits.texts_of(function, state=result.entityState.value)
        return result


def _watched(function: Function, instance_id: str, raised: list[BaseException]) -> Callable[[str], str]:
    """Return an entity function as the SDK calls it; what it raises is logged and kept: the SDK keeps only a text."""
    user_function = function.call.entity_function  # type: ignore[attr-defined]

    def watched(context: DurableEntityContext) -> object:
        try:
            with running(function.name):
                return user_function(context)
        except BaseException as error:
            raised.append(error)
            name = f"{function.durable_name}.{context.operation_name}"
            log_failure("Entity", name, error, function, instance_id)
            raise

    return cast("Callable[[str], str]", Entity.create(watched))


def _result(request: pb.EntityRequest, answer: JsonObject, raised: list[BaseException]) -> pb.EntityBatchResult:
    errors = iter(raised)
    return pb.EntityBatchResult(
        results=[_outcome(result, next(errors, None) if result["isError"] else None) for result in answer["results"]],
        entityState=wrap_text(answer["entityState"] if answer["entityExists"] else None),
        operationInfos=[operation_info(event) for event in request.operationRequests],
    )


def _context(request: pb.EntityRequest, name: str, key: str) -> str:
    """Write the batch as the SDK's entity context reads it."""
    state = unwrap_text(request, "entityState")
    return json.dumps(
        {
            "self": {"name": name.lower(), "key": key},
            "exists": state is not None,
            "state": state,
            "batch": [_operation(event) for event in request.operationRequests],
        }
    )


def _operation(event: pb.HistoryEvent) -> dict[str, object]:
    kind = event.WhichOneof("eventType")
    detail = getattr(event, kind)
    return {
        "name": detail.operation,
        "input": entity_input(unwrap_text(detail, "input")),
        "signal": kind == "entityOperationSignaled",
    }


def _outcome(result: JsonObject, error: BaseException | None) -> pb.OperationResult:
    if not result["isError"]:
        return pb.OperationResult(success=pb.OperationResultSuccess(result=wrap_text(result["result"])))
    message = sendable(str(df_loads(result["result"])))
    if error is None:
        failure = pb.TaskFailureDetails(errorType="Exception", errorMessage=message)
    else:
        failure = failure_details(error, message, trace_of(error))
    return pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=failure))
