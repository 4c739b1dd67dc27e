"""The command `trend`: figures over many load runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from durable_harness.cli.experiment import needs_extra


def add_trend(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    trend = commands.add_parser("trend", help="show figures over many load runs, with the changes that are no noise")
    trend.add_argument("folder", type=Path, metavar="DIR", help="folder with the report folders of the runs")
    trend.add_argument(
        "--report-dir", type=Path, metavar="DIR", help="where trend.html and trend.json go (default: DIR)"
    )
    trend.set_defaults(run=_trend)


def _trend(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.gate.trend.report import TrendReport, render_text, write_all  # noqa: PLC0415 - other commands pay nothing
    from durable_harness.gate.trend.runs import read_runs  # noqa: PLC0415 - same

    report = TrendReport.of(read_runs(options.folder))
    written = write_all(report, options.report_dir or options.folder)
    sys.stdout.write(f"{render_text(report)}{written.sentence()}")
    return written.exit_code(0) or 0
