"""Sending spans by OTLP, with the packages of OpenTelemetry, which read their own environment variables.

Most spans are made when they are over: an orchestration may take days, and other processes may see its end. So each has
an ID before it exists, by which its children name it.
"""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from durable_harness.host.tracing.context import SpanRef, new_root
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.id_generator import IdGenerator

logger = own_logger(HOST_LOGGER)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
DURABLE_SCOPE = "WebJobs.Extensions.DurableTask"
"""The source that the Durable extension's spans have in Azure."""
HOST_SCOPE = "durable_harness.host"
FLUSH_TIMEOUT_MS = 3_000
MISSING = (
    "%s is set, but OpenTelemetry's %s is not installed: no spans are sent. Unset the variable, or install it:"
    ' pip install "%s"'
)
_emitted: contextvars.ContextVar[SpanRef | None] = contextvars.ContextVar("_emitted", default=None)
"""The place of the span that is being made, which has its IDs already."""

Attributes = dict[str, str | int | None]
"""What has no value is left out."""
Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]


@dataclass(slots=True)
class Span:
    """A span that has not ended, or is being written down after its end. Times are ns since the epoch, UTC."""

    name: str
    kind: Kind
    at: SpanRef
    parent: SpanRef | None
    start_ns: int = field(default_factory=time.time_ns)
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
    """Why it failed; None if it did not."""
    scope: str = DURABLE_SCOPE


def child_of(parent: SpanRef | None) -> SpanRef:
    """Return the place of a new span under another, or of the first of a new trace."""
    return new_root() if parent is None else parent.child()


class Spans:
    """Sends spans. One for each host."""

    def __init__(self, exporter: SpanExporter, service_name: str) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource  # noqa: PLC0415 - optional
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - same

        resource = Resource.create({SERVICE_NAME: service_name}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, id_generator=_id_generator(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    def emit(self, span: Span, end_ns: int | None = None) -> None:
        """Send a span that has ended, by default now. The sampler of the environment decides whether it is kept."""
        from opentelemetry import trace  # noqa: PLC0415 - optional

        tracer = self._provider.get_tracer(span.scope)
        marked = _emitted.set(span.at)
        try:
            made = tracer.start_span(
                span.name,
                context=_otel_context(span.parent),
                kind=trace.SpanKind[span.kind],
                attributes={name: value for name, value in span.attributes.items() if value not in (None, "")},
                start_time=span.start_ns,
            )
        finally:
            _emitted.reset(marked)
        if span.error is not None:
            made.set_status(trace.Status(trace.StatusCode.ERROR, span.error))
        made.end(max(end_ns or time.time_ns(), span.start_ns))

    @contextlib.contextmanager
    def current(self, at: SpanRef | None) -> Iterator[None]:
        """Make a span the parent of those that code of the app makes in the block, if it uses OpenTelemetry."""
        if at is None:
            yield
            return
        from opentelemetry import context  # noqa: PLC0415 - optional

        token = context.attach(_otel_context(at))
        try:
            yield
        finally:
            context.detach(token)

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(FLUSH_TIMEOUT_MS)
        self._provider.shutdown()


def current_ref() -> SpanRef | None:
    """Return the span that OpenTelemetry has as the current one here, be it of the host or of the app."""
    from opentelemetry import trace  # noqa: PLC0415 - optional

    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return SpanRef(found.trace_id, found.span_id, int(found.trace_flags), found.trace_state.to_header())


def spans_from_environment(environ: Mapping[str, str], app_dir: Path) -> Spans | None:
    """Return the sender of spans if the environment names a collector, else None.

    Without OpenTelemetry's packages a warning names what to install: an app may have set the variable for itself.
    """
    variable = next((name for name in ENDPOINTS if environ.get(name)), None)
    is_off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    if variable is None or is_off:
        return None
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), "http/protobuf")
    try:
        exporter = _grpc_exporter() if protocol == "grpc" else _http_exporter()
    except ImportError:
        package = "opentelemetry-exporter-otlp-proto-grpc" if protocol == "grpc" else "durable-harness[otel]"
        logger.warning(MISSING, variable, f"exporter for {protocol}", package)
        return None
    return Spans(exporter, environ.get("WEBSITE_SITE_NAME") or app_dir.resolve().name)


def _http_exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - optional

    return OTLPSpanExporter()


def _grpc_exporter() -> SpanExporter:
    from importlib import import_module  # noqa: PLC0415 - optional

    module = import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    made: SpanExporter = module.OTLPSpanExporter()
    return made


def _otel_context(place: SpanRef | None) -> Context:
    """Return the context of OpenTelemetry in which a span is the current one, or none is."""
    from opentelemetry import trace  # noqa: PLC0415 - optional
    from opentelemetry.context import Context  # noqa: PLC0415 - same

    if place is None:
        return Context()
    span_context = trace.SpanContext(
        place.trace_id,
        place.span_id,
        is_remote=True,
        trace_flags=trace.TraceFlags(place.flags),
        trace_state=trace.TraceState.from_header([place.state]),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span_context), Context())


def _id_generator() -> IdGenerator:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - optional

    class KnownIds(RandomIdGenerator):
        """Generates for a span the IDs by which its children know it already."""

        def generate_span_id(self) -> int:
            known = _emitted.get()
            return super().generate_span_id() if known is None else known.span_id

        def generate_trace_id(self) -> int:
            known = _emitted.get()
            return super().generate_trace_id() if known is None else known.trace_id

    return KnownIds()
