"""The options of live metrics: where they are served, where they are sent, and whether starts carry a trace."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from durable_harness.load.options.values import choice, whole_number

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535
SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Who may watch a run while it goes on."""

    port: int | None = None
    """None serves no metrics; 0 takes a free port."""
    host: str = LOOPBACK
    otlp_endpoint: str = ""
    """Where to send metrics; empty leaves it to OpenTelemetry's own variables."""
    has_traces: bool = True
    """Whether each start carries a trace parent."""

    @classmethod
    def read(cls, parsed: Any) -> MetricsOptions:
        """Type Locust's parsed options; raise ArgumentTypeError for a value that no run can use."""
        text = str(parsed.metrics_port)
        return cls(
            port=int(text) if text else None,
            host=parsed.metrics_host or LOOPBACK,
            otlp_endpoint=_endpoint(parsed.otlp_endpoint),
            has_traces=choice(SWITCH)(parsed.traceparent) == "on",
        )


def add_metrics_options(parser: Any) -> None:
    """Add them to Locust's parser; none is in the web form, since pages open no ports."""
    parser.add_argument(
        "--metrics-port",
        type=_port,
        metavar="<port>",
        env_var="DURABLE_HARNESS_METRICS_PORT",
        default="",
        include_in_web_ui=False,
        help="Serve the run's metrics to Prometheus at this port while it goes on, 0 for a free one. Defaults to none.",
    )
    parser.add_argument(
        "--metrics-host",
        metavar="<host>",
        env_var="DURABLE_HARNESS_METRICS_HOST",
        default=LOOPBACK,
        include_in_web_ui=False,
        help=f"Host to serve them at, * for all interfaces. Defaults to {LOOPBACK}.",
    )
    parser.add_argument(
        "--otlp-endpoint",
        type=_endpoint,
        metavar="<url>",
        env_var="DURABLE_HARNESS_OTLP_ENDPOINT",
        default="",
        include_in_web_ui=False,
        help="Send the run's metrics there by OTLP over HTTP, like http://localhost:4318. Defaults to "
        "OTEL_EXPORTER_OTLP_ENDPOINT, and to none without it.",
    )
    parser.add_argument(
        "--traceparent",
        choices=SWITCH,
        env_var="DURABLE_HARNESS_TRACEPARENT",
        default="on",
        include_in_web_ui=False,
        help="Whether each start carries a W3C trace parent, by which its trace at the service can be found.",
    )


def _port(text: str) -> str:
    if text and whole_number(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a port up to {HIGHEST_PORT}")
    return text


def _endpoint(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc):
        raise argparse.ArgumentTypeError(f"got '{text}', expected a URL like http://localhost:4318")
    return text
