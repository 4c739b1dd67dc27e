"""What to start and how to follow it, before anything is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from durable_harness.operations.description import ServiceDescription, durable_webhooks
from durable_harness.operations.http_messages import Request
from durable_harness.operations.operation_record import Workload
from durable_harness.operations.output_checks import OutputCheck, accept_any_output
from durable_harness.operations.polling import PollStrategy

TRACE_HEADER, SPAN_ID_CHARS = "traceparent", 16
"""W3C Trace Context, level 1: the parent's id is 8 bytes in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """What to start and how to follow it.

        url = "http://localhost:7071/api/orders"
        OperationPlan("run-1", url, {"id": 7}, polling=FixedPolling(0.5), timeout_s=60)

    All fields after `timeout_s` have a default.
    """

    token: str
    """Unique in the run; part of the payload."""
    start_url: str
    payload: object
    """Sent as JSON."""
    polling: PollStrategy
    timeout_s: float
    """Seconds from sending the start after which the end is no longer waited for."""
    service: ServiceDescription = field(default_factory=durable_webhooks)
    base_url: str = ""
    """The service's URL, to which the description's own paths are added; may be empty if it has no paths of its own."""
    key_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Authorise the start and the description's own routes. URLs that the server returns do not get them: the key of
    a durable webhook is in its URL, and a header would win over it."""
    check_output: OutputCheck = accept_any_output
    intended: float = field(default_factory=time.monotonic)
    poll_phase: float = 1.0
    """Above 0 and at most 1, drawn for each operation: shifts the grid of its polls, see PollStrategy.delay_s."""
    scenario: str = ""
    workload: Workload = Workload.CLOSED
    """What decides when it starts; in an open workload `intended` is the moment of its arrival."""
    trace_id: str = ""
    """Sent with the start, so that its trace at the service can be found: 32 hexadecimal digits; empty to send none."""
    raises: tuple[str, object] | None = None
    """An event, and its data, that the driver raises for the operation once it is accepted."""

    @property
    def start_route(self) -> str:
        """The path of the start's URL; of one with values in it the description's, which all operations share."""
        path = self.service.start.path
        return f"{urlsplit(self.base_url).path}{path}" if "{" in path else urlsplit(self.start_url).path

    @property
    def origin(self) -> str:
        """The service's URL: what is given, else the origin of the start's."""
        return self.base_url or "{0.scheme}://{0.netloc}".format(urlsplit(self.start_url))

    def start_request(self) -> Request:
        """Return the request that starts the operation."""
        start = self.service.start
        headers = {"Content-Type": "application/json", **self._trace_headers, **start.headers, **self.key_headers}
        return Request(start.method, self.start_url, headers, json.dumps(self.payload).encode())

    @property
    def _trace_headers(self) -> Mapping[str, str]:
        """The W3C trace context of the start: it asks for its trace to be recorded."""
        if not self.trace_id:
            return {}
        return {TRACE_HEADER: f"00-{self.trace_id}-{self.trace_id[-SPAN_ID_CHARS:]}-01"}
