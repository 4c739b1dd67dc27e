"""The command `trend`: figures over many load runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from durable_harness.extras import require
from durable_harness.terminal.colours import show
from durable_harness.terminal.help import add_command


def add_trend(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    trend = add_command(
        commands,
        "trend",
        "show figures over many load runs, and the changes that are not noise",
        "durable-harness trend build/runs",
    )
    trend.add_argument("folder", type=Path, metavar="DIR", help="folder with the report folders of the runs")
    trend.add_argument(
        "--report-dir", type=Path, metavar="DIR", help="where trend.html and trend.json go (default: DIR)"
    )
    trend.set_defaults(run=_trend)


def _trend(options: argparse.Namespace) -> int:
    require("load", "trend")
    from durable_harness.gate.trend.report import TrendReport, render_text, write_all  # noqa: PLC0415 - other commands pay nothing
    from durable_harness.gate.trend.run_history import read_runs  # noqa: PLC0415 - same

    report = TrendReport.of(read_runs(options.folder))
    written = write_all(report, options.report_dir or options.folder)
    show(f"{render_text(report)}{written.sentence()}")
    return written.exit_code(0) or 0
