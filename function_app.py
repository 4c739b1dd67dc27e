"""The Async HTTP API pattern as a Durable Functions app: POST starts, 202 says where to look, GET returns its status.

POST /api/async_http_api        -> 202, management URLs, Location, Retry-After
GET  /api/status/{instanceId}   -> 202 while it runs, 200 when it has ended, 404 if there is no such instance
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

DEFAULT_OPERATION_TYPE = "ProcessData"
DEFAULT_DURATION_S = 30.0
MAX_DURATION_S = 24 * 60 * 60.0
MAX_OPERATION_TYPE_CHARS = 256
MAX_DATA_BYTES = 256 * 1024
MAX_BODY_BYTES = MAX_DATA_BYTES + 16 * 1024
PROGRESS_STEPS = 4
RETRY_AFTER_S = 1
TERMINAL_STATES = frozenset({"Completed", "Failed", "Terminated", "Canceled"})

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
logger = logging.getLogger("async_http_api")


class InvalidOperationError(Exception):
    """Raised when a start request cannot be accepted; carries what the caller needs to correct it."""

    def __init__(self, field: str, got: str, allowed: str) -> None:
        super().__init__(f"{field}: got {got}, allowed is {allowed}")
        self.field, self.got, self.allowed = field, got, allowed


@app.route(route="async_http_api", methods=["POST"])
@app.durable_client_input(client_name="client")
async def async_operation(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a long-running operation and answer at once with the URLs that follow it."""
    try:
        operation = read_operation(req.get_body())
    except InvalidOperationError as error:
        return json_response(
            {"error": "InvalidOperation", "message": str(error)}
            | {"field": error.field, "got": error.got, "allowed": error.allowed},
            status_code=400,
        )
    instance_id = await client.start_new("async_http_orchestrator", client_input=operation)
    logger.info("Started orchestration %s (%s)", instance_id, operation["operation_type"])
    return client.create_check_status_response(req, instance_id)


@app.route(route="status/{instanceId}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def operation_status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Tell how an operation stands, in the shape a browser or a script can follow without knowing Durable Functions."""
    instance_id = req.route_params["instanceId"]
    status = await client.get_status(instance_id)
    if not status:
        return json_response(
            {"error": "NotFound", "message": f"There is no operation with the instance id '{instance_id}'."},
            status_code=404,
        )
    state = status.runtime_status.value
    body = {
        "instanceId": instance_id,
        "runtimeStatus": state,
        "output": status.output,
        "customStatus": status.custom_status,
        "createdTime": iso_utc(status.created_time),
        "lastUpdatedTime": iso_utc(status.last_updated_time),
        "managementUrls": client.get_client_response_links(req, instance_id),
    }
    if state in TERMINAL_STATES:
        return json_response(body)
    return json_response(body, status_code=202, headers={"Location": req.url, "Retry-After": str(RETRY_AFTER_S)})


@app.orchestration_trigger(context_name="context")
def async_http_orchestrator(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """Run the one activity of the pattern and tell its progress in the custom status."""
    operation = {**default_operation(), **(context.get_input() or {})}
    context.set_custom_status({"stage": "processing", "operation_type": operation["operation_type"]})
    result = yield context.call_activity("process_long_running_task", operation)
    context.set_custom_status({"stage": "done", "operation_type": operation["operation_type"]})
    return result


# Azure's worker takes plain classes alone for a parameter's type: dict[str, Any] would cost the app all functions.
@app.activity_trigger(input_name="operation")
async def process_long_running_task(operation: dict) -> dict[str, Any]:
    """Simulate work for `duration` seconds without holding a thread, logging each quarter of the way."""
    duration_s = operation["duration"]
    started, started_at = time.monotonic(), datetime.now(UTC)
    for step in range(1, PROGRESS_STEPS + 1):
        await asyncio.sleep(max(0.0, started + duration_s * step / PROGRESS_STEPS - time.monotonic()))
        logger.info("%s: %d %% of %s s", operation["operation_type"], 100 * step // PROGRESS_STEPS, duration_s)
    return {
        "task": operation["operation_type"],
        "result": "Success",
        "duration": duration_s,
        "data": operation.get("data"),
        "startedAt": iso_utc(started_at),
        "finishedAt": iso_utc(datetime.now(UTC)),
    }


def default_operation() -> dict[str, Any]:
    """Return what an empty request means."""
    return {"operation_type": DEFAULT_OPERATION_TYPE, "duration": DEFAULT_DURATION_S, "data": None}


def read_operation(body: bytes) -> dict[str, Any]:
    """Turn a request body into an operation, or raise InvalidOperationError naming the field, what came, what may."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidOperationError("body", f"{len(body)} bytes", f"at most {MAX_BODY_BYTES} bytes")
    try:
        given = json.loads(body, parse_constant=refuse_constant) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidOperationError("body", f"text that is not JSON ({error})", "a JSON object, {} at least") from error
    if not isinstance(given, dict):
        raise InvalidOperationError("body", f"a JSON {json_type(given)}", "a JSON object, {} at least")
    operation = {**default_operation(), **{k: v for k, v in given.items() if k in default_operation()}}
    check_operation_type(operation["operation_type"])
    check_duration(operation["duration"])
    check_data(operation["data"])
    return operation


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check_operation_type(value: object) -> None:
    if not isinstance(value, str) or not value or len(value) > MAX_OPERATION_TYPE_CHARS:
        allowed = f"a string of 1 to {MAX_OPERATION_TYPE_CHARS} characters"
        got = f"a string of {len(value)} characters" if isinstance(value, str) else f"a JSON {json_type(value)}"
        raise InvalidOperationError("operation_type", got, allowed)


def check_duration(value: object) -> None:
    allowed = f"a finite number of seconds from 0 to {MAX_DURATION_S:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOperationError("duration", f"a JSON {json_type(value)}", allowed)
    if not 0 <= value <= MAX_DURATION_S or not math.isfinite(value):
        raise InvalidOperationError("duration", str(value)[:40], allowed)


def check_data(value: object) -> None:
    size = len(json.dumps(value))
    if size > MAX_DATA_BYTES:
        raise InvalidOperationError("data", f"{size} bytes as JSON", f"at most {MAX_DATA_BYTES} bytes as JSON")


def json_type(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def json_response(body: object, status_code: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body), status_code=status_code, headers=headers or {}, mimetype="application/json"
    )


def iso_utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
