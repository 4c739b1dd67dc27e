"""Add the options of a load run to Locust's command line, where they are checked before any load.

Each is declared once: `run`, `start`, `generator` and `metrics` in this folder have those of load runs, `shared` those
that `ab` and `capacity` have too.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from durable_harness.load.options.declared_option import options_of
from durable_harness.load.options.generator import BOUNDS, GeneratorOptions
from durable_harness.load.options.load_options import APP, GATES, LoadOptions
from durable_harness.load.options.metrics_options import MetricsOptions
from durable_harness.load.options.start import StartOptions

LOOPBACK = "127.0.0.1"
FORMER_APP_VARIABLE = "DURABLE_HARNESS_APP_DIR"
OPTIONS = (
    *options_of(LoadOptions),
    *options_of(StartOptions),
    *options_of(GeneratorOptions),
    *BOUNDS.values(),
    *options_of(MetricsOptions),
)
"""All options of a load run, in the order of its help."""


def add_options(parser: argparse.ArgumentParser, default_gates: Path | None) -> None:
    """Add the options to Locust's parser; those that a run in the web UI may change appear in its form."""
    _listen_on_loopback(parser)
    defaults = {APP.flag: os.environ.get(FORMER_APP_VARIABLE) or None}
    if default_gates is not None:
        defaults[GATES.flag] = str(default_gates)
    for option in OPTIONS:
        option.add_to_locust(parser, defaults.get(option.flag))


def _listen_on_loopback(parser: argparse.ArgumentParser) -> None:
    """Serve Locust's web UI to this machine alone by default: everyone who reaches it can make load."""
    parser.set_defaults(web_host=LOOPBACK)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to an option's help
        if action.dest == "web_host":
            action.help = f"Host to bind the web interface to, * for all interfaces. Defaults to {LOOPBACK}."
