"""The options of live metrics: where they are served, where they are sent, and whether starts carry a trace."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from urllib.parse import urlsplit

from durable_harness.load.options.declared_option import DeclaredOption, declared, read_fields
from durable_harness.load.options.option_values import whole_number

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535
SWITCH = ("on", "off")


def read_port(text: str) -> int | None:
    """Read a port, 0 for a free one; an empty text is None."""
    if text and whole_number(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a port up to {HIGHEST_PORT}")
    return int(text) if text else None


def read_endpoint(text: str) -> str:
    """Read an HTTP URL, or an empty text."""
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc):
        raise argparse.ArgumentTypeError(f"got '{text}', expected a URL like http://localhost:4318")
    return text


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Where the figures of a run can be seen while it continues. None is in the web form: pages open no ports."""

    port: int | None = declared(
        DeclaredOption(
            "--metrics-port",
            read_port,
            "",
            "serve the run's metrics to Prometheus at this port while it continues, 0 for a free one",
            "PORT",
            in_web_form=False,
        )
    )
    host: str = declared(
        DeclaredOption(
            "--metrics-host",
            lambda text: text or LOOPBACK,
            LOOPBACK,
            "host to serve metrics at, * for all interfaces",
            "HOST",
            in_web_form=False,
        )
    )
    otlp_endpoint: str = declared(
        DeclaredOption(
            "--otlp-endpoint",
            read_endpoint,
            "",
            "send the run's metrics there by OTLP over HTTP, like http://localhost:4318",
            "URL",
            default_text="OTEL_EXPORTER_OTLP_ENDPOINT, and to none without it",
            in_web_form=False,
        )
    )
    has_traces: bool = declared(
        DeclaredOption(
            "--traceparent",
            lambda text: text == "on",
            "on",
            "whether each start carries a W3C trace parent, by which its trace at the service can be found",
            choices=SWITCH,
            in_web_form=False,
        )
    )

    @classmethod
    def read(cls, parsed: argparse.Namespace) -> MetricsOptions:
        """Return the typed options; raise ArgumentTypeError for a value that no run can use."""
        return cls(**read_fields(cls, parsed))
