"""The endpoint that answers when operations ran and what they cost: `POST /admin/durable-harness/operations`.

The body names instances, `{"ids": ["…"]}`; the answer has what the scheduler measured for each that it knows. The
format is that of `Measurement.as_json`; times are nanoseconds since the epoch, by the scheduler's clock. `warnings` has
what came near a limit since the host started.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from durable_harness.host.durable_http.messages import ApiResponse, json_response
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError, Scheduler, is_text

logger = own_logger(HOST_LOGGER)

PATH = "/admin/durable-harness/operations"
MEASURED_BY = "durable-harness"
MAX_IDS = 1000
MAX_BODY_BYTES = 10_000_000


async def measure_operations(scheduler: Scheduler, body: bytes, warnings: Sequence[str] = ()) -> ApiResponse:
    """Answer a request for measurements: 200, 400 if the body is not a list of ids, 502 if the scheduler refuses."""
    try:
        ids = _read_ids(body)
    except ValueError as error:
        return json_response({"error": str(error)}, 400)
    try:
        measured = await scheduler.measure_instances(ids)
    except RpcError as error:
        logger.warning("Operations could not be measured: %s: %s", error.status, error)
        return json_response({"error": f"The scheduler answered {error.status}: {error}"}, 502)
    operations = {instance_id: measurement.as_json() for instance_id, measurement in measured.items()}
    return json_response({"measuredBy": MEASURED_BY, "operations": operations, "warnings": list(warnings)})


def _read_ids(body: bytes) -> list[str]:
    """Return the ids that a body names, each once. Raises ValueError with what is expected."""
    expected = f'expected a JSON object {{"ids": ["…"]}} with 1 to {MAX_IDS} instance ids'
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"The body has {len(body)} bytes; {expected}, at most {MAX_BODY_BYTES} bytes.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The body is not JSON; {expected}.") from error
    ids = document.get("ids") if isinstance(document, dict) else None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise ValueError(f'"ids" is not a list of texts; {expected}.')
    if not 1 <= len(ids) <= MAX_IDS:
        raise ValueError(f'"ids" has {len(ids)} items; {expected}.')
    return [each for each in dict.fromkeys(ids) if is_text(each)]  # no instance has half of a character in its id
