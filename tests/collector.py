"""An OTLP collector in the process of the test: takes metrics and spans over HTTP and remembers them."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TAKEN = {"/v1/metrics", "/v1/traces"}


class Collector:
    """Serves on a free port."""

    def __init__(self):
        self.requests, self.headers, self.traces = [], [], []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.collector = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def latest(self):
        """Return the metrics that came last, by their names."""
        resource = self.requests[-1].resource_metrics[0]
        return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}

    def attributes(self):
        """Return what the metrics that came last are of."""
        resource = self.requests[-1].resource_metrics[0].resource
        return {pair.key: pair.value.string_value for pair in resource.attributes}

    def spans(self):
        """Return all spans that have come."""
        resources = [spans for request in self.traces for spans in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    def close(self):
        """Take nothing any longer."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/metrics":
            self.server.collector.headers.append(dict(self.headers))
            self.server.collector.requests.append(ExportMetricsServiceRequest.FromString(body))
        elif self.path == "/v1/traces":
            self.server.collector.traces.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200 if self.path in TAKEN else 404)
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        """Keep quiet."""
