"""The metrics of a run sent by OTLP over HTTP, by the exporter of OpenTelemetry, which reads its own variables.

The exporter gets the current values, with the time since which they were counted. So nothing is counted twice, and
a collector that was away for a while misses no operation.
"""

from __future__ import annotations

import os
import time
from typing import Any

import gevent
from gevent.event import Event

from durable_harness.errors import UsageError
from durable_harness.extras import install_command
from durable_harness.load.metrics.families import Buckets, Family, MetricKind, Read, Reading, families
from durable_harness.wording.lengths import NS_PER_S

ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
INTERVAL_MS = 10_000.0
METRICS_PATH = "/v1/metrics"
SCOPE = "durable_harness.load"
UNITS = {"seconds": "s", "bytes": "By", "": "1"}
MISSING = (
    "{asked}, but the packages that send metrics by OTLP are not installed.\n"
    "  Leave that out, or install them: {command}"
)


def is_wanted(endpoint: str) -> bool:
    """Return whether metrics are to be sent: to the option's endpoint, or the environment's."""
    return bool(endpoint) or any(os.environ.get(name) for name in ENDPOINTS)


class OtlpExport:
    """Sends the metrics now and then from a greenlet of its own, and once more when a run is over."""

    def __init__(self, endpoint: str, read: Read) -> None:
        """Get ready; raise UsageError if the packages are missing."""
        self._read = read
        self._exporter = _new_exporter(endpoint)
        self._interval_s = _interval_s()
        self._closing = Event()
        self._greenlet: Any = gevent.spawn(self._send_now_and_then)

    def send(self) -> None:
        """Send the current metrics; the exporter logs what cannot be sent."""
        reading = self._read()
        if reading.tally.scenarios:
            self._exporter.export(_metrics_data(reading))

    def close(self) -> None:
        """Stop sending."""
        self._closing.set()
        self._greenlet.kill()
        self._exporter.shutdown()

    def _send_now_and_then(self) -> None:
        while not self._closing.wait(timeout=self._interval_s):
            self.send()


def _new_exporter(endpoint: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        name = next((name for name in ENDPOINTS if os.environ.get(name)), "")
        asked = "--otlp-endpoint is given" if endpoint else f"{name} is set"
        raise UsageError(MISSING.format(asked=asked, command=install_command("otel"))) from None
    if not endpoint:
        return OTLPMetricExporter()
    base = endpoint.rstrip("/")
    return OTLPMetricExporter(endpoint=base if base.endswith(METRICS_PATH) else f"{base}{METRICS_PATH}")


def _interval_s() -> float:
    text = os.environ.get(INTERVAL) or INTERVAL_MS
    try:
        interval_ms = float(text)
    except ValueError:
        interval_ms = 0.0
    if not 0 < interval_ms < float("inf"):
        raise UsageError(f"{INTERVAL}: got '{text}', expected milliseconds above 0")
    return interval_ms / 1000


def _metrics_data(reading: Reading) -> Any:
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics  # noqa: PLC0415 - optional
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    identity = {f"durable_harness.{name}": text for name, text in reading.identity.items()}
    attributes = {"service.name": "durable-harness", **identity}
    span_ns = int(reading.began_epoch_s * NS_PER_S), int(time.time() * NS_PER_S)
    metrics = [_metric(family, *span_ns) for family in families(reading.tally)]
    scope = ScopeMetrics(InstrumentationScope(SCOPE), metrics, "")
    return MetricsData([ResourceMetrics(Resource.create(attributes), [scope], "")])


def _metric(family: Family, began_ns: int, now_ns: int) -> Any:
    from opentelemetry.sdk.metrics import export as sdk  # noqa: PLC0415 - optional

    cumulative = sdk.AggregationTemporality.CUMULATIVE
    points: list[Any] = []
    for labels, value in family.points:
        if isinstance(value, Buckets):
            counted = (value.count, value.sum, value.counts, value.bounds, value.min, value.max)
            points.append(sdk.HistogramDataPoint(dict(labels), began_ns, now_ns, *counted))
        else:
            points.append(sdk.NumberDataPoint(dict(labels), began_ns, now_ns, value))
    data: Any
    match family.kind:
        case MetricKind.HISTOGRAM:
            data = sdk.Histogram(points, cumulative)
        case MetricKind.COUNTER:
            data = sdk.Sum(points, cumulative, is_monotonic=True)
        case MetricKind.GAUGE:
            data = sdk.Gauge(points)
    return sdk.Metric(_dotted(family.name), family.help, UNITS[family.unit], data)


def _dotted(name: str) -> str:
    """Return a name as OpenTelemetry has it: without the unit, which is a field of its own there."""
    return (
        name.replace("durable_harness_load_", "durable_harness.load.").removesuffix("_seconds").removesuffix("_bytes")
    )
