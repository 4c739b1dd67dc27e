"""The command `compare`: one recorded load run against another."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.cli.experiment import clear_reports, make_report_dir
from durable_harness.cli.question_options import REPORTS, add_question, finish, read_question
from durable_harness.documents import read_json
from durable_harness.extras import require
from durable_harness.terminal.help import add_command

if TYPE_CHECKING:
    from durable_harness.gate.who.time_shares import Attribution


def add_compare(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    compare = add_command(
        commands,
        "compare",
        "decide whether one recorded load run is slower than another",
        "durable-harness compare build/before build/after",
    )
    compare.add_argument("base", type=Path, help="report folder (or summary.json) of the run to compare with")
    compare.add_argument("head", type=Path, help="report folder (or summary.json) of the run in question")
    add_question(compare)
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    require("load", "compare")
    from durable_harness.gate.comparison import compare_runs, read_run  # noqa: PLC0415 - see the module's docstring

    question = read_question(options)
    make_report_dir(options.report_dir)
    clear_reports(options.report_dir, REPORTS)
    base, head = read_run(options.base), read_run(options.head)
    comparison = compare_runs(base, head, question, (str(options.base), str(options.head)))
    return finish(replace(comparison, split=_split(options)), options)


def _split(options: argparse.Namespace) -> tuple[Attribution, Attribution] | None:
    """Return who spent the time of both runs, if both have it in their summaries."""
    from durable_harness.gate.report.who import attribution_from  # noqa: PLC0415 - see the module's docstring

    found = []
    for path in (options.base, options.head):
        try:
            summary = read_json(path / "summary.json" if path.is_dir() else path)
            found.append(attribution_from(summary["who"]["mean"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
    base, head = found
    return None if base is None or head is None else (base, head)
