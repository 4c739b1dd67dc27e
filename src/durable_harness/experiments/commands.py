"""The commands `compare` and `ab`: their options, and what they print.

Heavy imports wait until a command runs, so that every other one starts as fast as before.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.errors import UsageError
from durable_harness.experiments.arguments import (
    Interruptible,
    above_zero,
    add_load,
    needs_extra,
    offered_load,
    percents,
    prepare_reports,
    whole,
)
from durable_harness.experiments.capacity_command import add_capacity

if TYPE_CHECKING:
    from durable_harness.experiments.ab import AbOptions
    from durable_harness.gate.comparison import Comparison, Figure, PairedComparison, Question
    from durable_harness.gate.gatefile import RelativeGates

CANNOT_TELL_CODES = {"pass": 0, "fail": 1, "invalid": 3}
REPORT_DIR = Path("build/comparison")
REPORTS = ("comparison.json", "comparison.md", "comparison.xml", "self-check.json")
"""What the commands write there."""
DEFAULT_COMPARISONS = 5


def add_commands(commands: Any) -> None:
    """Add them to the parsers of `durable-harness`."""
    compare = commands.add_parser("compare", help="decide whether one recorded load run is slower than another")
    compare.add_argument("base", type=Path, help="report folder (or summary.json) of the run to compare with")
    compare.add_argument("head", type=Path, help="report folder (or summary.json) of the run in question")
    add_question(compare)
    compare.set_defaults(run=_compare)
    ab = commands.add_parser("ab", help="run two revisions in turn on this machine and decide whether head is slower")
    ab.add_argument("--base", metavar="REV", help="git revision to compare with, such as origin/main")
    ab.add_argument("--head", default=".", metavar="REV", help="revision in question, . for the working tree (default)")
    add_load(ab)
    ab.add_argument("--rate", type=above_zero, default=30.0, metavar="N", help="operations started per second (30)")
    ab.add_argument("--slice", type=above_zero, default=0.5, metavar="SECONDS", help="length of one slice (0.5)")
    ab.add_argument("--pairs", type=whole, default=120, metavar="N", help="pairs of slices at most (120)")
    ab.add_argument("--warm-up", type=above_zero, default=2.0, metavar="SECONDS", help="discarded load a side (2)")
    ab.add_argument(
        "--aa",
        action="store_true",
        help="compare --head with itself, as it is and with an injected delay: what this comparison can see here",
    )
    ab.add_argument("--comparisons", type=whole, metavar="N", help=f"of each kind, with --aa ({DEFAULT_COMPARISONS})")
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
        help="figure or count to judge, again for more of them: 'execution_ms p50', 'actions_per_operation'"
        " (default: [relative] of --gates, else 'finish_ms p95', or 'completion_ms p95' where that is not known)",
    )
    group.add_argument(
        "--gates",
        type=Path,
        metavar="FILE",
        help="take figures and effects from this file's [relative] tables; --metric and --effect win over them",
    )
    group.add_argument(
        "--effect", type=percents, metavar="PERCENT", help="slowdown that matters (default: 5; of counts: any)"
    )
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
        help="exit code where it cannot tell: pass 0, fail 1, invalid 3 (default)",
    )
    group.add_argument("--report-dir", type=Path, default=REPORT_DIR, metavar="DIR", help=f"(default: {REPORT_DIR})")


def _compare(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.gate.comparison import compare_runs, read_run  # noqa: PLC0415 - see the module's docstring

    question = _question(options)
    prepare_reports(options.report_dir, REPORTS)
    base, head = read_run(options.base), read_run(options.head)
    return _finish(compare_runs(base, head, question, (str(options.base), str(options.head))), options)


def _ab(options: argparse.Namespace) -> int:
    needs_extra()
    from durable_harness.experiments.ab import compare_versions  # noqa: PLC0415
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415

    given = ab_options(options)
    if options.aa:
        return _aa(options, given)
    if options.base is None:
        raise UsageError("ab needs --base REV, the revision to compare with, or --aa to compare --head with itself.")
    if options.comparisons is not None:
        raise UsageError("--comparisons is for --aa.")
    prepare_reports(options.report_dir, REPORTS)
    with Interruptible() as run, checked_out(options.app_dir, options.base, options.head) as (base, head):
        comparison = compare_versions(base, head, given, _show_progress)
    code = _finish(comparison, options)
    return run.exit_code if comparison.interrupted else code


def _aa(options: argparse.Namespace, given: AbOptions) -> int:
    from durable_harness.experiments.revisions import checked_out  # noqa: PLC0415
    from durable_harness.experiments.self_check import check_self  # noqa: PLC0415
    from durable_harness.experiments.self_check_report import render_text, write_json  # noqa: PLC0415

    if options.base is not None:
        raise UsageError("--aa compares --head with itself: leave --base out.")
    comparisons = DEFAULT_COMPARISONS if options.comparisons is None else options.comparisons
    if not comparisons:
        raise UsageError("--comparisons: got 0, expected at least 1.")
    prepare_reports(options.report_dir, REPORTS)
    with Interruptible() as run, checked_out(options.app_dir, options.head, options.head) as (version, _):
        check = check_self(version, given, comparisons, _show_line)
    written = write_json(check, options.report_dir)
    sys.stdout.write(f"{render_text(check)}{written.sentence()}")
    return written.exit_code(run.exit_code if check.interrupted else check.exit_code) or 0


def ab_options(options: argparse.Namespace) -> AbOptions:
    """Return how revisions are compared; raise UsageError for what no comparison can be made with."""
    from durable_harness.experiments.ab import AbOptions  # noqa: PLC0415

    if options.poll_interval > options.slice:
        raise UsageError(
            f"--poll-interval {options.poll_interval:g} is longer than --slice {options.slice:g}: a slice would be "
            "over before most of its operations are polled. Poll more often, or make slices longer."
        )
    question = _question(options)
    _check_pairs(options.pairs, question)
    return AbOptions(
        load=offered_load(options),
        question=question,
        rate_per_s=options.rate,
        slice_s=options.slice,
        warm_up_s=options.warm_up,
        most_pairs=options.pairs,
        seed=options.seed,
    )


def _check_pairs(pairs: int, question: Question) -> None:
    """Refuse so few pairs that no answer could come of them."""
    from durable_harness.gate.comparison.figures import DEFAULT_FIGURE  # noqa: PLC0415
    from durable_harness.gate.comparison.pairs import plan_looks  # noqa: PLC0415

    judged = question.judged(DEFAULT_FIGURE)
    least = max((plan_looks(design.shared_by(len(judged)), 1)[0] for _, design in judged), default=0)
    if pairs < least:
        raise UsageError(
            f"--pairs {pairs}: {least} pairs are the fewest that can give an answer with these error rates. Take more "
            "pairs, or allow more errors (--false-alarm-rate, --power)."
        )


def _question(options: argparse.Namespace) -> Question:
    from durable_harness.gate import load_gate_file  # noqa: PLC0415
    from durable_harness.gate.comparison import Design, Question, read_figure  # noqa: PLC0415
    from durable_harness.gate.comparison.figures import MEAN, Figure, read_percent  # noqa: PLC0415

    relative = load_gate_file(options.gates).relative if options.gates else None
    if relative is not None and not relative.gates and not options.metric:
        raise UsageError(f"--gates {options.gates}: has no [relative] table. Add one, or name a --metric.")
    errors = {"false_alarm_rate": options.false_alarm_rate, "miss_rate": options.power and 1 - options.power}
    if relative:
        errors = {name: getattr(relative, name) if value is None else value for name, value in errors.items()}
    known = {name: value for name, value in errors.items() if value is not None}
    effect = {} if options.effect is None else {"effect": options.effect}
    figures: list[tuple[Figure, Design]] = []
    counts: dict[str, float] = {}
    if options.metric:
        for figure in dict.fromkeys(map(read_figure, options.metric)):
            if figure.kind.is_count:
                counts[figure.metric] = options.effect or 0.0
            else:
                figures.append((figure, Design(**{**_effect_in(relative, figure), **known, **effect})))
    elif relative:
        for gate in relative.gates:
            if gate.statistic == MEAN:
                counts[gate.metric] = gate.ratio - 1 if options.effect is None else options.effect
            else:
                design = Design(**{"effect": gate.ratio - 1, **known, **effect})
                figures.append((Figure(gate.metric, read_percent(gate.statistic)), design))
    return Question(tuple(figures), counts, Design(**known, **effect), options.max_error_ratio)


def _effect_in(relative: RelativeGates | None, figure: Figure) -> dict[str, float]:
    """Return the effect that a gates file has for a figure, if it has one."""
    gates = relative.gates if relative else ()
    limits = {f"{gate.metric} {gate.statistic}": gate.ratio - 1 for gate in gates}
    return {"effect": limits[figure.name]} if figure.name in limits else {}


def _finish(comparison: Comparison, options: argparse.Namespace) -> int:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")  # The progress line is done with.
    from durable_harness.gate.comparison.rendering import render_text, write_all  # noqa: PLC0415

    cannot_tell = CANNOT_TELL_CODES[options.cannot_tell]
    written = write_all(comparison, options.report_dir, cannot_tell)
    sys.stdout.write(f"{render_text(comparison)}{written.sentence()}")
    return written.exit_code(comparison.exit_code(cannot_tell)) or 0


def _show_line(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _show_progress(figure: PairedComparison) -> None:
    """Show how far it is: on one line of a terminal, elsewhere at each planned look."""
    from durable_harness.gate.comparison.ranks import centre  # noqa: PLC0415
    from durable_harness.gate.comparison.results import percent_text  # noqa: PLC0415

    done, most = len(figure), figure.looks[-1]
    bar = "█" * round(20 * done / most)
    ratio = math.exp(centre(figure.log_ratios()))
    line = f"{bar:<20} {done} of at most {most} pairs, {figure.figure.name} {percent_text(ratio)} so far"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}\r" if done < most else "\r\x1b[K")
    elif figure.is_look:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
