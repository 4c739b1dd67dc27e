"""The command `compare`: one recorded load run against another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from durable_harness.cli.experiment import needs_extra, prepare_reports
from durable_harness.cli.question import REPORTS, add_question, finish, read_question


def add_compare(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    compare = commands.add_parser("compare", help="decide whether one recorded load run is slower than another")
    compare.add_argument("base", type=Path, help="report folder (or summary.json) of the run to compare with")
    compare.add_argument("head", type=Path, help="report folder (or summary.json) of the run in question")
    add_question(compare)
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.gate.comparison import compare_runs, read_run  # noqa: PLC0415 - see the module's docstring

    question = read_question(options)
    prepare_reports(options.report_dir, REPORTS)
    base, head = read_run(options.base), read_run(options.head)
    return finish(compare_runs(base, head, question, (str(options.base), str(options.head))), options)
