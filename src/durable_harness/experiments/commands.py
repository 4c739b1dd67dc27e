"""The commands `compare` and `ab`: their options, and what they print.

Heavy imports wait until a command runs, so that every other one starts as fast as before.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.experiments.arguments import (
    Interruptible,
    above_zero,
    add_load,
    needs_extra,
    offered_load,
    percents,
    whole,
)
from durable_harness.experiments.capacity_command import add_capacity

if TYPE_CHECKING:
    from durable_harness.gate.comparison import Comparison, Design, Figure, PairedComparison

CANNOT_TELL_CODES = {"pass": 0, "fail": 1, "invalid": 3}
REPORT_DIR = Path("build/comparison")


def add_commands(commands: Any) -> None:
    """Add them to the parsers of `durable-harness`."""
    compare = commands.add_parser("compare", help="say whether one recorded load run is slower than another")
    compare.add_argument("base", type=Path, help="report folder (or summary.json) of the run to compare with")
    compare.add_argument("head", type=Path, help="report folder (or summary.json) of the run in question")
    add_question(compare)
    compare.set_defaults(run=_compare)
    ab = commands.add_parser("ab", help="run two revisions in turn on this machine and say whether head is slower")
    ab.add_argument("--base", required=True, metavar="REV", help="git revision to compare with, such as origin/main")
    ab.add_argument("--head", default=".", metavar="REV", help="revision in question, . for the working tree (default)")
    add_load(ab)
    ab.add_argument("--rate", type=above_zero, default=20.0, metavar="N", help="operations started per second (20)")
    ab.add_argument("--slice", type=above_zero, default=2.0, metavar="SECONDS", help="length of one slice (2)")
    ab.add_argument("--pairs", type=whole, default=60, metavar="N", help="pairs of slices at most (60)")
    ab.add_argument("--warm-up", type=above_zero, default=3.0, metavar="SECONDS", help="discarded load a side (3)")
    add_question(ab)
    ab.set_defaults(run=_ab)
    add_capacity(commands)


def add_question(parser: argparse.ArgumentParser) -> None:
    """Options that say what is asked, and what becomes of the answer."""
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--metric",
        action="append",
        metavar="'NAME PERCENTILE'",
        help="figure to compare, again for more of them (default: [relative] of --gates, else 'completion_ms p95')",
    )
    group.add_argument("--gates", type=Path, metavar="FILE", help="take the figures from this file's [relative] tables")
    group.add_argument("--effect", type=percents, metavar="PERCENT", help="slowdown that matters (default: 5)")
    group.add_argument("--false-alarm-rate", type=percents, metavar="PERCENT", help="at most (default: 0.25)")
    group.add_argument("--power", type=percents, metavar="PERCENT", help="for a slowdown that matters (default: 99)")
    group.add_argument(
        "--max-error-ratio",
        type=percents,
        default=0.01,
        metavar="PERCENT",
        help="operations that may not complete: more fail the head, or make the base no base (default: 1)",
    )
    group.add_argument(
        "--cannot-tell",
        choices=tuple(CANNOT_TELL_CODES),
        default="invalid",
        help="exit code where nobody can tell: pass 0, fail 1, invalid 3 (default)",
    )
    group.add_argument("--report-dir", type=Path, default=REPORT_DIR, metavar="DIR", help=f"(default: {REPORT_DIR})")


def _compare(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.gate.comparison import compare_runs, read_run  # noqa: PLC0415 - see the module's docstring

    wanted = _wanted(options)
    base, head = read_run(options.base), read_run(options.head)
    names = (str(options.base), str(options.head))
    return _tell(compare_runs(base, head, wanted, names, options.max_error_ratio), options)


def _ab(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.experiments.ab import AbOptions, compare_versions  # noqa: PLC0415
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415

    given = AbOptions(
        load=offered_load(options),
        wanted=_wanted(options),
        rate_per_s=options.rate,
        slice_s=options.slice,
        warm_up_s=options.warm_up,
        most_pairs=options.pairs,
        max_error_ratio=options.max_error_ratio,
        seed=options.seed,
    )
    with Interruptible() as run, checked_out(options.app_dir, options.base, options.head) as (base, head):
        comparison = compare_versions(base, head, given, _show_progress)
    code = _tell(comparison, options)
    return run.exit_code if comparison.interrupted else code


def _wanted(options: argparse.Namespace) -> tuple[tuple[Figure, Design], ...]:
    from durable_harness.gate import load_gate_file  # noqa: PLC0415
    from durable_harness.gate.comparison import DEFAULT_FIGURE, Design, read_figure  # noqa: PLC0415
    from durable_harness.gate.comparison.figures import Figure, read_percent  # noqa: PLC0415

    relative = load_gate_file(options.gates).relative if options.gates else None
    errors = {"false_alarm_rate": options.false_alarm_rate, "miss_rate": options.power and 1 - options.power}
    if relative:
        errors = {name: getattr(relative, name) if value is None else value for name, value in errors.items()}
    known = {name: value for name, value in errors.items() if value is not None}
    effect = {} if options.effect is None else {"effect": options.effect}
    if options.metric:
        design = Design(**known, **effect)
        return tuple((figure, design) for figure in dict.fromkeys(map(read_figure, options.metric)))
    if relative and relative.gates:
        return tuple(
            (
                Figure(gate.metric, read_percent(gate.statistic)),
                Design(**{"effect": gate.ratio - 1, **known, **effect}),
            )
            for gate in relative.gates
        )
    return ((DEFAULT_FIGURE, Design(**known, **effect)),)


def _tell(comparison: Comparison, options: argparse.Namespace) -> int:
    from durable_harness.gate.comparison.rendering import render_text, write_all  # noqa: PLC0415

    cannot_tell = CANNOT_TELL_CODES[options.cannot_tell]
    paths = write_all(comparison, options.report_dir, cannot_tell)
    sys.stdout.write(f"{render_text(comparison)}Reports: {', '.join(map(str, paths))}\n")
    return comparison.exit_code(cannot_tell)


def _show_progress(figure: PairedComparison) -> None:
    """Tell how far it is: on one line of a terminal, elsewhere at each planned look."""
    from durable_harness.gate.comparison.results import percent_text  # noqa: PLC0415

    done, most = len(figure.pairs), figure.looks[-1]
    bar = "█" * round(20 * done / most)
    ratio = math.exp(float(sum(figure.log_ratios())) / done)
    line = f"{bar:<20} {done} of at most {most} pairs, {figure.figure.name} {percent_text(ratio)} on average"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}\r" if done < most else "\r\x1b[K")
    elif figure.is_look:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
