"""One operation, driven by an HTTP client of one's own: python drive_operation.py URL [JSON]."""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import assert_type
from urllib.parse import urlsplit

from durable_harness.operations import (
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationRecord,
    OperationState,
    PollStrategy,
    Request,
    poll_strategy,
)


def send(request: Request) -> HttpResponse | NoResponse:
    """Send a request; return what came of it. `http.client` follows no redirect: the operation reads them itself."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(request.method, f"{parts.path}?{parts.query}", request.body, dict(request.headers))
        answer = connection.getresponse()
        return HttpResponse(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except OSError as error:
        return NoResponse(str(error))
    finally:
        connection.close()


def drive(url: str, payload: object) -> OperationRecord:
    """Start an operation and follow it to its end; return its record."""
    polling = poll_strategy("exponential", interval_s=0.5)
    assert_type(polling, PollStrategy)
    operation = Operation(OperationPlan("one", url, payload, polling, timeout_s=60.0))
    operation.sent(time.monotonic())
    operation.start_answered(send(operation.plan.start_request()), time.monotonic())
    while operation.next_poll is not None and operation.status_url is not None:
        assert_type(operation.next_poll, float)
        time.sleep(max(0.0, operation.next_poll - time.monotonic()))
        operation.poll_sent(time.monotonic())
        operation.poll_answered(send(Request("GET", operation.status_url, operation.poll_headers)), time.monotonic())
    operation.teach()
    assert_type(operation.record, OperationRecord)
    return operation.record


if __name__ == "__main__":
    record = drive(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})
    assert_type(record.state, OperationState)
    sys.exit(0 if record.state is OperationState.COMPLETED else f"{record.state.value}: {record.error}")
