"""One batch of an entity's operations: a work item in, state and outcomes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from azure.durable_functions.entity import Entity

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.failures import log_failure, message_of, sendable
from durable_harness.host.payloads import entity_input
from durable_harness.host.sdk.batches import all_failed, operation_info, unknown_entity
from durable_harness.host.sdk1.serialization import df_loads
from durable_harness.log_categories import running
from durable_harness.protocol import optional_text, pb, text_or_none


@dataclass(frozen=True)
class EntityRunner:
    """Runs batches of an app's entity functions. Plain and synchronous: it may be called on any thread."""

    app: FunctionApp

    def run(self, request: Any) -> Any:
        """EntityRequest -> EntityBatchResult (without its completion token). Never raises for user code."""
        name, _, key = request.instanceId.removeprefix("@").partition("@")
        function = self.app.entities.get(name.lower())
        if function is None:
            return unknown_entity(request, name, self.app)
        try:
            result = _result(request, json.loads(_watched(function)(_context(request, function.durable_name, key))))
        except BaseException as error:  # noqa: BLE001 - the SDK lets its own errors through, and SystemExit
            return all_failed(request, f"Entity function '{function.durable_name}' failed: {message_of(error)}")
        self.app.near_limits.texts_of(function, state=result.entityState.value)
        return result


def _watched(function: Function) -> Callable[[str], str]:
    """Return an entity function as the SDK calls it, which logs what it raises: the SDK keeps the text alone."""
    user_function = function.call.entity_function  # type: ignore[attr-defined]

    def watched(context: Any) -> Any:
        try:
            with running(function.name):
                return user_function(context)
        except BaseException as error:
            log_failure("Entity", f"{function.durable_name}.{context.operation_name}", error, function.name)
            raise

    return cast("Callable[[str], str]", Entity.create(watched))


def _result(request: Any, answer: dict[str, Any]) -> Any:
    return pb.EntityBatchResult(
        results=[_outcome(result) for result in answer["results"]],
        entityState=optional_text(answer["entityState"] if answer["entityExists"] else None),
        operationInfos=[operation_info(event) for event in request.operationRequests],
    )


def _context(request: Any, name: str, key: str) -> str:
    """Write the batch as the SDK's entity context reads it."""
    state = text_or_none(request, "entityState")
    return json.dumps(
        {
            "self": {"name": name.lower(), "key": key},
            "exists": state is not None,
            "state": state,
            "batch": [_operation(event) for event in request.operationRequests],
        }
    )


def _operation(event: Any) -> dict[str, Any]:
    kind = event.WhichOneof("eventType")
    detail = getattr(event, kind)
    return {
        "name": detail.operation,
        "input": entity_input(text_or_none(detail, "input")),
        "signal": kind == "entityOperationSignaled",
    }


def _outcome(result: dict[str, Any]) -> Any:
    if not result["isError"]:
        return pb.OperationResult(success=pb.OperationResultSuccess(result=optional_text(result["result"])))
    failure = pb.TaskFailureDetails(errorType="Exception", errorMessage=sendable(str(df_loads(result["result"]))))
    return pb.OperationResult(failure=pb.OperationResultFailure(failureDetails=failure))
