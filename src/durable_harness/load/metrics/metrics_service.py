"""Where the metrics of a run go: the port that is scraped, and the collector that they are sent to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import gevent

from durable_harness.load.metrics.families import Read
from durable_harness.load.metrics.otlp import OtlpExport, is_wanted
from durable_harness.load.metrics.scraping import serving
from durable_harness.load.options.metrics_options import MetricsOptions

LAST_SEND_S = 5.0
"""How long the end of a run waits for a collector to take its last figures."""

logger = logging.getLogger(__name__)


class MetricsOfRuns:
    """The metrics of a process's runs, as others see them."""

    def __init__(self, export: OtlpExport | None) -> None:
        self._export = export

    def run_is_over(self) -> None:
        """Send the last figures of a run, which nothing would send otherwise."""
        if self._export is not None:
            sending = gevent.spawn(self._export.send)
            sending.join(timeout=LAST_SEND_S)
            if not sending.ready():
                sending.kill()
                logger.warning("The collector did not take the last metrics of the run in %g s", LAST_SEND_S)


@contextmanager
def watched(options: MetricsOptions, read: Read) -> Iterator[MetricsOfRuns]:
    """Serve and send metrics as the options ask, as long as the context lasts; without them nothing happens.

    Raises PortInUseError for a port that is taken, UsageError for what cannot be done.
    """
    with ExitStack() as closing:
        export = OtlpExport(options.otlp_endpoint, read) if is_wanted(options.otlp_endpoint) else None
        if export is not None:
            closing.callback(export.close)
        if options.port is not None:
            url = closing.enter_context(serving(options.host, options.port, read))
            sys.stderr.write(f"locust: metrics of the run at {url}\n")
            sys.stderr.flush()
        yield MetricsOfRuns(export)
