"""The command `capacity`: its options, and what it prints."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.cli.app_folder import app_folder
from durable_harness.cli.experiment import (
    Interruptible,
    add_load,
    before_load,
    clear_reports,
    make_report_dir,
    offered_load,
    show_line,
)
from durable_harness.cli.experiment_evidence import gathering
from durable_harness.cli.parsed_values import above_zero, percents
from durable_harness.cli.record import DEFAULT_HOST
from durable_harness.errors import UsageError
from durable_harness.extras import require
from durable_harness.load.options.declared_option import DeclaredOption
from durable_harness.load.options.shared_options import FUNCTION_KEY
from durable_harness.network.base_urls import read_base_url
from durable_harness.terminal.colours import show
from durable_harness.terminal.help import add_command

if TYPE_CHECKING:
    from durable_harness.gate.capacity import Capacity, SearchPlan

REPORT_DIR = Path("build/capacity")
REPORTS = ("capacity.json", "capacity.html")


def add_capacity(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    capacity = add_command(
        commands,
        "capacity",
        "find the highest arrival rate that meets an objective",
        "durable-harness capacity --objective 'completion_ms p95 <= 2000, error_ratio <= 0.01'",
    )
    capacity.add_argument(
        "--objective", required=True, metavar="LIMITS", help="such as 'completion_ms p95 <= 2000, error_ratio <= 0.01'"
    )
    capacity.add_argument("--host", metavar="URL", help="a system that runs (default: serve the app in FOLDER)")
    FUNCTION_KEY.add_to(capacity)
    add_load(capacity)
    _add_search(capacity)
    capacity.set_defaults(run=_capacity)


SEARCH = (
    DeclaredOption("--start-rate", above_zero, 5.0, "first rate to try, operations per second", "N", has_twin=False),
    DeclaredOption("--max-rate", above_zero, 10_000.0, "highest rate to try", "N", has_twin=False),
    DeclaredOption("--resolution", percents, 0.1, "width of the result", "PERCENT", default_text="10", has_twin=False),
    DeclaredOption(
        "--trial",
        above_zero,
        15.0,
        "length of one trial; the longer, the lower the rates that can be judged",
        "SECONDS",
        has_twin=False,
    ),
    DeclaredOption("--warm-up", above_zero, 3.0, "load before each trial, in no figure", "SECONDS", has_twin=False),
    DeclaredOption(
        "--arrivals", str, "poisson", "gaps between arrivals", choices=("poisson", "constant"), has_twin=False
    ),
)
"""Those with the name of an option of load runs mean something else here, so they do not share its twin."""


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("search")
    for option in SEARCH:
        option.add_to(group)
    group.add_argument("--at-least", type=above_zero, metavar="N", help="a gate: less capacity ends with 1")
    group.add_argument("--report-dir", type=Path, default=REPORT_DIR, metavar="DIR", help=f"({REPORT_DIR})")


def _capacity(options: argparse.Namespace) -> int:
    require("load", "capacity")
    from durable_harness.experiments.capacity_report import render_text, trial_text, verdict_text, write_all  # noqa: PLC0415
    from durable_harness.experiments.capacity_search import CapacityOptions, find_capacity  # noqa: PLC0415
    from durable_harness.gate.capacity import read_objective  # noqa: PLC0415

    plan = _plan(options)
    given = CapacityOptions(
        objective=read_objective(options.objective),
        load=offered_load(options),
        plan=plan,
        host=None if options.host is None else read_base_url(options.host, "--host", DEFAULT_HOST),
        function_key=FUNCTION_KEY.of(options),
        app_dir=app_folder(options),
        trial_s=options.trial,
        warm_up_s=options.warm_up,
        process=options.arrivals,
        seed=options.seed,
        before=before_load(options),
    )
    make_report_dir(options.report_dir)
    with Interruptible() as run, gathering(options, given.app_dir, REPORTS) as evidence:
        clear_reports(options.report_dir, REPORTS)
        report = find_capacity(replace(given, **evidence.options), lambda measured: show_line(trial_text(measured)))
        written = write_all(report, options.report_dir)
        show(f"{render_text(report)}{written.sentence()}")
        code = run.exit_code if report.capacity.interrupted else capacity_exit_code(report.capacity, options.at_least)
        return evidence.finish(written.exit_code(code) or 0, verdict_text(report).splitlines()[0])


def _plan(options: argparse.Namespace) -> SearchPlan:
    """Return where to look: at no rate at which a trial has hardly any operation."""
    from durable_harness.gate.capacity import SearchPlan  # noqa: PLC0415
    from durable_harness.gate.capacity.search import FEWEST_JUDGED, FEWEST_PLANNED, LEAST  # noqa: PLC0415

    start = min(options.start_rate, options.max_rate)
    if start * options.trial < FEWEST_JUDGED:
        raise UsageError(
            f"--trial {options.trial:g}: at {start:g}/s a trial has {start * options.trial:.3g} operations, and fewer"
            f" than {FEWEST_JUDGED} prove nothing. Make trials longer (--trial {FEWEST_PLANNED / start:.3g}), or begin"
            " with a higher rate (--start-rate)."
        )
    least = min(max(LEAST, FEWEST_PLANNED / options.trial), start)
    return SearchPlan(start, least, options.max_rate, options.resolution)


def capacity_exit_code(found: Capacity, at_least: float | None) -> int:
    """Return 0 if the capacity suffices, 1 if it does not or there is none, 3 if the search found no answer."""
    if found.lower is not None and at_least is not None and found.lower >= at_least:
        return 0
    is_too_small = at_least is not None and found.upper is not None and found.upper <= at_least
    if found.proves_nothing and not is_too_small:
        return 3
    if found.upper is None and (at_least is not None or "generator" in found.limited_by):
        return 3
    if found.lower is None or at_least is not None:
        return 1
    return 0
