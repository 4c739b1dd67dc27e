"""The command `ab`: two revisions of an app, run in turn on this machine.

Heavy imports wait until a command runs, so that every other one starts as fast as before.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
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
from durable_harness.cli.parsed_values import above_zero, whole
from durable_harness.cli.question_options import REPORTS, add_question, finish, read_question
from durable_harness.errors import UsageError
from durable_harness.extras import require
from durable_harness.load.options.declared_option import DeclaredOption
from durable_harness.terminal.colours import show
from durable_harness.terminal.help import add_command

if TYPE_CHECKING:
    from durable_harness.experiments.paired_comparison import AbOptions
    from durable_harness.gate.comparison import PairedComparison, Question

DEFAULT_COMPARISONS = 5
SHOWN_PAIRS = 5
"""After how many pairs a line of progress comes where the output is no terminal."""


SLICES = (
    DeclaredOption("--rate", above_zero, 30.0, "operations started per second", "N"),
    DeclaredOption("--slice", above_zero, 0.5, "length of one slice", "SECONDS", has_twin=False),
    DeclaredOption("--pairs", whole, 120, "pairs of slices at most", "N", has_twin=False),
    DeclaredOption("--warm-up", above_zero, 2.0, "load of each side that is in no figure", "SECONDS", has_twin=False),
)
"""Load runs count their warm-up differently, so its twin is not shared."""


def add_ab(commands: Any) -> None:
    """Add the command to the parsers of `durable-harness`."""
    ab = add_command(
        commands,
        "ab",
        "load two revisions of an app in turn and decide whether head is slower",
        "durable-harness ab --base origin/main --payload @loadtests/trip.json --rate 5",
    )
    ab.add_argument("--base", metavar="REV", help="git revision to compare with, such as origin/main")
    ab.add_argument("--head", default=".", metavar="REV", help="revision in question, . for the working tree (default)")
    add_load(ab)
    for option in SLICES:
        option.add_to(ab)
    ab.add_argument(
        "--aa",
        action="store_true",
        help="compare --head with itself, as it is and with an injected delay: what this comparison can see here",
    )
    ab.add_argument("--comparisons", type=whole, metavar="N", help=f"of each kind, with --aa ({DEFAULT_COMPARISONS})")
    add_question(ab)
    ab.set_defaults(run=_ab)


def _ab(options: argparse.Namespace) -> int:
    require("load", "ab")
    from durable_harness.experiments.paired_comparison import compare_versions  # noqa: PLC0415
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415

    given = ab_options(options)
    if options.aa:
        return _aa(options, given)
    if options.base is None:
        raise UsageError("ab needs --base REV, the revision to compare with, or --aa to compare --head with itself.")
    if options.comparisons is not None:
        raise UsageError("--comparisons is for --aa.")
    app = app_folder(options)
    make_report_dir(options.report_dir)
    with Interruptible() as run, gathering(options, app, REPORTS) as evidence:
        clear_reports(options.report_dir, REPORTS)
        with checked_out(app, options.base, options.head) as (base, head):
            comparison = compare_versions(base, head, replace(given, **evidence.options), _show_progress)
        code = finish(comparison, options)
        code = run.exit_code if comparison.interrupted else code
        return evidence.finish(code, f"{comparison.verdict}: {comparison.sentence}")


def _aa(options: argparse.Namespace, given: AbOptions) -> int:
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415
    from durable_harness.experiments.self_check import check_self  # noqa: PLC0415
    from durable_harness.experiments.self_check_report import render_text, write_json  # noqa: PLC0415

    if options.base is not None:
        raise UsageError("--aa compares --head with itself: leave --base out.")
    comparisons = DEFAULT_COMPARISONS if options.comparisons is None else options.comparisons
    if not comparisons:
        raise UsageError("--comparisons: got 0, expected at least 1.")
    app = app_folder(options)
    make_report_dir(options.report_dir)
    with Interruptible() as run, gathering(options, app, REPORTS) as evidence:
        clear_reports(options.report_dir, REPORTS)
        with checked_out(app, options.head, options.head) as (version, _):
            check = check_self(version, replace(given, **evidence.options), comparisons, show_line)
        written = write_json(check, options.report_dir)
        show(f"{render_text(check)}{written.sentence()}")
        code = written.exit_code(run.exit_code if check.interrupted else check.exit_code) or 0
        return evidence.finish(code, "a comparison of a revision with itself")


def ab_options(options: argparse.Namespace) -> AbOptions:
    """Return how revisions are compared; raise UsageError for what no comparison can be made with."""
    from durable_harness.experiments.paired_comparison import AbOptions  # noqa: PLC0415

    if options.poll_interval > options.slice:
        raise UsageError(
            f"--poll-interval {options.poll_interval:g} is longer than --slice {options.slice:g}: a slice would be "
            "over before most of its operations are polled. Poll more often, or make slices longer."
        )
    question = read_question(options)
    _check_pairs(options.pairs, question)
    return AbOptions(
        load=offered_load(options),
        question=question,
        rate_per_s=options.rate,
        slice_s=options.slice,
        warm_up_s=options.warm_up,
        most_pairs=options.pairs,
        seed=options.seed,
        before=before_load(options),
    )


def _check_pairs(pairs: int, question: Question) -> None:
    """Refuse so few pairs that no answer could come of them."""
    from durable_harness.gate.comparison.figures import DEFAULT_FIGURE  # noqa: PLC0415
    from durable_harness.gate.comparison.pairs import plan_looks  # noqa: PLC0415

    judged = question.judged(DEFAULT_FIGURE)
    least = max((plan_looks(design.bonferroni(len(judged)), 1)[0] for _, design in judged), default=0)
    if pairs < least:
        raise UsageError(
            f"--pairs {pairs}: {least} pairs are the fewest that can give an answer with these error rates. Take more "
            "pairs, or allow more errors (--false-alarm-rate, --power)."
        )


def _show_progress(figure: PairedComparison) -> None:
    """Show how far it is: on one line of a terminal, elsewhere every few pairs and at each planned look."""
    from durable_harness.gate.comparison.comparison_results import percent_text  # noqa: PLC0415
    from durable_harness.gate.comparison.ranks import centre  # noqa: PLC0415

    done, most = len(figure), figure.looks[-1]
    bar = "█" * round(20 * done / most)
    ratio = math.exp(centre(figure.log_ratios()))
    line = f"{bar:<20} {done} of at most {most} pairs, {figure.figure.name} {percent_text(ratio)} so far"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}\r" if done < most else "\r\x1b[K")
    elif figure.is_look or done % SHOWN_PAIRS == 0:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
