"""Spans of requests to HTTP functions, by the semantic conventions of OpenTelemetry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from durable_harness.host.app.functions import Function
from durable_harness.host.app.invocation import TraceContext
from durable_harness.host.tracing.context import parse
from durable_harness.host.tracing.spans import HOST_SCOPE, Span, Spans, child_of

SERVER_ERROR = 500


@dataclass(slots=True)
class TracedCall:
    """A request to a function: the trace context that the function gets, and the status that it is answered with."""

    trace: TraceContext
    status: int | None = None


class RequestSpans:
    """Puts requests into the trace that their headers name."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    @contextlib.contextmanager
    def of_function(
        self, function: Function, request: web.BaseRequest, headers: Mapping[str, str]
    ) -> Iterator[TracedCall]:
        """Take a request to a function; the block sets the status of its answer."""
        parent = parse(headers.get("traceparent", ""), headers.get("tracestate", ""))
        route = "/" + str(function.trigger.get("route") or function.name).lstrip("/")
        span = Span(f"{request.method} {route}", "SERVER", child_of(parent), parent, scope=HOST_SCOPE)
        call = TracedCall(TraceContext(span.at.trace_parent, span.at.state))
        try:
            with self._spans.current(span.at):
                yield call
        finally:
            span.attributes = {
                "http.request.method": request.method,
                "http.route": route,
                "url.path": request.rel_url.raw_path,
                "http.response.status_code": call.status,
                "faas.name": function.name,
                "faas.trigger": "http",
            }
            if call.status is None or call.status >= SERVER_ERROR:
                span.error = "" if call.status is None else f"HTTP {call.status}"
            self._spans.emit(span)

    @contextlib.contextmanager
    def from_caller(self, headers: Mapping[str, str]) -> Iterator[None]:
        """Put what is done in the block into the trace of the caller; the request itself has no span."""
        with self._spans.current(parse(headers.get("traceparent", ""), headers.get("tracestate", ""))):
            yield
