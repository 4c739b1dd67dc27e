"""The metrics of a run at a port, in the formats of Prometheus and OpenMetrics: prometheus_client writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from durable_harness.errors import PortInUseError, UsageError
from durable_harness.load.metrics.families import PREFIX, Buckets, Family, MetricKind, Read, families
from durable_harness.network.callers import foreign_call
from durable_harness.platforms.sockets import is_port_taken
from durable_harness.wording.foreign_text import shown

PATH = "/metrics"
EVERYWHERE = {"*": ""}
"""How Locust's options name all interfaces, and how sockets do."""


@contextmanager
def serving(host: str, port: int, read: Read) -> Iterator[str]:
    """Serve the metrics as long as the context lasts; yield their URL.

    Raises PortInUseError if another process listens there, UsageError for a host that is not this machine.
    """
    registry = CollectorRegistry()
    registry.register(RunCollector(read))
    server = WSGIServer((EVERYWHERE.get(host, host), port), _guarded(make_wsgi_app(registry)), log=None)
    try:
        server.start()
    except OSError as error:
        if is_port_taken(error):
            raise PortInUseError(
                f"--metrics-port {port}: another process listens there; choose another port"
            ) from error
        raise UsageError(f"--metrics-host {host}, port {port}: cannot listen there ({error.strerror})") from error
    try:
        yield f"http://{host}:{server.server_port}{PATH}"
    finally:
        server.stop(timeout=0)


class RunCollector(Collector):
    """Collects the current metrics when a registry asks for them."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        reading = self._read()
        info = InfoMetricFamily(f"{PREFIX}_run", "The run that the metrics are of.")
        info.add_metric([], {name: shown(text) for name, text in reading.identity.items()})
        yield info
        # All values are of one moment. Writing them takes longer, and operations continue in between.
        for family in list(families(reading.tally)):
            gevent.sleep(0)
            yield _metric(family)


def _metric(family: Family) -> Metric:
    names = list(family.points[0][0])
    match family.kind:
        case MetricKind.HISTOGRAM:
            metric: Any = HistogramMetricFamily(family.name, family.help, labels=names, unit=family.unit)
        case MetricKind.COUNTER:
            metric = CounterMetricFamily(family.name, family.help, labels=names, unit=family.unit)
        case MetricKind.GAUGE:
            metric = GaugeMetricFamily(family.name, family.help, labels=names, unit=family.unit)
    for labels, value in family.points:
        values = (_cumulative(value), value.sum) if isinstance(value, Buckets) else (value,)
        metric.add_metric(list(labels.values()), *values)
    made: Metric = metric
    return made


def _cumulative(buckets: Buckets) -> list[tuple[str, float]]:
    """Return (upper bound, how many values are up to it), the last bound being infinity."""
    total, rows = 0, []
    for bound, count in zip((*buckets.bounds, float("inf")), buckets.counts, strict=True):
        total += count
        text: str = floatToGoString(bound)  # type: ignore[no-untyped-call] # of prometheus_client
        rows.append((text, float(total)))
    return rows


def _guarded(app: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse what a page of another site asks for, as all endpoints of the harness do."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): text
            for name, text in environ.items()
            if name.startswith("HTTP_")
        }
        hosts = [headers["Host"]] if "Host" in headers else []
        problem = foreign_call(environ["REQUEST_METHOD"], hosts, headers)
        if problem:
            start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [problem.encode()]
        if environ["PATH_INFO"] != PATH:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"The metrics of the run are at {PATH}\n".encode()]
        return app(environ, start_response)

    return answer
